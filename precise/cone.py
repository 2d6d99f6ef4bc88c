"""Lower bounds of an affine function from others that are never negative: floats search, rationals decide.

If a row is c + a combination of the others with coefficients of at least 0, then its value is at least c
(Farkas). A linear program finds the combination with the largest c; the exact coefficients come from a
rational solution on the support that it finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq, fmpq_mat
from scipy.optimize import linprog

from precise.arithmetic import to_float

NOISE = 1e-11  # float coefficients below it, the largest entries being 1, are rounding errors

Vector = Sequence[fmpq]


def lower_bound(row: Vector, never_negative: Sequence[Vector]) -> fmpq | None:
    """A constant that the row is never below, proved; None: none was found.

    Args:
        row: an affine function as (constant, coefficients ...).
        never_negative: others of the same length, known to be at least 0.
    """
    support = _support(row, never_negative) if any(row[1:]) else []
    chosen = [never_negative[number] for number in support]
    coefficients = _solved(row[1:], [other[1:] for other in chosen])
    if coefficients is None or any(value < 0 for value in coefficients):
        return None
    return row[0] - sum((v * other[0] for v, other in zip(coefficients, chosen, strict=True)), fmpq(0))


def _support(row: Vector, others: Sequence[Vector]) -> list[int]:
    """The others that the best combination in floats uses; none if there is no combination."""
    if not others:
        return []
    columns = [_floats(other[1:], other[0]) for other in others]
    result = linprog(
        [cost for _, cost in columns],
        A_eq=np.column_stack([column for column, _ in columns]),
        b_eq=_floats(row[1:], row[0])[0],
        method="highs-ds",  # the simplex method: its support is independent
    )
    return [] if result.x is None else [int(number) for number in np.flatnonzero(result.x > NOISE)]


def _solved(target: Vector, columns: Sequence[Vector]) -> list[fmpq] | None:
    """The exact coefficients with which columns sum up to the target; None: there are none."""
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


def _floats(vector: Vector, constant: fmpq) -> tuple[np.ndarray, float]:
    """The vector and the constant, both divided by the vector's largest entry."""
    largest = max(abs(value) for value in vector) or fmpq(1)
    cost = min(max(constant / largest, fmpq(-(10**9))), fmpq(10**9))
    return np.array([to_float(value / largest) for value in vector]), to_float(cost)
