"""The scale of one row as a multiple of another: the ratio on which most of their entries agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flint import fmpq

from verify.diagnosis.agreement import log2
from verify.diagnosis.sides import EXACT, ONE, Side, near_to

NARROW = 6  # entries up to which a single ratio counts


def row_side(partner: int, row: list[fmpq], other: Sequence[fmpq | None], slack: fmpq) -> Side:
    """The scale on which most entries of two rows agree; of slack None if no two agree on one."""
    ratios = [b / a for a, b in zip(row, other, strict=True) if a and b]
    if not ratios:
        same = not any(row) and not any(v for v in other if v is not None)
        return Side(partner, ONE, EXACT if same else None)
    scale, count = modes(ratios, slack)[0]
    expected = len([a for a, b in zip(row, other, strict=True) if b is not None and (a or b)])
    weak = 2 * count < expected if slack else count < 2 <= expected or (count == 2 and expected > NARROW)
    return Side(partner, scale, None if weak else slack)


def modes(ratios: Sequence[fmpq], slack: fmpq) -> list[tuple[fmpq, int]]:
    """The most frequent ratios with how often they occur, 1 and -1 first among equals; with slack only the centre."""
    if slack:
        centre = centre_of(ratios)
        return [(centre, sum(near_to(ratio, centre, slack) for ratio in ratios))]
    counts = Counter(ratios)
    most = max(counts.values())
    if most == 1 and len(ratios) > NARROW:
        centre = centre_of(ratios)
        return [(centre, 1), *((r, 1) for r in dict.fromkeys(ratios) if r != centre)]
    found = [(ratio, most) for ratio, count in counts.items() if count == most]
    return sorted(found, key=lambda pair: abs(pair[0]) != 1)


def centre_of(ratios: Sequence[fmpq]) -> fmpq:
    """The ratio in the middle of the densest third of them (of one sign, the more frequent one)."""
    positive = [ratio for ratio in ratios if ratio > 0]
    side = positive if 2 * len(positive) >= len(ratios) else [ratio for ratio in ratios if ratio < 0]
    ordered = sorted(side, key=abs)
    width = min(len(ordered), max(2, -(-len(ratios) // 3)))
    sizes = [log2(ratio) for ratio in ordered]
    start = min(range(len(ordered) - width + 1), key=lambda n: sizes[n + width - 1] - sizes[n])
    return ordered[start + width // 2 if width > 2 else start]
