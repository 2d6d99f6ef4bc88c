"""Critical points of one neuron, and a direction that moves it more than its neighbours; computed, not asked.

The direction d makes the layer's preactivations change by as nearly as possible e_j, the change of neuron j alone: the
regularised solution of M d = e_j with the layer's local map M. Its length keeps all known neurons on their sides but
j.

**Points for layer 2.** The local maps of layer 2 have the rank of layer 1's active neurons, about half of them at a
random point, so that a layer 2 as wide as layer 1 has dependent maps nearly everywhere, at every precision. Where *all*
of layer 1 is active they are as independent as the weights. `all_active` computes such points from what is known
(`rounding.wanted`), with layer 1's outputs drawn so that chosen neurons are on either side, and measures there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from precise.rounding.balls import Floats, middles
from precise.rounding.regions import Region, measure
from precise.rounding.view import LARGEST_BITS, GridPoint
from precise.rounding.wanted import points_with, room
from precise.signs.question import SignQuestion

STARTS, STEPS = 6, 12  # random starts for one critical point; Newton steps
ROOM = 0.5  # of the way to the next known border is walked
TILT = 4.0  # how much more of layer 1's outputs a neuron's wanted side gets
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


def all_active(question: SignQuestion, neurons: Sequence[int], generator: np.random.Generator) -> list[Region]:
    """Regions where all of layer 1 is active, and each of these neurons of layer 2 on either side if that can be."""
    view, known = question.view, question.known
    weights = np.array([middles(known.layers[-1][j].weights) for j in neurons for _ in (1, -1)])
    favoured = np.sign(weights) * np.tile([1.0, -1.0], len(neurons))[:, None] > 0
    drawn: Floats = np.exp(generator.standard_normal(weights.shape)) * np.where(favoured, TILT, 1 / TILT)
    points = points_with(known, drawn * 2.0 ** generator.uniform(0, 4, (len(weights), 1)))
    centres = [view.nearest(point) for point in points if np.abs(point).max() < 2.0 ** (LARGEST_BITS - 1)]
    steps = [max(1, int(room(known, np.array(view.floats(centre))) / 2 * (1 << view.grid))) for centre in centres]
    return [region for region in measure(view, centres, steps) if region is not None]
