"""First-layer weights on the inputs outside the slice, when everything else is known.

At a point of the slice, the slope along another input c is sum_i y_i w_ic, with y_i the known influence of neuron i on
the output there. Slopes at a few points with independent influences give column c. The points are chosen by pivoted QR
among those where one neuron is active alone (`isolated`), and if these do not tell every neuron, among all measured
regions as well; each is weighted by its step and its expected error: a slope's error is 2 E / h.

**Influences.** What the rows above prove of y_i has the error of those rows. Where neuron i is active alone, the slope
along the slice's coordinate on which its weight is exactly 1 or -1 is y_i or -y_i, measured: y_i lies in both balls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from flint import arb, fmpz, fmpz_mat
from scipy.linalg import qr

from precise.arithmetic import SliceBatch
from precise.matching.design import expected_error
from precise.matching.isolated import isolated_points
from precise.rounding.balls import Ball, Vector, met, middles, radius, solve_consistent, surely_not_zero
from precise.rounding.evaluation import evaluation_error
from precise.rounding.intervals import SLACK, IntervalNetwork
from precise.rounding.known import KnownLayers
from precise.rounding.regions import Region, slope_between
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
    """A point of proved sides, and how the first layer's neurons enter the output there."""

    centre: GridPoint
    step: int  # the first that is tried, in grid units
    influence: Vector


def other_columns(
    view: View,
    known: KnownLayers,
    regions: Sequence[Region],
    outputs: Sequence[Ball],
    random: Random,
    progress: Callable[[int, int], None],
) -> dict[int, Vector] | None:
    """{input: its weight on every first-layer neuron} for the inputs outside the slice; None if one cannot be told.

    None also if the answers contradict the rows: then no other points are tried, which might not show it.

    Args:
        outputs: (weights ..., bias) of the combined output; the bias is rounded with it in every evaluation.
    """
    inputs = [c for c in range(view.oracle.input_width) if c not in set(view.coordinates)]
    if not inputs:
        return {}
    combined = [*([row.entries for row in layer] for layer in known.layers), [list(outputs)]]
    network = IntervalNetwork(combined)
    isolated, measured = isolated_points(view, known, random), [(r.centre, r.step) for r in regions]
    places = _chosen(view, known, network, isolated, outputs)
    if places is None:
        places = _chosen(view, known, network, [*isolated, *measured], outputs)
    if places is None:
        return None
    values = view.ask([place.centre for place in places])
    places = _measured(view, known, network, places)
    if places is None:
        return None
    found: dict[int, Vector] = {}
    for start in range(0, len(inputs), COLUMNS_AT_ONCE):
        part = inputs[start : start + COLUMNS_AT_ONCE]
        slopes = _slopes(view, places, values, part)
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
    """The column once more, with what its first enclosure proves; None if the answers contradict it."""
    wider = network.with_input(weights)
    points = [([*view.floats(p.centre), 0.0], s) for p, s in told]
    central = _central(view, wider, points, view.width, underflow)
    slopes = [s.value if c is None else c for (_, s), c in zip(told, central, strict=True)]
    again = solve_consistent([p.influence for p, _ in told], slopes)
    if again is None:
        return weights
    both = [met(old, new) for old, new in zip(weights, again, strict=True)]
    agreed = [ball for ball in both if ball is not None]
    return agreed if len(agreed) == len(both) else None


def _central(
    view: View,
    network: IntervalNetwork,
    measured: Sequence[tuple[list[float], _Slope]],
    along: int | Sequence[int],
    underflow: float,
) -> list[Ball | None]:
    """Slopes by central differences, at centres along coordinates; None where the same sides are not proved.

    If both points beside a centre have the same proved sides, the output is affine between them: the slope is
    (f(x + h) - f(x - h)) / 2 h, with errors of an evaluation with the enclosed rows.
    """
    axes = [along] * len(measured) if isinstance(along, int) else along
    points = np.repeat(np.array([centre for centre, _ in measured]), 2, axis=0)
    for number, (axis, (_, s)) in enumerate(zip(axes, measured, strict=True)):
        points[2 * number : 2 * number + 2, axis] += np.array([-1.0, 1.0]) * s.step / (1 << view.grid)
    found = network.passed(points)
    signs = np.hstack([np.sign(layer.mid) for layer in found.hidden])
    same = found.told[::2] & found.told[1::2] & (signs[::2] == signs[1::2]).all(axis=1)
    kind = view.promise.evaluation
    errors = np.full(len(points), np.inf)
    if kind is not None and len(view.combination) == 1:
        errors = evaluation_error(kind, network, points, found)[:, 0] * (1 + SLACK) + underflow
    slopes: list[Ball | None] = []
    for number, (_, s) in enumerate(measured):
        before, after = (_within(a, e) for a, e in zip((s.before, s.after), errors[2 * number : 2 * number + 2]))
        slopes.append((after - before) * (arb(1 << view.grid) / (2 * s.step)) if same[number] else None)
    return slopes


def _within(answer: Ball, error: float) -> Ball:
    """The answer with the smaller of two proved errors."""
    return arb(answer.mid(), error) if error < radius(answer) else answer


def _underflow(view: View, inputs: Sequence[int]) -> float:
    """What underflow may cost at points that use these inputs beside the slice."""
    columns = [*view.coordinates, *inputs]
    ones = fmpz_mat(1, len(columns), [1] * len(columns))
    return view.promise.underflow(SliceBatch(ones, fmpz(1), tuple(columns), view.oracle.input_width))


def _chosen(
    view: View,
    known: KnownLayers,
    network: IntervalNetwork,
    proposed: Sequence[tuple[GridPoint, int]],
    outputs: Sequence[Ball],
) -> list[_Place] | None:
    """Points with independent influences, best first."""
    influences = [(centre, step, known.backwards(view.balls(centre), outputs[:-1])) for centre, step in proposed]
    candidates = [
        _Place(centre, step, y) for centre, step, y in influences if y is not None and any(map(surely_not_zero, y))
    ]
    neurons = len(known.layers[0])
    if len(candidates) < neurons:
        return None
    points = np.array([view.floats(p.centre) for p in candidates])
    error = expected_error(view, network, points, network.passed(points))[:, 0]
    steps = np.array([float(p.step) for p in candidates])
    table = np.array([middles(p.influence) for p in candidates]) * (steps / error)[:, None]
    size = np.sqrt((table**2).sum(axis=0))
    if not size.all():
        return None
    order = [int(i) for i in qr((table / size).T, mode="r", pivoting=True)[1][: neurons + SPARE]]
    if np.linalg.matrix_rank(table[order] / size) < neurons:
        return None
    return [candidates[i] for i in order]


def _measured(
    view: View, known: KnownLayers, network: IntervalNetwork, places: Sequence[_Place]
) -> list[_Place] | None:
    """The influence of neurons that are active alone, from slopes too; None if these contradict the rows."""
    active = [[i for i, y in enumerate(place.influence) if not (y.is_exact() and y == 0)] for place in places]
    alone = [p for p, neurons in enumerate(active) if len(neurons) == 1]
    rows = [known.layers[0][active[p][0]] for p in alone]
    points = [
        _moved(places[p].centre, row.reference, side * places[p].step)
        for p, row in zip(alone, rows)
        for side in (-1, 1)
    ]
    answers = view.ask(points)
    pairs = zip(answers[::2], answers[1::2], strict=True)
    asked = [(view.floats(places[p].centre), _Slope(arb(0), places[p].step, *pair)) for p, pair in zip(alone, pairs)]
    if not asked:
        return list(places)
    slopes = _central(view, network, asked, [row.reference for row in rows], _underflow(view, []))
    sharper = list(places)
    for p, row, slope in zip(alone, rows, slopes, strict=True):
        if slope is not None:
            [neuron] = active[p]
            influence = met(places[p].influence[neuron], slope / row.weights[row.reference])
            if influence is None:
                return None
            others = [influence if i == neuron else y for i, y in enumerate(places[p].influence)]
            sharper[p] = replace(places[p], influence=others)
    return sharper


def _slopes(
    view: View, places: Sequence[_Place], values: Sequence[Ball], inputs: Sequence[int]
) -> list[list[_Slope | None]]:
    """Shape (places, inputs): the slope at every centre along every input; None where no step was straight.

    The first step suits weights like those of the slice. An input of another unit may have weights that are thousands
    of times larger: the step is halved down to the grid, which loses nothing of such a weight's bits.
    """
    found: list[list[_Slope | None]] = [[None] * len(inputs) for _ in places]
    columns = [*view.coordinates, *inputs]
    steps = {(p, c): places[p].step for p in range(len(places)) for c in range(len(inputs))}
    while steps:
        points = [
            _beside(places[p].centre, len(inputs), c, side * h) for (p, c), h in steps.items() for side in (1, -1)
        ]
        answers = [view.combined(row) for row in view.ask_wide(points, columns)]
        for number, ((p, c), h) in enumerate(list(steps.items())):
            after, before = answers[2 * number : 2 * number + 2]
            slope = slope_between(before, values[p], after, h, view.grid)
            if slope is not None:
                found[p][c] = _Slope(slope, h, before, after)
                del steps[p, c]
            elif h > 1:
                steps[p, c] = h // 2
            else:
                del steps[p, c]
    return found


def _moved(centre: GridPoint, axis: int, by: int) -> GridPoint:
    return [c + by if a == axis else c for a, c in enumerate(centre)]


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
