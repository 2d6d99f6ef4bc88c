"""The known part in float64, for searches over many points; what it finds is only a suggestion to exact arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from precise.regions.hyperplane import UNIT, Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point

MANTISSA = 52
TOLD = 8  # of the weights of a row, at least one in so many is taken to be known
APART = 64  # bits by which one that stands for an unknown weight is larger than these
BLOCK = 2048  # points at a time: what they need in between stays in the processor's cache
FARTHEST = 1e150  # of its usual size: what stands for a weight that is not known can move a value beyond any measure


class FloatLayers:
    """Preactivations of known layers, each neuron on a scale of its own (a positive factor), in float64."""

    def __init__(self, known: Known) -> None:
        self.inputs = known.inputs
        self._layers: list[tuple[Vector, Vector | None, Vector]] = []  # minus: None where all are 0
        self._linear: list[Vector] = []
        exponents = [0] * known.inputs
        for rows in known.layers:
            scaled = [_scaled(row, exponents) for row in rows]
            width = len(exponents)
            table = np.array([entry for entry, _ in scaled]).reshape(len(rows), 2 * width + 1)
            plus, minus = np.ascontiguousarray(table[:, :width].T), np.ascontiguousarray(table[:, width:-1].T)
            self._layers.append((plus, minus if minus.any() else None, table[:, -1]))
            self._linear.append(np.flatnonzero([row.linear for row in rows]))
            exponents = [exponent for _, exponent in scaled]

    @property
    def one_sided(self) -> bool:
        """Do all rows have nothing on the negative sides of the layer below?"""
        return all(minus is None for _, minus, _ in self._layers)

    def maps(self) -> list[tuple[Vector, Vector, Vector]]:
        """(weights, biases, numbers of the linear neurons) of every layer, weights of shape (features, neurons).

        Of the positive sides, which are all there is if the layers are `one_sided`.
        """
        both = zip(self._layers, self._linear, strict=True)
        return [(plus, bias, linear) for (plus, _, bias), linear in both]

    def preactivations(self, points: Vector) -> list[Vector]:
        """Of every layer, shape (points, neurons) each; points in input units, shape (points, inputs)."""
        return [values for values, _, _ in self._upwards(points)]

    def topmost(self, points: Vector, layers: int = 1) -> list[Vector]:
        """The same of the last layers only, which takes half the time."""
        blocks = [self.preactivations(points[n : n + BLOCK])[-layers:] for n in range(0, max(len(points), 1), BLOCK)]
        return blocks[0] if len(blocks) == 1 else [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def below_last(self, points: Vector) -> Vector:
        """Of every layer but the last, side by side, shape (points, neurons of all of them)."""
        found = [values for values, _, _ in islice(self._upwards(points), len(self._layers) - 1)]
        return np.concatenate(found, axis=1)

    def last(self, points: Vector) -> tuple[Vector, Vector]:
        """The last layer's preactivations, and the sums of their terms' sizes, shape (points, neurons) each."""
        return self._with_sizes(*list(self._upwards(points))[-1])

    def last_two(self, points: Vector) -> tuple[Vector, Vector, Vector]:
        """The preactivations of the last layer but one, and what `last` gives, from one pass."""
        *_, (before, _, _), top = self._upwards(points)
        return before, *self._with_sizes(*top)

    def _with_sizes(self, values: Vector, positive: Vector, negative: Vector | None) -> tuple[Vector, Vector]:
        plus, minus, bias = self._layers[-1]
        sizes = np.abs(positive) @ np.abs(plus) + np.abs(bias)
        return values, sizes if negative is None or minus is None else sizes + np.abs(negative) @ np.abs(minus)

    def _upwards(self, points: Vector) -> Iterator[tuple[Vector, Vector, Vector | None]]:
        """(preactivations, what comes in, what of it is below 0 turned round) of each layer.

        Inputs are not turned, nor is what no neuron takes in.
        """
        positive: Vector = points
        negative: Vector | None = None
        for number, (plus, minus, bias) in enumerate(self._layers):
            values = positive @ plus
            if negative is not None and minus is not None:
                values += negative @ minus
            values += bias
            yield values, positive, negative
            positive = _handed_on(values, self._linear[number])
            both = number + 1 < len(self._layers) and self._layers[number + 1][1] is not None
            negative = positive - values if both else None


def relative(values: Vector, sizes: Vector) -> Vector:
    """Values over their usual sizes, which are positive, as far as `FARTHEST`; shapes (..., neurons) and (neurons,)."""
    with np.errstate(over="ignore"):
        found: Vector = np.clip(values / sizes, -FARTHEST, FARTHEST)
    return found


def sides(values: Vector, linear: Vector) -> tuple[Vector, Vector]:
    """What a layer hands on: max(0, .) of its preactivations and of their negatives; linear neurons as they are.

    Args:
        values: shape (points, neurons).
        linear: the indices of the linear neurons.
    """
    positive = _handed_on(values, linear)
    return positive, positive - values


def _handed_on(values: Vector, linear: Vector) -> Vector:
    positive: Vector = np.maximum(values, 0.0)
    if len(linear):
        positive[:, linear] = values[:, linear]
    return positive


def usual_sizes(known: Known) -> list[int]:
    """What the last layer hands on for inputs of size 1, in bits, one a row; see `usual_size`."""
    sizes = [0] * known.inputs
    for rows in known.layers:
        sizes = [usual_size(row, sizes) for row in rows]
    return sizes


def usual_size(row: Row, below: Sequence[int]) -> int:
    """The size in bits of a small term of a row that is fed by these sizes; never what stands for a weight."""
    return _usual(sorted(_sizes([*row.plus, *row.minus], [*below, *below])))


def _sizes(entries: Sequence[int], shifts: Sequence[int]) -> list[int]:
    return [abs(v).bit_length() + s for v, s in zip(entries, shifts, strict=True) if v]


def _usual(sizes: Sequence[int]) -> int:
    """Of sizes in ascending order, one that is known not to be of what stands for a weight."""
    return sizes[(len(sizes) - 1) // TOLD] if sizes else 0


def _scaled(row: Row, exponents: Sequence[int]) -> tuple[list[float], int]:
    """((plus ..., minus ..., bias), exponent): the row over the scaled layer below, divided by 2^exponent.

    Were rows measured by what stands for unknown weights, a few layers of them would leave the range of float64. What
    is far larger than the rest of the row counts as 2^APART times as large.
    """
    shifts = [*exponents, *exponents, 0]
    entries = [*row.plus, *row.minus, row.bias]
    sizes = _sizes(entries, shifts)
    usual = _usual(sorted(sizes[:-1] if row.bias else sizes) or sizes)
    exponent = max((size for size in sizes if size <= usual + APART), default=0)
    return [_divided(v, exponent - s) for v, s in zip(entries, shifts, strict=True)], exponent


def _divided(value: int, shift: int) -> float:
    """value / 2^shift without overflow, or +-2^APART if it is larger."""
    if abs(value).bit_length() - shift > APART:
        return 2.0**APART if value > 0 else -(2.0**APART)
    spare = max(abs(value).bit_length() - MANTISSA - 8, 0)
    return float(np.ldexp(float(value >> spare), spare - shift))


def to_floats(points: Sequence[Point]) -> Vector:
    """Grid points in input units, shape (points, inputs)."""
    return np.array([[c / UNIT for c in point] for point in points])
