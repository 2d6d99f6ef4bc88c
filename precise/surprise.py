"""Finding the last neurons of the last hidden layer: points whose gradient the found neurons cannot explain.

With the neurons found so far and a linear part for those that are missing, the oracle's gradient at a random point
either fits all points before, or a missing neuron is in another state there. A fitting point costs one query, where
a line through as many regions costs a hundred; the line from a fitting to a surprising point crosses the neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
from flint import fmpq

from precise.aim import line_between, random_line
from precise.critical_points import Line
from precise.local_map import Known, Pattern
from precise.output_layer import equations
from precise.probe import Point, Probe
from precise.row_system import RowSystem

BATCH = 16  # points asked at once


class Surprises:
    """Draws random points until one does not fit; valid for one state of the known part."""

    def __init__(self, probe: Probe, known: Known, random: Random, generator: np.random.Generator) -> None:
        self._probe = probe
        self._known = known
        self._random = random
        self._generator = generator
        self._linear = known.inputs if len(known.layers) == 1 else len(known.layers[-2])
        self._found = len(known.layers[-1])
        self._system = RowSystem(2 * self._found + self._linear + 1, random)
        self._fitting: list[Point] = []
        self._axes = [[int(i == j) for j in range(known.inputs)] for i in range(known.inputs)]

    def line(self, most: int) -> tuple[Line, int, int] | None:
        """A line across a missing neuron's surface, or None when `most` random points all fit."""
        for _ in range(0, most, BATCH):
            points = [random_line(self._known, self._generator)[0].origin for _ in range(BATCH)]
            patterns = self._known.patterns(points)
            pieces = self._probe.pieces(points, self._axes)
            surprising = None
            for point, pattern, piece in zip(points, patterns, pieces, strict=True):
                block = self._with_linear_part(pattern, equations(self._known, point, pattern, piece, separate=True))
                if self._system.accepts(block):
                    self._system.add(block)
                    self._fitting.append(point)
                else:
                    surprising = point
            if surprising is not None and self._fitting:
                return line_between(self._random.choice(self._fitting), surprising)
        return None

    def _with_linear_part(self, pattern: Pattern, block: Sequence[Sequence[fmpq | int]]) -> list[list[fmpq | int]]:
        """Further columns: the active outputs of the layer before, as a missing active neuron passes them on."""
        below = self._known.affine(len(self._known.layers) - 2, pattern).tolist()
        active = pattern[-2] if len(pattern) > 1 else (True,) * self._linear
        extra = [[int(e[n]) if on else 0 for e, on in zip(below, active, strict=True)] for n in range(len(block))]
        return [[*more, *row] for more, row in zip(extra, block, strict=True)]
