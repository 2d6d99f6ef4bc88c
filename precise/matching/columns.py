"""First-layer weights on the inputs outside the slice, when everything else is known.

At a point of the slice, the slope along another input c is sum_i y_i w_ic, with y_i the known influence of neuron i on
the output there. Slopes at a few points with independent influences give column c. The points are chosen by pivoted QR
among all measured regions, each weighted by its room: an error of 2 E / h in the slope counts less in a large region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, fmpz, fmpz_mat
from scipy.linalg import qr

from precise.arithmetic import SliceBatch
from precise.rounding.balls import Ball, Vector, met, middles, radius, solve_consistent
from precise.rounding.evaluation import evaluation_error
from precise.rounding.intervals import SLACK, IntervalNetwork
from precise.rounding.known import KnownLayers
from precise.rounding.regions import HALVINGS, Region, slope_between
from precise.rounding.view import GridPoint, View

SPARE = 2  # equations beyond the unknowns
COLUMNS_AT_ONCE = 32


@dataclass(frozen=True)
class _Slope:
    """The slope at a centre along one more input, and the answers that it comes from."""

    value: Ball
    step: int  # in grid units
    before: Ball
    after: Ball


@dataclass(frozen=True)
class _Place:
    """A region's centre, and how the first layer's neurons enter the output there."""

    region: Region
    influence: Vector


def other_columns(
    view: View,
    known: KnownLayers,
    regions: Sequence[Region],
    outputs: Sequence[Ball],
    progress: Callable[[int, int], None],
) -> dict[int, Vector] | None:
    """{input: its weight on every first-layer neuron} for the inputs outside the slice; None if one cannot be told."""
    inputs = [c for c in range(view.oracle.input_width) if c not in set(view.coordinates)]
    if not inputs:
        return {}
    places = _chosen(view, known, regions, outputs)
    if places is None:
        return None
    combined = [*([row.entries for row in layer] for layer in known.layers), [[*outputs, arb(0)]]]
    network = IntervalNetwork(combined)
    found: dict[int, Vector] = {}
    for start in range(0, len(inputs), COLUMNS_AT_ONCE):
        part = inputs[start : start + COLUMNS_AT_ONCE]
        slopes = _slopes(view, [place.region for place in places], part)
        underflow = _underflow(view, part)
        for number, c in enumerate(part):
            told = [(p, s) for p, row in zip(places, slopes, strict=True) if (s := row[number]) is not None]
            weights = solve_consistent([p.influence for p, _ in told], [s.value for _, s in told])
            weights = None if weights is None else _sharper(view, network, told, weights, underflow)
            if weights is None:
                return None
            found[c] = weights
        progress(len(found), len(inputs))
    return found


def _sharper(
    view: View,
    network: IntervalNetwork,
    told: Sequence[tuple[_Place, _Slope]],
    weights: Vector,
    underflow: float,
) -> Vector | None:
    """The column once more, with what its first enclosure proves; None if the answers contradict it.

    If both points beside a centre have the same proved sides, the output is affine between them: the slope is
    (f(x + h) - f(x - h)) / 2 h, with errors of an evaluation with the enclosed rows.
    """
    wider = network.with_input(weights)
    sides = [[*view.floats(p.region.centre), side * s.step / (1 << view.grid)] for p, s in told for side in (-1, 1)]
    points = np.array(sides)
    found = wider.passed(points)
    signs = np.hstack([np.sign(layer.mid) for layer in found.hidden])
    same = found.told[::2] & found.told[1::2] & (signs[::2] == signs[1::2]).all(axis=1)
    kind = view.promise.evaluation
    errors = np.full(len(points), np.inf)
    if kind is not None and len(view.combination) == 1:
        errors = evaluation_error(kind, wider, points, found)[:, 0] * (1 + SLACK) + underflow
    slopes = []
    for number, (_, s) in enumerate(told):
        before, after = (_within(a, e) for a, e in zip((s.before, s.after), errors[2 * number : 2 * number + 2]))
        central = (after - before) * (arb(1 << view.grid) / (2 * s.step))
        slopes.append(central if same[number] else s.value)
    again = solve_consistent([p.influence for p, _ in told], slopes)
    if again is None:
        return weights
    both = [met(old, new) for old, new in zip(weights, again, strict=True)]
    agreed = [ball for ball in both if ball is not None]
    return agreed if len(agreed) == len(both) else None


def _within(answer: Ball, error: float) -> Ball:
    """The answer with the smaller of two proved errors."""
    return arb(answer.mid(), error) if error < radius(answer) else answer


def _underflow(view: View, inputs: Sequence[int]) -> float:
    """What underflow may cost at points that use these inputs beside the slice."""
    columns = [*view.coordinates, *inputs]
    ones = fmpz_mat(1, len(columns), [1] * len(columns))
    return view.promise.underflow(SliceBatch(ones, fmpz(1), tuple(columns), view.oracle.input_width))


def _chosen(view: View, known: KnownLayers, regions: Sequence[Region], outputs: Sequence[Ball]) -> list[_Place] | None:
    """Regions with independent influences, best first."""
    influences = [(r, known.backwards(view.balls(r.centre), outputs)) for r in regions]
    candidates = [_Place(r, y) for r, y in influences if y is not None]
    neurons = len(known.layers[0])
    if len(candidates) < neurons:
        return None
    table = np.array([middles(p.influence) * p.region.step for p in candidates])
    order = [int(i) for i in qr(table.T, mode="r", pivoting=True)[1][: neurons + SPARE]]
    if np.linalg.matrix_rank(table[order]) < neurons:
        return None
    return [candidates[i] for i in order]


def _slopes(view: View, regions: Sequence[Region], inputs: Sequence[int]) -> list[list[_Slope | None]]:
    """Shape (regions, inputs): the slope at every centre along every input; None where no step was straight."""
    found: list[list[_Slope | None]] = [[None] * len(inputs) for _ in regions]
    columns = [*view.coordinates, *inputs]
    steps = {(r, c): regions[r].step for r in range(len(regions)) for c in range(len(inputs))}
    for _ in range(HALVINGS):
        points = [
            _beside(regions[r].centre, len(inputs), c, side * h) for (r, c), h in steps.items() for side in (1, -1)
        ]
        answers = [view.combined(row) for row in view.ask_wide(points, columns)]
        for number, ((r, c), h) in enumerate(list(steps.items())):
            after, before = answers[2 * number : 2 * number + 2]
            slope = slope_between(before, regions[r].value, after, h, view.grid)
            if slope is not None:
                found[r][c] = _Slope(slope, h, before, after)
                del steps[r, c]
            elif h > 1:
                steps[r, c] = h // 2
            else:
                del steps[r, c]
        if not steps:
            break
    return found


def _beside(centre: GridPoint, inputs: int, column: int, by: int) -> GridPoint:
    return [*centre, *(by if c == column else 0 for c in range(inputs))]


def widened(rows: Sequence[Sequence[Ball]], inside: Sequence[int], outside: dict[int, Vector]) -> list[Vector]:
    """First-layer rows on all inputs, from those on the slice and the other columns."""
    width = len(inside) + len(outside)
    found = []
    for i, row in enumerate(rows):
        whole = [arb(0)] * width
        for c, w in zip(inside, row, strict=True):
            whole[c] = w
        for c, column in outside.items():
            whole[c] = column[i]
        found.append(whole)
    return found
