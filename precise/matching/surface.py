"""Does a row's surface run where it must? Predicted critical points all over the input space, three queries each.

A jump that was measured in one place satisfies the equations of a neuron of layer k also if it belongs to a deeper
layer, as long as the layers between do not change state: then the surface runs elsewhere in other places. At a
predicted critical point p and a step d along the row's local gradient, f(p - d) - 2 f(p) + f(p + d) must not be 0,
unless inactive neurons cut it off from the output. If not the whole output is cut off, f(p + d) - f(p - d) is not 0
there. So a place speaks against the row if the second difference cannot be told from 0 and is proved to be less than
2^-FLAT_BITS of the first one. A small bend that is proved speaks neither for the row nor against it: a true neuron
jumps little wherever the active neurons above hardly use it. A true neuron whose jump is lost in the error does speak
against, less than once in 2^FLAT_BITS / 4 places: one place in AGAINST_SHARE is let pass. A row of a deeper layer that
differs from its continuation on a tenth of the space passes with a chance of a few per cent, on a fifth with one of
10^-4; the places that lines crossed by chance (`presence`) come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flint import arb

from precise.matching.partial import BIAS
from precise.matching.survey import Survey
from precise.rounding.balls import Ball, Floats, middle, surely_not_zero
from precise.rounding.known import KnownLayers
from precise.rounding.view import GridPoint

PLACES = 128
TOLD = 48  # of them, at least, must tell
FLAT_BITS = 10
AGAINST_SHARE = 50
STEP = 2.0**-6  # in units of the place's size
STEPS = 12
FARTHEST = 2.0**8  # coordinates of points that are asked


@dataclass(frozen=True)
class Row:
    """The known entries of a row in float64."""

    columns: list[int]
    weights: Floats
    bias: float

    @classmethod
    def of(cls, entries: Mapping[int, Ball]) -> Row:
        """From its balls."""
        columns = [j for j in entries if j != BIAS]
        return cls(columns, np.array([middle(entries[j]) for j in columns]), middle(entries[BIAS]))


def inputs_around(known: KnownLayers, point: Floats) -> tuple[Floats, Floats, Floats]:
    """(local maps, values, activity) of what a row above `known` gets around a point."""
    if not known.depth:
        return np.eye(len(point)), point, np.ones(len(point), dtype=np.float64)
    rows, values = known.float_local(point)[-1]
    return rows, values, (values > 0).astype(np.float64)


def runs_as_predicted(survey: Survey, known: KnownLayers, entries: Mapping[int, Ball]) -> bool:
    """Ask at PLACES predicted critical points; False also if too few of them tell."""
    row = Row.of(entries)
    generator = np.random.default_rng(survey.random.getrandbits(63))
    points: list[GridPoint] = []
    for _ in range(2 * PLACES):
        start = generator.standard_normal(survey.view.width) * 2.0 ** generator.integers(-1, 6)
        place = _on_surface(known, row, start)
        if place is not None and len(points) < 3 * PLACES:
            points += _triple(survey, *place)
    answers = survey.view.ask(points)
    votes = [_speaks(*answers[i : i + 3]) for i in range(0, len(answers), 3)]
    told, against = sum(v != 0 for v in votes), sum(v < 0 for v in votes)
    return told >= TOLD and against * AGAINST_SHARE <= told


def _triple(survey: Survey, point: Floats, gradient: Floats) -> list[GridPoint]:
    size = STEP * max(0.25, float(np.abs(point).max()))
    moved = survey.view.nearest(gradient / np.linalg.norm(gradient) * size)
    at = survey.view.nearest(point)
    if not any(moved):
        return []
    return [[a - m for a, m in zip(at, moved, strict=True)], at, [a + m for a, m in zip(at, moved, strict=True)]]


def _speaks(before: Ball, at: Ball, after: Ball) -> int:
    """+1: there is a bend; -1: there is none although the output changes; 0: cannot be told."""
    second, first = before - 2 * at + after, after - before
    if not surely_not_zero(first):
        return 0
    flat = abs(second) < abs(first) * arb(2) ** -FLAT_BITS
    if surely_not_zero(second):
        return 0 if flat else 1
    return -1 if flat else 0


def _on_surface(known: KnownLayers, row: Row, start: Floats) -> tuple[Floats, Floats] | None:
    """(point, the row's gradient) on the predicted surface, where only known entries act; by Newton steps."""
    point = start
    for _ in range(STEPS):
        rows, values, active = inputs_around(known, point)
        weights = row.weights * active[row.columns]
        gradient = weights @ rows[row.columns]
        value = float(weights @ values[row.columns] + row.bias)
        steep = float(gradient @ gradient)
        if steep == 0 or np.abs(point).max() > FARTHEST:
            return None
        if abs(value) <= 1e-9 * steep**0.5 * max(1.0, float(np.abs(point).max())):
            others = set(np.flatnonzero(active).tolist()) - set(row.columns)
            return None if others else (point, gradient)
        point = point - gradient * (value / steep)
    return None
