"""A network that is known in balls, evaluated at many points at once: float64 midpoints and radii.

Every operation adds room for its own roundings, so that an interval holds what it stands for: SLACK, relative, is far
above the roundings of the float64 sums here, which have at most a few thousand terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from flint import arb
from numpy.typing import NDArray

from precise.rounding.balls import Floats, middle, radius

SLACK = 2.0**-40


@dataclass(frozen=True)
class Interval:
    """Midpoints and radii in float64, of one shape."""

    mid: Floats
    rad: Floats

    @classmethod
    def of(cls, rows: Sequence[Sequence[arb]]) -> Interval:
        """A matrix of balls."""
        mid = np.array([[middle(e) for e in row] for row in rows])
        rad = np.array([[radius(e) for e in row] for row in rows])
        return cls(mid, rad + SLACK * SLACK * np.abs(mid) + np.spacing(np.abs(mid)))

    @classmethod
    def exact(cls, values: Floats) -> Interval:
        """Floats as they are."""
        return cls(values, np.zeros_like(values))

    def times(self, other: Interval) -> Interval:
        """The matrix product."""
        mid, size = self.mid @ other.mid, np.abs(self.mid) @ np.abs(other.mid)
        spread = np.abs(self.mid) @ other.rad + self.rad @ (np.abs(other.mid) + other.rad)
        return Interval(mid, spread * (1 + SLACK) + size * SLACK)

    def plus(self, row: Interval) -> Interval:
        """The sum with one row."""
        return Interval(self.mid + row.mid, self.rad + row.rad + SLACK * (np.abs(self.mid) + np.abs(row.mid)))

    def masked(self, active: Floats) -> Interval:
        """Zero where a neuron is inactive."""
        return Interval(self.mid * active, self.rad * active)

    @property
    def size(self) -> Floats:
        """The largest absolute value, rounded up."""
        return np.asarray((np.abs(self.mid) + self.rad) * (1 + SLACK))

    @property
    def told(self) -> NDArray[np.bool_]:
        """Where the sign is proved."""
        return np.asarray(np.abs(self.mid) > self.rad * (1 + SLACK))


@dataclass(frozen=True)
class Pass:
    """The preactivations of every hidden layer at some points, and the outputs: shapes (points, neurons)."""

    hidden: list[Interval]
    outputs: Interval

    @property
    def told(self) -> NDArray[np.bool_]:
        """The points where every neuron's side is proved."""
        return np.asarray(np.logical_and.reduce([layer.told.all(axis=1) for layer in self.hidden]))

    @property
    def active(self) -> list[Floats]:
        """1.0 for active neurons, where sides are proved."""
        return [(layer.mid > 0).astype(np.float64) for layer in self.hidden]

    def at(self, chosen: NDArray[np.intp]) -> Pass:
        """The same at some of the points."""
        layers = [Interval(z.mid[chosen], z.rad[chosen]) for z in self.hidden]
        return Pass(layers, Interval(self.outputs.mid[chosen], self.outputs.rad[chosen]))


class IntervalNetwork:
    """Layers of enclosed rows (weights ..., bias), the outputs last."""

    def __init__(self, rows: Sequence[Sequence[Sequence[arb]]]) -> None:
        layers = [Interval.of(layer) for layer in rows]
        self.weights = [Interval(layer.mid[:, :-1].T, layer.rad[:, :-1].T) for layer in layers]
        self.biases = [Interval(layer.mid[:, -1], layer.rad[:, -1]) for layer in layers]

    def with_input(self, column: Sequence[arb]) -> IntervalNetwork:
        """The same with one more input, and its weight on every neuron of the first layer."""
        first, more = self.weights[0], Interval.of([column])
        wider = copy(self)
        joined = Interval(np.vstack([first.mid, more.mid]), np.vstack([first.rad, more.rad]))
        wider.weights = [joined, *self.weights[1:]]
        return wider

    def passed(self, points: Floats) -> Pass:
        """Everything at points that are floats, shape (points, inputs)."""
        held, found = Interval.exact(points), []
        for weights, biases in zip(self.weights, self.biases, strict=True):
            z = held.times(weights).plus(biases)
            found.append(z)
            low, high = np.maximum(z.mid - z.rad, 0), np.maximum(z.mid + z.rad, 0)
            held = Interval((high + low) / 2, ((high - low) / 2) * (1 + SLACK) + SLACK * high)
            sure = z.told & (z.mid > 0)
            held = Interval(np.where(sure, z.mid, held.mid), np.where(sure, z.rad, held.rad))
        return Pass(found[:-1], found[-1])

    def jacobian(self, points: Floats, found: Pass) -> Interval:
        """Derivatives of the outputs at points of proved sides, over all networks in the balls.

        Shape (points x outputs, parameters), outputs fastest; parameters layer after layer, each neuron's weights and
        bias.
        """
        active = found.active
        held = [Interval.exact(points), *(z.masked(a) for z, a in zip(found.hidden, active, strict=True))]
        outputs = self.weights[-1].mid.shape[1]
        count = sum((w.mid.shape[0] + 1) * w.mid.shape[1] for w in self.weights)
        mid = np.zeros((len(points) * outputs, count))
        rad = np.zeros_like(mid)
        for o in range(outputs):
            whole = self._one_output(o, held, active)
            mid[o::outputs], rad[o::outputs] = whole.mid, whole.rad
        return Interval(mid, rad)

    def _one_output(self, output: int, held: list[Interval], active: list[Floats]) -> Interval:
        unit = np.zeros((len(held[0].mid), self.weights[-1].mid.shape[1]))
        unit[:, output] = 1
        influence = Interval.exact(unit)
        blocks = [_derivatives(influence, held[-1])]
        for (weights, h), a in zip(
            reversed(list(zip(self.weights[1:], held[:-1], strict=True))), reversed(active), strict=True
        ):
            influence = influence.times(Interval(weights.mid.T, weights.rad.T)).masked(a)
            blocks.append(_derivatives(influence, h))
        return Interval(np.hstack([b.mid for b in blocks[::-1]]), np.hstack([b.rad for b in blocks[::-1]]))


def _derivatives(influence: Interval, held: Interval) -> Interval:
    """influence_j h_i for every weight, influence_j for the bias: shape (points, neurons x (inputs + 1))."""
    one = np.ones((len(held.mid), 1))
    h, hr = np.hstack([held.mid, one]), np.hstack([held.rad, 0 * one])
    y, yr = influence.mid[:, :, None], influence.rad[:, :, None]
    mid = y * h[:, None, :]
    rad = np.abs(y) * hr[:, None, :] + yr * (np.abs(h) + hr)[:, None, :]
    return Interval(mid.reshape(len(h), -1), ((1 + SLACK) * rad + SLACK * np.abs(mid)).reshape(len(h), -1))
