"""What a diagnosis asks an oracle: points on a grid that the oracle's format holds, answers with proved errors.

Most questions are asked on a slice of the inputs, the others being 0: signs show there as well as anywhere, and both
the oracle and the exact arithmetic of the diagnosis have fewer coordinates to deal with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq, fmpz, fmpz_mat
from numpy.typing import NDArray
from scipy.linalg import qr

from precise.arithmetic import Batch, SliceBatch, to_float
from precise.errors import BudgetExceeded
from precise.network import Layer, Network
from precise.oracle import Oracle
from precise.oracles.promise import promise_of

FINEST_GRID = 40  # bits after the point
LARGEST_BITS = 9  # coordinates stay below 2^9
SPARE_INPUTS = 2  # of the slice beyond the first layer's width
OUTWARD = 1 + 2.0**-48  # a bound of at most a few float64 roundings
UNIT = 2.0**-53

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Points of a slice and what the oracle said."""

    points: Integers  # in units of 2^-grid, shape (points, columns)
    values: Floats  # shape (points, outputs)
    errors: Floats  # |value - exact output of the true network| is at most this, the rounding to float64 included
    exact: list[list[fmpq]]  # the answers as they came
    radii: list[list[fmpq]]  # and their promised errors

    def __len__(self) -> int:
        return len(self.points)

    def part(self, which: Sequence[int] | Integers) -> Answers:
        """Some of them."""
        chosen = [int(i) for i in which]
        exact, radii = ([table[i] for i in chosen] for table in (self.exact, self.radii))
        return Answers(self.points[chosen], self.values[chosen], self.errors[chosen], exact, radii)

    def joined(self, other: Answers) -> Answers:
        """These and others on the same columns."""
        return Answers(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.errors, other.errors]),
            self.exact + other.exact,
            self.radii + other.radii,
        )


class Questions:
    """An oracle with a limit of queries and a grid."""

    def __init__(self, oracle: Oracle, max_queries: int | None = None) -> None:
        self.oracle = oracle
        self.promise = promise_of(oracle)
        bits = self.promise.input_bits
        self.grid = FINEST_GRID if bits is None else max(0, min(FINEST_GRID, bits - LARGEST_BITS))
        self._before = oracle.queries
        self._most = max_queries

    @property
    def asked(self) -> int:
        """Points answered so far."""
        return self.oracle.queries - self._before

    @property
    def left(self) -> int:
        """Points that may still be asked."""
        return 1 << 62 if self._most is None else self._most - self.asked

    def to_grid(self, points: Floats) -> Integers:
        """The nearest grid points."""
        limit = float(1 << (self.grid + LARGEST_BITS)) - 1
        return np.asarray(np.clip(np.rint(points * 2.0**self.grid), -limit, limit), dtype=np.int64)

    def to_floats(self, points: Integers) -> Floats:
        """Grid points as float64, exactly: their integers have at most 49 bits."""
        return np.asarray(points * 2.0**-self.grid, dtype=np.float64)

    def batch(self, points: Integers) -> Batch:
        """Grid points for a network whose inputs are the columns."""
        return Batch(fmpz_mat(points.tolist()), fmpz(1) << self.grid)

    def ask(self, points: Integers, columns: Sequence[int]) -> Answers:
        """The oracle's answers at points whose entries belong to these inputs; the other inputs are 0.

        Raises:
            BudgetExceeded: they are more than may be asked; none of them was.
            OracleError: from the oracle.
        """
        if len(points) > self.left:
            raise BudgetExceeded(f"{self.asked} points were asked and {len(points)} more are needed")
        inside = fmpz_mat(points.tolist())
        batch = SliceBatch(inside, fmpz(1) << self.grid, tuple(columns), self.oracle.input_width)
        found = self.oracle.query(batch)
        exact = found.rows()
        radii = self.promise.radii(batch, found)
        values = np.array([[to_float(v) for v in row] for row in exact])
        errors = np.array([[to_float(r) for r in row] for row in radii])
        errors = (errors * OUTWARD + np.abs(values) * UNIT) * OUTWARD + 5e-324
        return Answers(points, values, errors, exact, radii)


def slice_of(network: Network) -> list[int]:
    """Inputs in whose directions the first layer's rows are as independent as may be, in order."""
    weights = network.to_numpy()[0][0]
    inputs, neurons = weights.shape
    if inputs <= neurons + SPARE_INPUTS:
        return list(range(inputs))
    order = qr(weights.T, mode="r", pivoting=True)[1]
    return sorted(int(i) for i in order[: neurons + SPARE_INPUTS])


def on_slice(network: Network, columns: Sequence[int]) -> Network:
    """The network as a function of some inputs, the others being 0."""
    first = network.layers[0]
    rows = tuple(tuple(row[c] for c in columns) for row in first.weights)
    return replace(network, layers=(Layer(rows, first.biases), *network.layers[1:]))


Place = tuple[int, int]  # layer and neuron, from 1


def flipped(network: Network, places: Sequence[Place] | frozenset[Place]) -> Network:
    """The network with the rows of some hidden neurons negated, exactly."""
    turned = set(places)
    layers = [
        Layer(
            tuple(tuple(-w for w in row) if (k, i) in turned else row for i, row in enumerate(layer.weights, 1)),
            tuple(-b if (k, i) in turned else b for i, b in enumerate(layer.biases, 1)),
        )
        if any(place[0] == k for place in turned)
        else layer
        for k, layer in enumerate(network.layers, 1)
    ]
    return Network(tuple(layers))
