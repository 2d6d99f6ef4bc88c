"""The known part in float64, for searches over many points; what it finds is only a suggestion to exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precise.regions.hyperplane import UNIT, Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point

MANTISSA = 52


class FloatLayers:
    """Preactivations of known layers, each neuron on a scale of its own (a positive factor), in float64."""

    def __init__(self, known: Known) -> None:
        self._layers: list[tuple[Vector, Vector, Vector]] = []
        self._linear: list[Vector] = []
        exponents = [0] * known.inputs
        for rows in known.layers:
            scaled = [_scaled(row, exponents) for row in rows]
            width = len(exponents)
            table = np.array([entry for entry, _ in scaled]).reshape(len(rows), 2 * width + 1)
            self._layers.append((table[:, :width], table[:, width:-1], table[:, -1]))
            self._linear.append(np.array([row.linear for row in rows], dtype=bool))
            exponents = [exponent for _, exponent in scaled]

    def preactivations(self, points: Vector) -> list[Vector]:
        """Of every layer, shape (points, neurons) each; points in input units, shape (points, inputs)."""
        found = []
        positive, negative = points, np.zeros_like(points)
        for (plus, minus, bias), linear in zip(self._layers, self._linear, strict=True):
            values = positive @ plus.T + negative @ minus.T + bias
            found.append(values)
            positive, negative = _sides(values, linear)
        return found

    def last(self, points: Vector) -> tuple[Vector, Vector]:
        """The last layer's preactivations, and the sums of their terms' sizes, shape (points, neurons) each."""
        positive, negative = points, np.zeros_like(points)
        for (plus, minus, bias), linear in zip(self._layers[:-1], self._linear, strict=False):
            positive, negative = _sides(positive @ plus.T + negative @ minus.T + bias, linear)
        plus, minus, bias = self._layers[-1]
        sizes = np.abs(positive) @ np.abs(plus).T + np.abs(negative) @ np.abs(minus).T + np.abs(bias)
        return positive @ plus.T + negative @ minus.T + bias, sizes


def _sides(values: Vector, linear: Vector) -> tuple[Vector, Vector]:
    """What a layer hands on: relu of the preactivations and of their negatives; linear rows as they are."""
    return np.where(linear, values, np.maximum(values, 0.0)), np.where(linear, 0.0, np.maximum(-values, 0.0))


def _scaled(row: Row, exponents: Sequence[int]) -> tuple[list[float], int]:
    """((plus ..., minus ..., bias), exponent): the row over the scaled layer below, divided by 2^exponent."""
    shifts = [*exponents, *exponents, 0]
    entries = [*row.plus, *row.minus, row.bias]
    sizes = [abs(v).bit_length() + s for v, s in zip(entries, shifts, strict=True) if v]
    exponent = max(sizes, default=0)
    return [_divided(v, exponent - s) for v, s in zip(entries, shifts, strict=True)], exponent


def _divided(value: int, shift: int) -> float:
    """value / 2^shift without overflow."""
    spare = max(abs(value).bit_length() - MANTISSA - 8, 0)
    return float(np.ldexp(float(value >> spare), spare - shift))


def to_floats(points: Sequence[Point]) -> Vector:
    """Grid points in input units, shape (points, inputs)."""
    return np.array([[c / UNIT for c in point] for point in points])
