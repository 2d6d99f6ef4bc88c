"""Which neuron of one network is which of another, layer by layer: an explanation, never a proof.

Rows are paired by the absolute value of their cosine (an assignment problem); whether a pair is the same up
to a factor, has a wrong sign or differs at some entries is decided exactly, in the first network's order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from flint import fmpq
from scipy.optimize import linear_sum_assignment

from precise.arithmetic import primitive, to_float
from precise.errors import InputError
from precise.network import Layer, Network


class Match(Enum):
    """What a pair of neurons has in common; the value is the word for reports."""

    EXACT = "exact"  # the same row up to a positive factor
    FLIPPED = "sign flipped"  # the same row up to a negative factor
    DIFFERS = "differs"  # other entries, however small the difference
    MISSING = "missing"  # the first network's neuron has no counterpart
    EXTRA = "extra"  # the second network's neuron has none


@dataclass(frozen=True)
class Pair:
    """A neuron of the first network and its counterpart; numbers count from 1."""

    first: int | None  # the neuron of the first network; None: extra
    second: int | None  # that of the second one; None: missing
    match: Match
    scale: fmpq | None = None  # the second row is this multiple of the first, where they agree
    cosine: float | None = None  # of the angle between the rows, bias included
    entries: tuple[int, ...] = ()  # that differ: 0 the bias, i the first network's input i, more for extra ones


@dataclass(frozen=True)
class LayerAlignment:
    """The pairs of one layer, in the order of the first network."""

    layer: int  # from 1; the last is the output layer, whose neurons are paired in order
    pairs: tuple[Pair, ...]

    def count(self) -> dict[str, int]:
        """How many pairs there are of each kind that occurs."""
        counts = Counter(pair.match for pair in self.pairs)
        return {match.value: counts[match] for match in Match if counts[match]}


# Times the median of a row's entries: below what stands for unknown weights, 2^32 times the largest known one.
DWARFED = fmpq(2) ** 28

Rows = list[list[fmpq]]  # (bias, weights ...) of every neuron


def align(first: Network, second: Network) -> tuple[LayerAlignment, ...]:
    """Pair the neurons of two networks, first layer to last.

    Raises:
        InputError: the networks differ in the number of layers, inputs or outputs.
    """
    if len(first.layers) != len(second.layers):
        counts = f"{len(first.layers)} and {len(second.layers)}"
        raise InputError(f"expected networks with the same number of layers, not {counts}")
    for kind, a, b in (
        ("inputs", first.input_width, second.input_width),
        ("outputs", first.output_width, second.output_width),
    ):
        if a != b:
            raise InputError(f"expected networks with the same number of {kind}, not {a} and {b}")
    before = [Pair(n, n, Match.EXACT, fmpq(1)) for n in range(1, first.input_width + 1)]
    found = []
    for number, (layer, other) in enumerate(zip(first.layers, second.layers, strict=True), 1):
        rows, others = _first_rows(layer, before), _second_rows(other, before)
        last = number == len(first.layers)
        before = _outputs(rows, others) if last else _hidden(rows, others)
        found.append(LayerAlignment(number, tuple(before)))
    return tuple(found)


def _first_rows(layer: Layer, before: Sequence[Pair]) -> Rows:
    """The first network's rows, with a 0 for every extra neuron of the second one."""
    extra = [fmpq(0)] * sum(pair.match is Match.EXTRA for pair in before)
    return [[bias, *row, *extra] for row, bias in zip(layer.weights, layer.biases, strict=True)]


def _second_rows(layer: Layer, before: Sequence[Pair]) -> Rows:
    """The second network's rows, in the first one's order and scale."""
    rows = []
    for row, bias in zip(layer.weights, layer.biases, strict=True):
        rows.append([bias, *(_weight(row, pair) for pair in before)])
    return rows


def _weight(row: Sequence[fmpq], pair: Pair) -> fmpq:
    if pair.second is None:
        return fmpq(0)
    weight = row[pair.second - 1]
    return weight if pair.scale is None else weight * abs(pair.scale)


def _hidden(rows: Rows, others: Rows) -> list[Pair]:
    """Pair by |cosine|; the leftovers of the longer side come last."""
    cosines = _unit(rows) @ _unit(others).T
    partners = {int(i): int(j) for i, j in zip(*linear_sum_assignment(-np.abs(cosines)), strict=True)}
    pairs = []
    for i, row in enumerate(rows):
        if i in partners:
            j = partners[i]
            pairs.append(_compared(i + 1, j + 1, row, others[j], float(cosines[i, j])))
        else:
            pairs.append(Pair(i + 1, None, Match.MISSING))
    left = sorted(set(range(len(others))) - set(partners.values()))
    return [*pairs, *(Pair(None, j + 1, Match.EXTRA) for j in left)]


def _outputs(rows: Rows, others: Rows) -> list[Pair]:
    """Pair in order; no factor is allowed."""
    pairs = []
    for number, (row, other) in enumerate(zip(rows, others, strict=True), 1):
        entries = _different(row, other, fmpq(1))
        match = Match.DIFFERS if entries else Match.EXACT
        pairs.append(Pair(number, number, match, fmpq(1), _cosine(row, other), entries))
    return pairs


def _compared(i: int, j: int, row: list[fmpq], other: list[fmpq], cosine: float) -> Pair:
    direction, opposite = primitive(row), primitive([-value for value in row])
    found = primitive(other)
    scale = _scale(row, other, cosine)
    if found == direction:
        return Pair(i, j, Match.EXACT, scale, cosine)
    if found == opposite:
        return Pair(i, j, Match.FLIPPED, scale, cosine)
    return Pair(i, j, Match.DIFFERS, scale, cosine, _different(row, other, scale))


def _scale(row: list[fmpq], other: list[fmpq], cosine: float) -> fmpq:
    """The most frequent ratio of two entries; if none repeats, that at the largest entry."""
    ratios = {n: b / a for n, (a, b) in enumerate(zip(row, other, strict=True)) if a and b}
    if not ratios:
        return fmpq(1)
    (text, count), *_ = Counter(map(str, ratios.values())).most_common(1)
    if count > 1:
        return next(ratio for ratio in ratios.values() if str(ratio) == text)
    return ratios[max(ratios, key=lambda n: abs(row[n]))]


def _different(row: list[fmpq], other: list[fmpq], scale: fmpq) -> tuple[int, ...]:
    return tuple(n for n, (a, b) in enumerate(zip(row, other, strict=True)) if a * scale != b)


def _cosine(row: list[fmpq], other: list[fmpq]) -> float:
    return float(_unit([row])[0] @ _unit([other])[0])


def _unit(rows: Rows) -> np.ndarray:
    """Rows of length 1 in float64 (0 for rows of zeros), whatever the size of the numbers.

    An entry that dwarfs the others stands for a weight that acts nowhere and is not known: it counts as 0.
    """
    found = []
    for row in rows:
        sizes = sorted(abs(value) for value in row if value)
        most = DWARFED * sizes[len(sizes) // 2] if sizes else fmpq(1)
        largest = max((size for size in sizes if size <= most), default=fmpq(1))
        floats = np.array([to_float(value / largest) if abs(value) <= most else 0.0 for value in row])
        found.append(floats / (float(np.linalg.norm(floats)) or 1.0))
    return np.array(found)
