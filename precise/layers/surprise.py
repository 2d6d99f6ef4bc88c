"""Finding the last neurons of the last hidden layer: points whose value the found neurons cannot explain.

The found neurons, and a linear part for those that are missing, are fitted to the oracle's local maps. Then a random
point either fits, or a missing neuron is in another state there than at the points of the fit. Looking costs one short
query, where a line through as many regions costs a hundred; the line from a fitting to a surprising point crosses the
neuron.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq, fmpz_mat

from precise.arithmetic import common_denominator
from precise.equations.row_system import Equation, RowSystem
from precise.layers.output_layer import SLOPES, both_sides, equations
from precise.regions.aim import line_between, random_points, to_point
from precise.regions.corners import directions
from precise.regions.critical_points import Line
from precise.regions.extremes import Extremes
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, passed_on
from precise.regions.probe import FRACTION_BITS, Point, Probe

FITTED = 64  # random points, beside those at the neurons, whose local maps are fitted
BATCH = 128  # points asked at once
CLIMBED = 32  # of them, where something is known to climb
LINES = 6  # that are searched before the fit is renewed
SHORT_BITS = 12  # binary places of the points that are looked at: short ones are cheap to evaluate


@dataclass(frozen=True)
class Looked:
    """Points that were looked at."""

    fitting: list[Point]  # where the oracle answers as predicted
    surprising: list[Point]  # where it does not


def look(probe: Probe, points: Vector, predicted: Callable[[Sequence[Point]], Sequence[fmpq]]) -> Looked:
    """Compare the oracle with a prediction near these points, shape (points, inputs): one short query each."""
    asked = [short(point) for point in points]
    answers = [piece.value for piece in probe.pieces(asked, [])]
    looked = Looked([], [])
    for point, answer, expected in zip(asked, answers, predicted(asked), strict=True):
        (looked.fitting if answer == expected else looked.surprising).append(point)
    return looked


def nearest(fitting: Sequence[Point], surprising: Point) -> Point:
    """The line to the nearest fitting point has few other critical points."""
    return min(fitting, key=lambda p: sum((a - b) ** 2 for a, b in zip(p, surprising, strict=True)))


class Surprises:
    """Draws random points until one does not fit; valid for one state of the known part."""

    def __init__(
        self,
        probe: Probe,
        known: Known,
        witnesses: Sequence[Point],
        random: Random,
        generator: np.random.Generator,
        extremes: Extremes | None = None,
    ) -> None:
        self._extremes = extremes
        self._probe = probe
        self._random = random
        self._generator = generator
        features = known.inputs if len(known.layers) == 1 else len(known.layers[-2])
        self._known = Known(known.inputs, [*known.layers[:-1], [*known.layers[-1], *passed_on(features)]])
        self._fitting = [side for n, w in enumerate(witnesses) for side in both_sides(known, n, w)]
        self._fitting += [to_point(p) for p in random_points(known, generator, FITTED)]
        self._solution = self._fit()

    def _fit(self) -> tuple[fmpz_mat, int] | None:
        """The integer solution and its denominator, if the local maps determine one."""
        system = RowSystem(len(self._known.layers[-1]) + 1)
        tests = directions(self._known.inputs, self._random, SLOPES)
        patterns = self._known.patterns(self._fitting)
        pieces = self._probe.pieces(self._fitting, tests)
        measured = zip(self._fitting, patterns, pieces, strict=True)
        blocks = [equations(self._known, *place, tests, separate=False) for place in measured]
        system.add([equation for block in blocks for equation in block])
        if not system.consistent:
            system = self._without_contradictions(blocks)
        answer = system.solve()
        if answer is None:
            return None
        denominator = common_denominator(answer)
        column = [[int((v * denominator).p)] for v in answer]
        return fmpz_mat(column), int(denominator)

    def _without_contradictions(self, blocks: Sequence[Sequence[Equation]]) -> RowSystem:
        """Point after point, leaving out those in whose region a missing neuron is in its other state."""
        system = RowSystem(len(self._known.layers[-1]) + 1)
        for block in blocks:
            if system.accepts(block):
                system.add(block)
        return system

    def lines(self, most: int) -> list[tuple[Line, int, int]]:
        """Lines across missing neurons' surfaces, up to LINES; none when `most` random points all fit."""
        if self._solution is None:
            return []
        lines: list[tuple[Line, int, int]] = []
        for _ in range(0, most, BATCH):
            seen = look(self._probe, self._drawn(), self._values)
            fitting = seen.fitting or self._fitting
            lines += [line_between(nearest(fitting, point), point) for point in seen.surprising]
            if len(lines) >= LINES:
                break
        return lines[:LINES]

    def _drawn(self) -> Vector:
        points = random_points(self._known, self._generator, BATCH)
        if self._extremes is not None:
            points[:CLIMBED] = self._extremes.points(CLIMBED)
        return points

    def _values(self, points: Sequence[Point]) -> list[fmpq]:
        """The fitted value at every point."""
        assert self._solution is not None
        return predicted(self._known, *self._solution, points)


def predicted(known: Known, solution: fmpz_mat, denominator: int, points: Sequence[Point]) -> list[fmpq]:
    """The scalar that these coefficients of the last layer's neurons give, and of the bias, all over a denominator."""
    rows = known.layers[-1]
    table = [
        [v if v > 0 or row.linear else 0 for v, row in zip(values, rows, strict=True)] + [1 << FRACTION_BITS]
        for values in known.preactivations(points)[-1]
    ]
    scale = denominator << FRACTION_BITS
    return [fmpq(v, scale) for v in (fmpz_mat(table) * solution).entries()]


def short(point: Vector) -> Point:
    """The grid point near it that is cheap to evaluate."""
    return [int(c) << (FRACTION_BITS - SHORT_BITS) for c in np.round(point * 2.0**SHORT_BITS)]
