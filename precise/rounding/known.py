"""Layers that are known up to a radius, and the local affine map of their preactivations.

Every row is normalised: one entry is exactly 1. The balls then hold the entries of the true row divided by the true
reference entry, in the true network's own order of the layer below scaled in the same way: what is enclosed is one
particular network that computes the same function, not a nearby one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import arb, arb_mat

from precise.rounding.balls import Ball, Floats, Vector, middle, middles, sign_of


@dataclass(frozen=True)
class KnownRow:
    """One neuron, up to its sign while the layer's signs are open."""

    weights: tuple[Ball, ...]  # of the layer below (of the slice's coordinates for layer 1)
    bias: Ball
    reference: int  # the entry that is exactly 1 (or -1 once the sign is known)

    def negated(self) -> KnownRow:
        """The other sign."""
        return replace(self, weights=tuple(-w for w in self.weights), bias=-self.bias)

    @property
    def entries(self) -> Vector:
        """Weights and bias."""
        return [*self.weights, self.bias]


@dataclass(frozen=True)
class LocalMap:
    """The preactivations of one layer around a point: rows x + constants."""

    rows: list[Vector]  # shape (neurons, coordinates of the slice)
    constants: Vector
    values: Vector  # at the point


class KnownLayers:
    """The first layers; all but the last one with their signs."""

    def __init__(self, layers: Sequence[Sequence[KnownRow]] = ()) -> None:
        self.layers = tuple(tuple(rows) for rows in layers)
        self._weights = [arb_mat([list(r.weights) for r in rows]) for rows in self.layers]
        self._biases = [arb_mat([[r.bias] for r in rows]) for rows in self.layers]
        self._float = [
            (np.array([middles(r.weights) for r in rows]), middles([r.bias for r in rows])) for rows in self.layers
        ]

    def with_layer(self, rows: Sequence[KnownRow]) -> KnownLayers:
        """One more layer."""
        return KnownLayers([*self.layers, rows])

    def signed(self, signs: Sequence[int]) -> KnownLayers:
        """The last layer with its active sides on the positive side."""
        rows = [row if s > 0 else row.negated() for row, s in zip(self.layers[-1], signs, strict=True)]
        return KnownLayers([*self.layers[:-1], rows])

    @property
    def depth(self) -> int:
        """How many layers."""
        return len(self.layers)

    def pattern(self, point: Sequence[Ball]) -> list[list[int]]:
        """The proved sign of every neuron at a point, 0 where it cannot be told; layers above a 0 may be vague."""
        column = arb_mat([[c] for c in point])
        found = []
        for weights, biases in zip(self._weights, self._biases, strict=True):
            column = weights * column + biases
            found.append([sign_of(v) for v in column.entries()])
            column = arb_mat(
                [[v if s > 0 else arb(0) if s < 0 else v.max(arb(0))] for v, s in zip(column.entries(), found[-1])]
            )
        return found

    def local(self, point: Sequence[Ball]) -> LocalMap | None:
        """The last layer's preactivations around a point; None if a neuron below may be at its border."""
        width = len(point)
        rows = arb_mat([[int(i == j) for j in range(width)] for i in range(width)])
        constants = arb_mat([[arb(0)] for _ in range(width)])
        column = arb_mat([[c] for c in point])
        values = column
        for number, (weights, biases) in enumerate(zip(self._weights, self._biases, strict=True)):
            if number:
                sides = [sign_of(v) for v in values.entries()]
                if 0 in sides:
                    return None
                rows, constants = _masked(rows, sides), _masked(constants, sides)
            rows, constants = weights * rows, weights * constants + biases
            values = rows * column + constants
        return LocalMap(rows.tolist(), list(constants.entries()), list(values.entries()))

    def backwards(self, point: Sequence[Ball], outputs: Sequence[Ball]) -> Vector | None:
        """How the first layer's active neurons enter the output around a point, 0 for inactive ones.

        Args:
            outputs: the output's weights on the last layer.
        """
        pattern = self.pattern(point)
        if any(0 in sides for sides in pattern):
            return None
        row = arb_mat([list(outputs)])
        for number in range(self.depth - 1, -1, -1):
            row = arb_mat([[v if s > 0 else arb(0) for v, s in zip(row.entries(), pattern[number], strict=True)]])
            if number:
                row = row * self._weights[number]
        return list(row.entries())

    def hidden(self, point: Sequence[Ball]) -> Vector:
        """The last layer's outputs at a point."""
        column = arb_mat([[c] for c in point])
        for weights, biases in zip(self._weights, self._biases, strict=True):
            column = arb_mat([[v.max(arb(0))] for v in (weights * column + biases).entries()])
        return list(column.entries())

    def float_values(self, points: Floats) -> list[Floats]:
        """The preactivations of every layer in float64, shapes (points, neurons): for searching."""
        found, held = [], points
        for weights, biases in self._float:
            found.append(held @ weights.T + biases)
            held = np.maximum(found[-1], 0)
        return found

    def float_local(self, point: Floats) -> list[tuple[Floats, Floats]]:
        """(rows, values) of the preactivations of every layer around a point in float64: for searching."""
        found = []
        rows, held = np.eye(len(point)), point
        for weights, biases in self._float:
            rows, values = weights @ rows, weights @ held + biases
            found.append((rows, values))
            rows, held = rows * (values > 0)[:, None], np.maximum(values, 0)
        return found


def _masked(matrix: arb_mat, sides: Sequence[int]) -> arb_mat:
    zero = [arb(0)] * matrix.ncols()
    return arb_mat([row if side > 0 else zero for row, side in zip(matrix.tolist(), sides, strict=True)])


def reference_of(entries: Sequence[Ball]) -> int:
    """The entry to divide by: the largest."""
    return max(range(len(entries)), key=lambda i: abs(middle(entries[i])))
