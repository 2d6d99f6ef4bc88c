"""Is what an extraction under rounding error claims right? Enclosures and signs against the true network, exactly.

A recovered row is written for normalised neurons: every true row is divided by the size of one true entry. The claim is
right if all quotients of one true neuron lie in the row's balls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, fmpq

from precise.matching.extract import Matched
from precise.network import Network
from precise.rounding.balls import working_precision
from precise.rounding.known import KnownRow


@dataclass(frozen=True)
class LayerScore:
    """One hidden layer."""

    claimed: int  # rows
    enclosed: int  # of them, whose true row lies in the balls
    distinct: int  # true neurons that they are
    signs: int  # claimed and right
    wrong_signs: int  # claimed as proved and wrong
    bits: float  # -log2 of the largest true error of a midpoint, relative to the row's largest entry
    exact: int  # claimed as rationals, and right
    wrong_exact: int


@dataclass(frozen=True)
class _Match:
    neuron: int
    side: int  # the factor's sign
    size: fmpq  # by which the true row was divided
    error: fmpq
    enclosed: bool
    row: list[fmpq]


def scores(true: Network, result: Matched) -> list[LayerScore]:
    """A score for every layer that is claimed; provisional rows are not, and score nothing."""
    found = zip(layer_scores(true, result), result.report.layers)
    return [score for score, layer in found if not layer.provisional]


def layer_scores(true: Network, result: Matched) -> list[LayerScore]:
    """A score for every layer that the extraction began, provisional ones too."""
    with working_precision():
        return [_score(result, number, matches) for number, matches in enumerate(_matches(true, result))]


def rest_score(true: Network, result: Matched) -> tuple[int, int]:
    """(claimed, of them wrong): first-layer rows on all inputs, and output rows, of a complete network."""
    if not result.report.complete:
        return 0, 0
    with working_precision():
        matches = _matches(true, result)
        first = true.layers[0].weights
        pairs = [
            (balls, [w * m.side / m.size for w in first[m.neuron]])
            for balls, m in zip(result.first, matches[0], strict=True)
        ]
        pairs += zip(result.outputs, _written(true, len(true.layers) - 1, [], matches[-1]), strict=True)
        return len(pairs), sum(not _holds(balls, values) for balls, values in pairs)


def _matches(true: Network, result: Matched) -> list[list[_Match]]:
    """The true neuron of every row of the slice's network."""
    found: list[list[_Match]] = []
    for number, rows in enumerate(result.layers):
        candidates = _written(true, number, result.report.slice_inputs, found[-1] if found else None)
        found.append([_best(row, candidates) for row in rows])
    return found


def _holds(balls: Sequence[arb], values: Sequence[fmpq]) -> bool:
    return all(e.contains(arb(v)) for e, v in zip(balls, values, strict=True))


def _score(result: Matched, number: int, matches: Sequence[_Match]) -> LayerScore:
    report = result.report.layers[number]
    told = [sign != 0 for sign in report.signs]
    applied = all(told)  # then the rows were written with their active sides positive
    right = [m.side == (1 if applied else s) for m, s in zip(matches, report.signs)]
    proved = report.certain_signs == sum(told)
    exact = {row: values for (layer, row), values in result.exact.items() if layer == number + 1}
    # rows were certified before their signs were applied
    good = sum(values in (matches[i - 1].row, [-v for v in matches[i - 1].row]) for i, values in exact.items())
    worst = max((m.error for m in matches), default=fmpq(0))
    return LayerScore(
        len(matches),
        sum(m.enclosed for m in matches),
        len({m.neuron for m in matches}),
        sum(r and t for r, t in zip(right, told)),
        sum(t and not r for r, t in zip(right, told)) if proved else 0,
        -math.log2(float(worst)) if worst else math.inf,
        good,
        len(exact) - good,
    )


def _written(true: Network, number: int, columns: Sequence[int], below: Sequence[_Match] | None) -> list[list[fmpq]]:
    """The true rows for the extraction's order and scale of the layer below: weights, bias."""
    layer = true.layers[number]
    if below is None:
        return [[*(row[c] for c in columns), b] for row, b in zip(layer.weights, layer.biases, strict=True)]
    return [[*(row[m.neuron] * m.size for m in below), b] for row, b in zip(layer.weights, layer.biases, strict=True)]


def _best(row: KnownRow, candidates: Sequence[list[fmpq]]) -> _Match:
    found = [
        _compared(row, neuron, side, values)
        for neuron, values in enumerate(candidates)
        if values[row.reference] != 0
        for side in (1, -1)
    ]
    return min(found, key=lambda m: m.error)


def _compared(row: KnownRow, neuron: int, side: int, values: list[fmpq]) -> _Match:
    size = abs(values[row.reference])
    scaled = [v / size * side for v in values]
    largest = max(map(abs, scaled))
    error = max(abs(e.mid().fmpq() - v) for e, v in zip(row.entries, scaled, strict=True)) / largest
    return _Match(neuron, side, size, error, _holds(row.entries, scaled), scaled)
