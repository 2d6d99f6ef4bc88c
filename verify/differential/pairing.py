"""Which neuron of g belongs to which of f, and by which factor.

Any answer is sound; a good one makes proofs short. Rows are compared by their cosine, layer after layer, and
assigned by the Hungarian method; factors are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpq_mat, fmpz, fmpz_mat
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from precise.arithmetic import round_to_bits
from precise.network import Network
from verify.checker.joint import Pair, Row, deepened

SIMILAR = 0.5  # rows at more than 60 degrees stay alone: their difference is larger than either of them
NEARLY_BEST = fmpq(4)  # a power of two may be so much worse: its inverse is short, and weights that agree stay equal
LARGEST_BITS = 1000  # of whole numbers that are made floats
SPARE_BITS = 20  # a factor's error stays this many bits below what the rows differ by anyway


def pair_neurons(first: Network, second: Network) -> list[list[Pair]]:
    """Pairs (neuron of f, neuron of g, factor of g's row) for every hidden layer of the deeper network."""
    depth = max(len(first.layers), len(second.layers))
    fs, gs = deepened(first, depth), deepened(second, depth)
    known: list[Pair] | None = None
    found = []
    for (f_rows, f_biases), (g_rows, g_biases) in zip(fs[:-1], gs[:-1]):
        left = [[*_columns(row, known, 0), b] for row, b in zip(f_rows, f_biases)]
        right = [[*_columns(row, known, 1), b] for row, b in zip(g_rows, g_biases)]
        known = _matched(left, right)
        found.append(known)
    return found


def _columns(row: Sequence[fmpq], pairs: list[Pair] | None, side: int) -> Row:
    """The entries of paired inputs, in f's scale."""
    if pairs is None:
        return list(row)
    return [row[j] / factor if side else row[i] for i, j, factor in pairs]


def _matched(left: Sequence[Row], right: Sequence[Row]) -> list[Pair]:
    ours, theirs = [_Integers.of(row) for row in left], [_Integers.of(row) for row in right]
    cosines = _unit_rows(ours) @ _unit_rows(theirs).T
    chosen = zip(*linear_sum_assignment(cosines, maximize=True))
    return [(int(i), int(j), _factor(ours[i], theirs[j])) for i, j in chosen if cosines[i, j] > SIMILAR]


def _unit_rows(rows: Sequence[_Integers]) -> NDArray[np.float64]:
    array = np.array([row.direction() for row in rows])
    array = array / np.maximum(np.abs(array).max(axis=1, keepdims=True), 1e-300)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    return np.asarray(np.divide(array, lengths, out=np.zeros_like(array), where=lengths > 0))


@dataclass(frozen=True)
class _Integers:
    """A row over one denominator: whole numbers are multiplied and compared without looking for common factors."""

    values: fmpz_mat  # shape (1, entries)
    denominator: fmpz

    @classmethod
    def of(cls, row: Row) -> _Integers:
        return cls(*fmpq_mat(1, len(row), row).numer_denom())

    def direction(self) -> list[float]:
        """A positive multiple of the row, whatever the size of its numbers."""
        values = [int(value) for value in self.values.entries()]
        excess = max(map(abs, values)).bit_length() - LARGEST_BITS
        return [float(value >> excess if excess > 0 else value) for value in values]

    def misfit(self, other: _Integers, factor: fmpq) -> fmpq:
        """The squared length of this row minus the factor times another."""
        scale, times = factor.q * other.denominator, factor.p * self.denominator
        left = self.values * scale - other.values * times
        return fmpq((left * left.transpose())[0, 0], (scale * self.denominator) ** 2)


def _factor(one: _Integers, other: _Integers) -> fmpq:
    """The factor of the other row that brings it next to the first: exact if it is a multiple, short if it can be."""
    column = other.values.transpose()
    products, squares = (one.values * column)[0, 0], (other.values * column)[0, 0]
    best = fmpq(products * other.denominator, squares * one.denominator)
    misfit = one.misfit(other, best)
    if misfit == 0:
        return best
    power = _power_of_two(best)
    if one.misfit(other, power) <= NEARLY_BEST**2 * misfit:
        return power
    relative = misfit / one.misfit(one, fmpq(0))
    bits = (relative.q.bit_length() - relative.p.bit_length()) // 2 + SPARE_BITS  # of a square
    return round_to_bits(best, max(bits, SPARE_BITS))


def _power_of_two(value: fmpq) -> fmpq:
    """The power of two with the nearest logarithm."""
    exponent = int(value.p).bit_length() - int(value.q).bit_length()
    candidates = [fmpq(2) ** (exponent + n) for n in (-1, 0, 1)]
    return min(candidates, key=lambda c: max(value / c, c / value))
