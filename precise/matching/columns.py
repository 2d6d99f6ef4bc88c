"""First-layer weights on the inputs outside the slice, when everything else is known.

At a point of the slice, the slope along another input c is sum_i y_i w_ic, with y_i the known influence of neuron i on
the output there. Slopes at a few points with independent influences give column c. The points are chosen by pivoted QR
among all measured regions, each weighted by its room: an error of 2 E / h in the slope counts less in a large region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flint import arb
from scipy.linalg import qr

from precise.rounding.balls import Ball, Vector, middles, solve_consistent
from precise.rounding.known import KnownLayers
from precise.rounding.regions import HALVINGS, Region, slope_between
from precise.rounding.view import GridPoint, View

SPARE = 2  # equations beyond the unknowns
COLUMNS_AT_ONCE = 32


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
    chosen = _chosen(view, known, regions, outputs)
    if chosen is None:
        return None
    found: dict[int, Vector] = {}
    for start in range(0, len(inputs), COLUMNS_AT_ONCE):
        part = inputs[start : start + COLUMNS_AT_ONCE]
        slopes = _slopes(view, [region for region, _ in chosen], part)
        for number, c in enumerate(part):
            pairs = [(y, column[number]) for (_, y), column in zip(chosen, slopes, strict=True)]
            told = [(y, s) for y, s in pairs if s is not None]
            weights = solve_consistent([y for y, _ in told], [s for _, s in told])
            if weights is None:
                return None
            found[c] = weights
        progress(len(found), len(inputs))
    return found


def _chosen(
    view: View, known: KnownLayers, regions: Sequence[Region], outputs: Sequence[Ball]
) -> list[tuple[Region, Vector]] | None:
    """Regions with independent influences, best first."""
    influences = [(r, known.backwards(view.balls(r.centre), outputs)) for r in regions]
    candidates = [(r, y) for r, y in influences if y is not None]
    neurons = len(known.layers[0])
    if len(candidates) < neurons:
        return None
    table = np.array([middles(y) * r.step for r, y in candidates])
    order = [int(i) for i in qr(table.T, mode="r", pivoting=True)[1][: neurons + SPARE]]
    if np.linalg.matrix_rank(table[order]) < neurons:
        return None
    return [candidates[i] for i in order]


def _slopes(view: View, regions: Sequence[Region], inputs: Sequence[int]) -> list[list[Ball | None]]:
    """Shape (regions, inputs): the slope at every centre along every input; None where no step was straight."""
    found: list[list[Ball | None]] = [[None] * len(inputs) for _ in regions]
    columns = [*view.coordinates, *inputs]
    steps = {(r, c): regions[r].step for r in range(len(regions)) for c in range(len(inputs))}
    for _ in range(HALVINGS):
        points = [
            _beside(regions[r].centre, len(inputs), c, side * h) for (r, c), h in steps.items() for side in (1, -1)
        ]
        answers = [view.combined(row) for row in view.ask_wide(points, columns)]
        for number, ((r, c), h) in enumerate(list(steps.items())):
            slope = slope_between(answers[2 * number + 1], regions[r].value, answers[2 * number], h, view.grid)
            if slope is not None:
                found[r][c] = slope
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
