"""Critical points of one neuron, and a direction that moves it more than its neighbours; computed, not asked.

The direction d makes the layer's preactivations change by as nearly as possible e_j, the change of neuron j alone: the
regularised solution of M d = e_j with the layer's local map M. Its length keeps all known neurons on their sides but
j.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from precise.rounding.balls import Floats
from precise.rounding.view import GridPoint
from precise.signs.question import SignQuestion

STARTS, STEPS = 6, 12  # random starts for one critical point; Newton steps
ROOM = 0.5  # of the way to the next known border is walked
REGULARISATION = 2.0**-30  # of the mean squared length of a local map's rows


@dataclass(frozen=True)
class Place:
    """A critical point of a neuron, and the way to the nearest known border on either side of it."""

    point: Floats
    way: Floats  # the neuron's preactivation grows along it

    def triple(self, question: SignQuestion, part: float = ROOM) -> tuple[GridPoint, GridPoint, GridPoint] | None:
        """(x - d, x, x + d) with d a part of the way; None if the grid is too coarse for it."""
        at, moved = question.view.nearest(self.point), question.view.nearest(self.way * part)
        if not any(moved):
            return None
        return [a - m for a, m in zip(at, moved)], at, [a + m for a, m in zip(at, moved)]


def triple(
    question: SignQuestion, neuron: int, generator: np.random.Generator
) -> tuple[GridPoint, GridPoint, GridPoint] | None:
    """(x - d, x, x + d) for a random critical point x of a neuron."""
    for found in places(question, neuron, generator):
        points = found.triple(question)
        if points is not None:
            return points
    return None


def places(question: SignQuestion, neuron: int, generator: np.random.Generator) -> Iterator[Place]:
    """Random critical points of a neuron from STARTS starts, as many as are found."""
    for _ in range(STARTS):
        start = generator.standard_normal(question.view.width) * 2.0 ** generator.integers(0, 4)
        point = _critical(question, start, neuron)
        if point is None:
            continue
        maps = question.known.float_local(point)
        direction = _isolating(maps[-1][0], neuron)
        if not maps[-1][0][neuron] @ direction > 0:
            continue
        yield Place(point, direction * _room(maps, direction, neuron))


def _critical(question: SignQuestion, start: Floats, neuron: int) -> Floats | None:
    point = start
    for _ in range(STEPS):
        rows, values = question.known.float_local(point)[-1]
        row, value = rows[neuron], float(values[neuron])
        steep = float(row @ row)
        if steep == 0 or np.abs(point).max() > 2**8:
            return None
        if abs(value) <= 2.0**-40 * max(1.0, float(np.abs(row) @ np.abs(point))):
            return point
        point = point - row * (value / steep)
    return None


def _room(maps: Sequence[tuple[Floats, Floats]], direction: Floats, neuron: int) -> float:
    """How far along +-direction no other known neuron changes its state; at most the direction's length times 8."""
    shortest = 8.0
    for number, (rows, values) in enumerate(maps):
        speed = np.abs(rows @ direction)
        gap = np.abs(values)
        if number == len(maps) - 1:
            speed[neuron] = 0.0
        moving = speed > 1e-9
        if moving.any():
            shortest = min(shortest, float((gap[moving] / speed[moving]).min()))
    return shortest


def _isolating(rows: Floats, neuron: int) -> Floats:
    """The d with rows d nearest to e_neuron, slightly regularised (rows may be dependent)."""
    gram = rows @ rows.T
    unit = np.zeros(len(rows))
    unit[neuron] = 1
    weights = np.linalg.solve(gram + np.eye(len(rows)) * (REGULARISATION * np.trace(gram) / len(rows) + 1e-300), unit)
    return np.asarray(weights @ rows, dtype=np.float64)
