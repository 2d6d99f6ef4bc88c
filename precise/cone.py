"""Is a vector a combination of others with coefficients of at least 0? Searched in floats, decided exactly.

The search is non-negative least squares (Lawson, Hanson 1974); the rational coefficients come from an exact
solution on the support that it finds. "Yes" is proved; "not found" is no proof of the contrary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq, fmpq_mat
from scipy.optimize import nnls

from precise.arithmetic import to_float

RESIDUAL = 1e-7  # relative; larger ones are taken as "no combination", without an exact attempt

Vector = Sequence[fmpq]


class Cone:
    """All combinations of some vectors with coefficients of at least 0."""

    def __init__(self, generators: Sequence[Vector]) -> None:
        """The cone of at least one vector, all of one length."""
        self.generators = generators
        self._floats = np.column_stack([_floats(vector) for vector in generators])

    def combination(self, target: Vector) -> list[fmpq] | None:
        """Coefficients of at least 0 with which the generators sum up to the target exactly; None: not found."""
        if not any(target):
            return [fmpq(0)] * len(self.generators)
        support = self._support(_floats(target))
        solution = _solved(target, [self.generators[number] for number in support]) if support else None
        if solution is None or min(solution) < 0:
            return None
        found = [fmpq(0)] * len(self.generators)
        for number, value in zip(support, solution, strict=True):
            found[number] = value
        return found

    def _support(self, target: np.ndarray) -> list[int]:
        """The generators that a float solution uses."""
        try:
            found, residual = nnls(self._floats, target)
        except RuntimeError:  # the iteration limit
            return []
        good = residual <= RESIDUAL * float(np.linalg.norm(target))
        return [int(number) for number in np.flatnonzero(found)] if good else []


def _solved(target: Vector, columns: Sequence[Vector]) -> list[fmpq] | None:
    """The exact solution of a consistent system with as many pivots as there are; None: inconsistent."""
    width = len(columns)
    entries = [value for row in zip(*columns, target, strict=True) for value in row]
    reduced, rank = fmpq_mat(len(target), width + 1, entries).rref()
    solution = [fmpq(0)] * width
    for row in range(rank):
        pivot = next(column for column in range(width + 1) if reduced[row, column])
        if pivot == width:
            return None
        solution[pivot] = reduced[row, width]
    return solution


def _floats(vector: Vector) -> np.ndarray:
    """The vector divided by its largest entry, in float64."""
    largest = max(abs(value) for value in vector) or fmpq(1)
    return np.array([to_float(value / largest) for value in vector])
