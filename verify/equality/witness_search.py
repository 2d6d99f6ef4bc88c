"""Search for an input on which two networks differ: floats suggest points, exact evaluation decides.

Points of many sizes come first. Then neurons are aimed at: from random starts, Newton's steps lead across the
zero set of a neuron into the region where it is active, so that even a fault of 1e-40 in a neuron that is
hardly ever active shows up, as exact evaluation sees any difference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from flint import fmpq, fmpz

from precise.arithmetic import Batch
from precise.network import Network
from verify.equality.float_model import Array, FloatModel
from verify.verdict import Witness

Neuron = tuple[int, int, int]  # (network 0 or 1, layer from 1, neuron from 1)

SCALES = (1, 8, 64, 4096, 2**20)  # of the first points' coordinates
STARTS = 16  # points from which a neuron is aimed at at once
ROUNDS = 16  # of aiming at a suspect, or of random points, before the search gives up
STEPS = 10  # Newton's steps a start
SHORT, LONG = 12, 52  # bits of a candidate's coordinates, relative to its largest


class WitnessSearch:
    """The search for one pair of networks with the same inputs and outputs."""

    def __init__(self, first: Network, second: Network, seed: int = 0) -> None:
        self._networks = first, second
        self._generator = np.random.default_rng(seed)
        self.evaluated = 0  # points looked at

    def run(self, suspects: Sequence[Neuron], seconds: float) -> Witness | None:
        """A witness, or None when the time is over or every neuron was aimed at.

        Args:
            suspects: the neurons to aim at first.
            seconds: that the search may take, roughly; the first points are always tried.
        """
        deadline = time.monotonic() + seconds
        found = self._first_of(self._simple())
        if found is None:
            for points in self._aimed(suspects):
                if time.monotonic() > deadline:
                    return None
                if (found := self._first_of(points)) is not None:
                    break
        return None if found is None else self.witness(self.shortened(found))

    def witness(self, point: Sequence[fmpq]) -> Witness:
        """The point with both outputs, exactly."""
        outputs = [tuple(network(point)) for network in self._networks]
        return Witness(tuple(point), outputs[0], outputs[1])

    def differing(self, points: Sequence[Sequence[fmpq]]) -> list[int]:
        """The numbers of the points, from 0, at which the networks' outputs differ, decided exactly."""
        if not points:
            return []
        self.evaluated += len(points)
        batch = Batch.from_rows(points)
        first, second = (network.evaluate(batch) for network in self._networks)
        left = (first.numerators * second.denominator).tolist()
        right = (second.numerators * first.denominator).tolist()
        return [number for number, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]

    def shortened(self, point: list[fmpq], seconds: float = 2.0) -> list[fmpq]:
        """A witness with fewer nonzero coordinates and shorter numbers, made from another one."""
        deadline = time.monotonic() + seconds
        for candidates in (self._sparser, self._rounder, self._sparser, self._leaner, self._rounder):
            improved = True
            while improved and time.monotonic() < deadline:
                options = [option for option in candidates(point) if _length(option) < _length(point)]
                working = self.differing(options)
                point = min((options[number] for number in working), key=_length, default=point)
                improved = bool(working) and candidates == self._leaner
        return point

    def _first_of(self, points: list[list[fmpq]]) -> list[fmpq] | None:
        numbers = self.differing(points)
        return points[numbers[0]] if numbers else None

    def _simple(self) -> list[list[fmpq]]:
        """The origin and random integer points of several sizes, with their opposites."""
        inputs = self._networks[0].input_width
        rows = [[0] * inputs]
        for scale in SCALES:
            rows += (scale * self._generator.standard_normal((4, inputs))).round().astype(int).tolist()
        return [[fmpq(sign * v) for v in row] for row in rows for sign in (1, -1)]

    def _aimed(self, suspects: Sequence[Neuron]) -> Iterator[list[list[fmpq]]]:
        """Points in the active region of one neuron after the other, the suspects first; then more at random."""
        models = [FloatModel(network) for network in self._networks]
        others = [
            (number, layer, neuron)
            for number, model in enumerate(models)
            for layer, (rows, _) in enumerate(model.layers, 1)
            for neuron in range(1, len(rows) + 1)
        ]
        for number, layer, neuron in (*suspects, *others):
            yield self._near(models[number], layer, neuron, SHORT)
        for _ in range(ROUNDS):
            for number, layer, neuron in suspects[:STARTS]:
                yield self._near(models[number], layer, neuron, LONG)
            for _ in range(ROUNDS):
                yield [exact(point, SHORT) for point in self._random()]

    def _near(self, model: FloatModel, layer: int, neuron: int, bits: int) -> list[list[fmpq]]:
        """Points just inside the active region of a neuron, and some on the other side."""
        points = self._random()
        for _ in range(STEPS):
            values, gradients = model.local(points, layer, neuron)
            squares = np.sum(gradients**2, axis=1)
            # overshoot where it is not active yet, come closer where it is
            wanted = np.where(values > 0, 0.5 * values, 0.25 * np.abs(values) + 1e-9)
            with np.errstate(over="ignore"):  # a tiny gradient: the step is clipped
                steps = np.divide(wanted - values, squares, out=np.zeros(STARTS), where=squares > 0)
            points = points + np.clip(steps, -1e9, 1e9)[:, None] * gradients
        values, _ = model.local(points, layer, neuron)
        return [exact(points[n], bits) for n in np.argsort(values <= 0, kind="stable")]

    def _random(self) -> Array:
        """Points of many sizes: shape (STARTS, inputs)."""
        sizes = 2.0 ** self._generator.uniform(-4, 20, (STARTS, 1))
        return np.asarray(sizes * self._generator.standard_normal((STARTS, self._networks[0].input_width)))

    def _sparser(self, point: list[fmpq]) -> list[list[fmpq]]:
        """The point with its largest, first or random coordinates only: 1, 2, 4 ... of them."""
        support = [n for n, value in enumerate(point) if value]
        orders = [sorted(support, key=lambda n: -abs(point[n])), support]
        orders += [self._generator.permutation(support).tolist() for _ in range(4)]
        counts = [0, *(1 << k for k in range(len(support).bit_length()) if 1 << k < len(support))]
        return [_restricted(point, order[:count]) for count in counts for order in orders]

    def _rounder(self, point: list[fmpq]) -> list[list[fmpq]]:
        """The point rounded to 1, 2, 3 ... bits, coarsest first, to integers first of all."""
        largest = max((abs(value) for value in point), default=fmpq(0))
        if not largest:
            return []
        whole = [fmpq(_nearest(value)) for value in point]
        signs = [fmpq((value > 0) - (value < 0)) for value in point]
        units = [largest / (1 << bits) for bits in (0, 1, 2, 3, 4, 6, 8, 10)]
        powers = [_power_of_two(unit) for unit in units]
        return [signs, *([_nearest(value / unit) * unit for value in point] for unit in powers), whole]

    def _leaner(self, point: list[fmpq]) -> list[list[fmpq]]:
        """The point without one half, quarter, eighth ... of its coordinates, down to single ones."""
        support = self._generator.permutation([n for n, value in enumerate(point) if value]).tolist()
        parts = [2**k for k in range(1, 7) if 2**k < 2 * len(support)]
        return [
            _restricted(point, [n for place, n in enumerate(support) if place % count != part])
            for count in parts
            for part in range(count)
        ]


def exact(point: Array, bits: int) -> list[fmpq]:
    """The float point with dyadic coordinates, rounded to multiples of 2^-bits of about its largest."""
    largest = float(np.max(np.abs(point)))
    if not largest:
        return [fmpq(0)] * len(point)
    exponent = int(np.frexp(largest)[1]) - bits
    unit = fmpq(2) ** exponent
    return [int(value) * unit for value in np.round(np.ldexp(point, -exponent))]


def _length(point: Sequence[fmpq]) -> tuple[int, int]:
    """How long a point is to write: nonzero coordinates, then digits."""
    return sum(map(bool, point)), sum(len(str(value)) for value in point)


def _restricted(point: Sequence[fmpq], kept: Sequence[int]) -> list[fmpq]:
    found = [fmpq(0)] * len(point)
    for number in kept:
        found[number] = point[number]
    return found


def _nearest(value: fmpq) -> fmpz:
    return (2 * value.p + value.q) // (2 * value.q)


def _power_of_two(value: fmpq) -> fmpq:
    exponent = int(value.p).bit_length() - int(value.q).bit_length()
    return fmpq(2) ** exponent
