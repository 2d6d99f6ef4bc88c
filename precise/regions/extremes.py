"""Points that drive the layer below far in one direction: where neurons that are rarely on are on.

A row whose weights are mostly negative is positive only where few of the neurons below are on, and these far. Behind
several layers random points do not come there. Climbing in float64 does, without queries: towards a random combination
of the features in which few have a positive weight. In the first layer's own coordinates `aim` draws such points at
once. What this finds is only a suggestion of where to look.
"""

from __future__ import annotations

import numpy as np

from precise.regions.aim import line_between, random_points, to_point
from precise.regions.climb import climb
from precise.regions.critical_points import Line
from precise.regions.float_layers import FloatLayers, relative, sides
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known

POOL = 512  # random points to begin from
ROUNDS = 16  # of climbing
MORE_ROUNDS = 32  # to where a direction ends
MOST_ON = 2  # features with a positive weight
STRONGEST = 8.0  # of these weights, where the others are normal


class Extremes:
    """Draws such points, for one state of the layers below the wanted one."""

    def __init__(self, below: Known, both_sides: bool, generator: np.random.Generator) -> None:
        """below: all layers below; both_sides: are the signs of its last layer unknown, so that either side may act?"""
        self._below = below
        self._both = both_sides
        self._linear = np.flatnonzero([row.linear for row in below.layers[-1]])
        self._floats = FloatLayers(below)
        self._generator = generator
        sizes = np.median(np.abs(self._values(self._pool())), axis=0)
        self._sizes = np.where(sizes > 0, sizes, 1.0)
        self._width = len(sizes) * (2 if both_sides else 1)  # features

    def line(self) -> tuple[Line, int, int]:
        """The line from one of them to another, or from any point where both are one; its first and last parameter."""
        start, end = self.points(2)
        if np.array_equal(start, end):
            start = random_points(self._below, self._generator, 1)[0]
        return line_between(to_point(start), to_point(end))

    def points(self, count: int) -> Vector:
        """Shape (count, inputs), each climbed to for a goal of its own."""
        return self._climbed(self._pool(), self._goals(count), ROUNDS)

    def outermost(self, count: int) -> Vector:
        """The same, as far as it goes in any direction of the features: what a hyperplane cuts off has such a point."""
        return self._climbed(self._pool(), self._generator.standard_normal((count, self._width)), MORE_ROUNDS)

    def _climbed(self, pool: Vector, goals: Vector, rounds: int) -> Vector:
        scores = _scores(self._features(pool)[None], goals)  # (count, pool)
        points: Vector = pool[scores.argmax(axis=1)]

        def score(tried: Vector) -> Vector:
            return _scores(self._features(tried.reshape(-1, tried.shape[2])).reshape(*tried.shape[:2], -1), goals)

        for _ in range(rounds):
            points = climb(points, score, pool, self._generator)
        return points

    def _pool(self) -> Vector:
        return random_points(self._below, self._generator, POOL)

    def _goals(self, count: int) -> Vector:
        """A weight for every feature, few of them positive, shape (count, features)."""
        weights = np.abs(self._generator.standard_normal((count, self._width)))
        order = np.argsort(self._generator.random((count, self._width)), axis=1)
        on = order < self._generator.integers(1, MOST_ON + 1, size=(count, 1))
        goals: Vector = np.where(on, self._generator.uniform(1.0, STRONGEST, size=(count, 1)) * weights, -weights)
        return goals

    def _values(self, points: Vector) -> Vector:
        return self._floats.topmost(points)[0]

    def _features(self, points: Vector) -> Vector:
        """What the layer below hands on, each neuron over its usual size, shape (points, features)."""
        positive, negative = sides(relative(self._values(points), self._sizes), self._linear)
        return np.concatenate([positive, negative], axis=1) if self._both else positive


def _scores(features: Vector, goals: Vector) -> Vector:
    """How far features, (1 or goals, points, features), point towards goals, (goals, features): (goals, points)."""
    lengths = np.linalg.norm(features, axis=2) + 1.0  # a usual size: features near 0 count as 0
    scores: Vector = np.matmul(features, goals[:, :, None])[:, :, 0] / lengths
    return scores
