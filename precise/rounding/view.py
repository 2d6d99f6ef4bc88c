"""What is asked of a rounding oracle: points of a slice, on a grid that its format holds; answers come as balls.

Points are integers in units of 2^-grid, so that a point is what the oracle really gets, and a line's points lie exactly
on it. Several outputs are read as one fixed combination, whose radius is the combination of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb, fmpq, fmpz, fmpz_mat

from precise.arithmetic import SliceBatch
from precise.oracle import Oracle
from precise.oracles.promise import promise_of
from precise.rounding.balls import Ball, Vector, ball

FINEST_GRID = 40  # bits after the point; regions are far coarser
LARGEST_BITS = 9  # coordinates stay below 2^9
BATCH = 512  # points a batch

GridPoint = list[int]  # in units of 2^-grid, one entry a coordinate of the slice


class View:
    """One slice of an oracle."""

    def __init__(self, oracle: Oracle, coordinates: Sequence[int], combination: Sequence[int]) -> None:
        self.oracle = oracle
        self.promise = promise_of(oracle)
        self.coordinates = tuple(coordinates)
        self.width = len(self.coordinates)
        bits = self.promise.input_bits
        self.grid = FINEST_GRID if bits is None else max(0, min(FINEST_GRID, bits - LARGEST_BITS))
        self.combination = tuple(combination)

    @property
    def unit(self) -> fmpq:
        """The length of a grid step."""
        return fmpq(1, 1 << self.grid)

    def ask(self, points: Sequence[GridPoint]) -> Vector:
        """The combination of the outputs at every point."""
        return [
            sum((b * c for b, c in zip(row, self.combination, strict=True) if c), arb(0))
            for row in self.ask_outputs(points)
        ]

    def ask_outputs(self, points: Sequence[GridPoint]) -> list[Vector]:
        """Every output at every point, shape (points, outputs)."""
        return self.ask_wide(points, self.coordinates)

    def ask_wide(self, points: Sequence[GridPoint], columns: Sequence[int]) -> list[Vector]:
        """Every output at points whose entries belong to these inputs of the oracle; the other inputs are 0."""
        found: list[Vector] = []
        for start in range(0, len(points), BATCH):
            part = points[start : start + BATCH]
            inside = fmpz_mat(len(part), len(columns), [fmpz(int(c)) for point in part for c in point])
            batch = SliceBatch(inside, fmpz(1) << self.grid, tuple(columns), self.oracle.input_width)
            answers = self.oracle.query(batch)
            radii = self.promise.radii(batch, answers)
            pairs = zip(answers.rows(), radii, strict=True)
            found += [[ball(a, r) for a, r in zip(values, row, strict=True)] for values, row in pairs]
        return found

    def combined(self, outputs: Sequence[Ball]) -> Ball:
        """The combination of one answer's outputs."""
        return sum((b * c for b, c in zip(outputs, self.combination, strict=True) if c), arb(0))

    def balls(self, point: Sequence[int]) -> Vector:
        """A point as exact numbers."""
        return [arb(fmpq(int(c), 1 << self.grid)) for c in point]

    def floats(self, point: Sequence[int]) -> list[float]:
        """A point as floats, for searching."""
        return [int(c) / (1 << self.grid) for c in point]

    def nearest(self, point: Sequence[float] | np.ndarray) -> GridPoint:
        """The grid point next to a float point."""
        return [round(float(c) * (1 << self.grid)) for c in point]
