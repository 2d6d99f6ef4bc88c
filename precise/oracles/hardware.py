"""Evaluation of a network in float16, bfloat16, float32 or float64, as a framework does it, with a proved error.

**Summation.** `blas` leaves the order to numpy's matrix product (blocked, with fused multiply-adds where the processor
has them); `sequential` adds input after input; `pairwise` adds halves. Half-width formats are multiplied and added in
float32, bias included, and rounded once.

**The bound.** Let u be the accumulator's unit roundoff and gamma_n = n u / (1 - n u). In whatever order and with or
without fused operations, a dot product of n terms plus a bias has an error of at most

    gamma_(n+1) (|w| . |x| + |b|) + (2 n + 1) t,

t bounding what one underflow costs [Hig02, sections 2.2 and 3.1]; terms with a factor 0 add nothing, so n counts the
coordinates other than 0 in the first layer. |w| . |x| <= ||w|| ||x|| (2-norms). With H >= ||h|| the size of a layer's
exact inputs and e >= ||computed - exact|| their error, a neuron's error is at most

    ||w|| e + gamma_(n+1) (||w|| (H + e) + |b|) + (2 n + 1) t,

which a further rounding to a narrower format with unit v raises by v (||w|| (H + e) + |b|) and its underflow. ReLU
increases neither norm. For a whole hidden layer, ||w|| e becomes ||W|| e and ||w|| (H + e) becomes || |W| || (H + e),
spectral norms, bounded by ||A||^16 <= ||(A^T A)^8||_F. Of the first layer only the columns count that some point of
the batch uses. Everything follows from ||x||, the count of coordinates other than 0, and three norms a layer (of every
neuron in the last): the published constants of the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from precise.arithmetic import Batch, SliceBatch, rational
from precise.errors import InputError, OracleError
from precise.network import Network
from precise.oracle import ExactOracle
from precise.oracles.formats import FORMATS, Array, Format
from precise.oracles.promise import Radii

SUMMATIONS = ("blas", "sequential", "pairwise")
_OUTWARD = 1 + 2.0**-30  # the bounds are sums of products of positive float64: far fewer than 2^20 roundings
Bound = NDArray[np.float64]


@dataclass(frozen=True)
class _Norms:
    """What is published of one layer; upper bounds."""

    inputs: int
    weights: Bound  # ||W||: one number for a hidden layer, one a neuron for the last; so the others
    absolute: Bound  # || |W| ||
    biases: Bound


class HardwarePromise:
    """See the module."""

    def __init__(self, format_: Format, arrays: list[tuple[Array, Array]], summation: str) -> None:
        self.statement = f"{format_.name} evaluation, {summation} summation"
        self.input_bits = format_.bits
        self.evaluation: Format | None = format_
        self._format = format_
        self._arrays = arrays
        self._above = [_norms(w, b, last=n == len(arrays) - 1) for n, (w, b) in enumerate(arrays)][1:]
        self._first: dict[bytes, _Norms] = {}  # by the columns that are used

    def radii(self, points: Batch, answers: Batch) -> Radii:
        """The bound of the module, from ||x|| and the number of coordinates other than 0."""
        values, exact = floats(points)
        stored = self._format.store(values).astype(np.float64)
        size = np.sqrt(np.sum(values**2, axis=1)) * _OUTWARD
        cast = 0.0 if exact and np.array_equal(stored, values) else 1.0
        error = cast * (2.0 ** (1 - self._format.bits) * size + values.shape[1] * self._format.stored_tiny)
        terms = np.count_nonzero(values, axis=1).astype(np.float64)
        layers = [self._used(np.asarray(values.any(axis=0))), *self._above]
        bound = self._propagated(layers, size[:, None], error[:, None], terms[:, None])
        return [[rational(float(b)) for b in row] for row in bound]

    def underflow(self, points: Batch) -> float:
        """What is left of the bound for inputs and biases of size 0, || |W| || in place of ||W||.

        The other part may then be bounded neuron by neuron: |W| passes on both parts of an error.
        """
        values = floats(points)[0]
        used = self._used(np.asarray(values.any(axis=0)))
        layers = [replace(layer, weights=layer.absolute, biases=0 * layer.biases) for layer in (used, *self._above)]
        nothing, terms = np.zeros((1, 1)), np.full((1, 1), float(values.shape[1]))
        return float(self._propagated(layers, nothing, nothing, terms).max())

    def _used(self, columns: NDArray[np.bool_]) -> _Norms:
        """The first layer's norms on the columns that are used; the last few such sets are kept."""
        key = columns.tobytes()
        if key not in self._first:
            if len(self._first) > 64:
                self._first.clear()
            weights, biases = self._arrays[0]
            self._first[key] = _norms(weights[columns], biases, last=len(self._arrays) == 1)
        return self._first[key]

    def _propagated(self, layers: Sequence[_Norms], size: Bound, error: Bound, terms: Bound) -> Bound:
        kind = self._format
        unit = 2.0**-kind.accumulator_bits
        narrow = 2.0**-kind.bits if kind.bits < kind.accumulator_bits else 0.0
        for number, layer in enumerate(layers):
            n = terms if number == 0 else np.full_like(terms, layer.inputs)
            gamma = (n + 1) * unit / (1 - (n + 1) * unit) * _OUTWARD
            reached = layer.absolute * (size + error) + layer.biases
            neurons = 1 if number == len(layers) - 1 else layers[number + 1].inputs
            tiny = neurons * ((2 * n + 1) * kind.tiny + kind.stored_tiny)
            error = layer.weights * error + (gamma + narrow * (1 + gamma)) * reached + 2 * tiny
            size = layer.weights * size + layer.biases
        return np.asarray(error * _OUTWARD, dtype=np.float64)


class HardwareOracle(ExactOracle):
    """A network whose parameters are rounded to the format, evaluated in the format.

    `network` is the rounded network: the one whose exact function the promise speaks of, and the extraction recovers.
    """

    def __init__(
        self, network: Network, name: str = "float64", summation: str = "blas", budget: int | None = None
    ) -> None:
        if name not in FORMATS:
            raise InputError(f"format {name!r}: expected one of {', '.join(FORMATS)}")
        if summation not in SUMMATIONS:
            raise InputError(f"summation {summation!r}: expected one of {', '.join(SUMMATIONS)}")
        self._format = FORMATS[name]
        self._summation = summation
        self._arrays = [(self._cast(w), self._cast(b)) for w, b in network.to_numpy()]
        if not all(np.isfinite(w).all() and np.isfinite(b).all() for w, b in self._arrays):
            raise InputError(f"a weight is too large for {name}")
        super().__init__(network, budget)
        self.promise = HardwarePromise(self._format, self._arrays, summation)

    def rounded_network(self) -> Network:
        """The network with its parameters in the format: for scoring, not for the extraction."""
        return Network.from_arrays(self._arrays)

    def _cast(self, values: NDArray[np.float64]) -> Array:
        return self._format.store(values)

    def _answer(self, points: Batch) -> Batch:
        values = self._cast(floats(points)[0])
        with np.errstate(all="ignore"):
            for number, (weights, biases) in enumerate(self._arrays):
                held = np.maximum(values, 0) if number else values
                values = self._cast(self._product(held, weights) + biases)
        if not np.isfinite(values).all():
            raise OracleError(f"the {self._format.name} evaluation overflowed: ask points closer to the origin")
        return Batch.from_rows(values.astype(np.float64).tolist())

    def _product(self, values: Array, weights: Array) -> Array:
        if self._summation == "blas":
            return np.asarray(values @ weights)
        terms = [values[:, j, None] * weights[j] for j in range(weights.shape[0])]
        if self._summation == "sequential":
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            return np.asarray(total)
        while len(terms) > 1:
            odd = terms[len(terms) - len(terms) % 2 :]
            terms = [a + b for a, b in zip(terms[::2], terms[1::2])] + odd
        return np.asarray(terms[0])


def floats(points: Batch) -> tuple[NDArray[np.float64], bool]:
    """The points in float64, and whether all of them are exact; columns that a slice leaves at 0 are 0."""
    inside = points.inside if isinstance(points, SliceBatch) else points.numerators
    denominator = int(points.denominator)
    entries = [int(n) for n in inside.entries()]
    exact = denominator & (denominator - 1) == 0 and all(n.bit_length() <= 53 for n in entries)
    table = np.array([n / denominator for n in entries], dtype=np.float64).reshape(points.size, inside.ncols())
    if not isinstance(points, SliceBatch):
        return table, exact
    whole = np.zeros((points.size, points.width))
    whole[:, list(points.columns)] = table
    return whole, exact


def _norms(weights: Array, biases: Array, last: bool) -> _Norms:
    """The published constants of one layer."""
    wide, offsets = weights.astype(np.float64), np.abs(biases.astype(np.float64))
    if last:
        size = np.sqrt((wide**2).sum(axis=0)) * _OUTWARD
        return _Norms(weights.shape[0], size, size, offsets)
    shift = np.array([np.sqrt((offsets**2).sum())]) * _OUTWARD
    return _Norms(weights.shape[0], np.array([_spectral(wide)]), np.array([_spectral(np.abs(wide))]), shift)


def _spectral(matrix: Bound) -> float:
    """An upper bound of the spectral norm, at most n^(1/16) above it; scaled, so that powers do not overflow."""
    scale = float(np.abs(matrix).max(initial=0.0)) or 1.0
    power = (matrix / scale).T @ (matrix / scale)
    for _ in range(3):
        power = power @ power
    frobenius = float(np.sqrt((power**2).sum()))
    return float(frobenius ** (1 / 16)) * scale * (1 + 2.0**-20)  # a few thousand roundings at most
