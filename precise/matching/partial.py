"""Partial signatures, and which of them are one neuron's [CJM20, section 4.2].

At a bend the jump N x + d of the output is a multiple of some neuron's preactivation. In terms of the layer below, N =
sum_j alpha_j M_j over the neurons j that are active there: the alpha_j are the row on them, on an unknown scale, and
the other entries stay open. Two partial signatures are one neuron's if they are proportional on common entries. Balls
that overlap say little when they are large: a match needs MATCH_BITS of agreement, so that two different rows agree by
accident in one case of 2^MATCH_BITS; with less, it cannot be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flint import arb

from precise.matching.survey import Bend
from precise.rounding.balls import Ball, digits, dot, met, middle, solve_consistent, surely_not_zero
from precise.rounding.known import KnownLayers
from precise.rounding.view import View

MATCH_BITS = 40.0
MOST_BITS_AN_ENTRY = 30.0  # what one entry can contribute: agreement of one entry alone is never enough
BIAS = -1  # the key of the bias


@dataclass(frozen=True)
class Partial:
    """A row on some neurons of the layer below, on a scale of its own."""

    entries: dict[int, Ball]  # input neuron (or coordinate) -> weight; BIAS -> bias
    bend: Bend


@dataclass
class Group:
    """Partial signatures of one neuron, merged on the scale that makes one entry 1."""

    reference: int
    entries: dict[int, Ball]
    members: list[Partial] = field(default_factory=list)

    def missing(self, width: int) -> list[int]:
        """The inputs whose weights are open."""
        return [j for j in range(width) if j not in self.entries]

    @property
    def told_bits(self) -> float:
        """Bits beyond the scale: at most so many can agree with another one, and a match takes MATCH_BITS."""
        told = (e for j, e in self.entries.items() if j != self.reference and not e.contains(0))
        return sum(min(MOST_BITS_AN_ENTRY, digits(e)) for e in told)


def partial_of(view: View, known: KnownLayers, bend: Bend) -> Partial | None:
    """The partial signature of a bend in terms of the last known layer; None if the bend is explained, or of no use."""
    if not known.depth:
        entries: dict[int, Ball] = dict(enumerate(bend.normal))
        entries[BIAS] = bend.constant
        return Partial(entries, bend)
    place, other = view.balls(bend.before.centre), view.balls(bend.after.centre)
    pattern = known.pattern(place)
    if pattern != known.pattern(other) or any(0 in sides for sides in pattern):
        return None  # a known neuron lies between
    local = known.local(place)
    if local is None:
        return None
    active = [j for j, side in enumerate(pattern[-1]) if side > 0]
    columns = [[local.rows[j][c] for j in active] for c in range(view.width)]
    found = solve_consistent(columns, list(bend.normal)) if active else None
    if found is None:
        return None
    entries = dict(zip(active, found, strict=True))
    entries[BIAS] = bend.constant - dot(found, [local.constants[j] for j in active])
    return Partial(entries, bend)


def started(partial: Partial) -> Group | None:
    """A group of one; None if no entry is proved not to be 0."""
    weights = [j for j in partial.entries if j != BIAS]
    reference = max(weights, key=lambda j: abs(middle(partial.entries[j])), default=None)
    if reference is None or not surely_not_zero(partial.entries[reference]):
        return None
    return Group(reference, _scaled(partial.entries, partial.entries[reference], arb(1), reference), [partial])


def _scaled(entries: dict[int, Ball], by: Ball, to: Ball, reference: int) -> dict[int, Ball]:
    factor = to / by
    return {j: to if j == reference else value * factor for j, value in entries.items()}


def joined(group: Group, partial: Partial) -> Group | None:
    """The group with one more member; None if they are proved different or it cannot be told."""
    common = [j for j in partial.entries if j != BIAS and j in group.entries]
    pivot = _pivot(group, partial, common)
    if pivot is None:
        return None
    factor = group.entries[pivot] / partial.entries[pivot]
    merged, agreement = dict(group.entries), 0.0
    for j in (BIAS, *common):
        if j == pivot:
            continue
        value = partial.entries[j] * factor
        both = met(merged[j], value)
        if both is None:
            return None
        agreement += _agreement(merged[j], value)
        merged[j] = both
    if agreement < MATCH_BITS:
        return None
    merged |= {j: value * factor for j, value in partial.entries.items() if j not in merged}
    return Group(group.reference, merged, [*group.members, partial])


def _pivot(group: Group, partial: Partial, common: list[int]) -> int | None:
    """The entry on which both are brought to one scale: the group's reference, or the largest one."""
    if group.reference in partial.entries and surely_not_zero(partial.entries[group.reference]):
        return group.reference
    pivot = max(common, key=lambda j: abs(middle(group.entries[j])), default=None)
    if pivot is None or group.entries[pivot].contains(0) or partial.entries[pivot].contains(0):
        return None
    return pivot


def _agreement(first: Ball, second: Ball) -> float:
    """Bits that two overlapping balls have in common; entries that may be 0 in both tell nothing."""
    if first.contains(0) and second.contains(0):
        return 0.0
    return min(MOST_BITS_AN_ENTRY, digits(first - second))
