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


class Scaled:
    """A row, and in floats its coefficients and its constant, both divided by the largest coefficient."""

    def __init__(self, row: Vector) -> None:
        self.row = row
        largest = max((abs(value) for value in row[1:]), default=fmpq(0)) or fmpq(1)
        self.coefficients = np.array([to_float(value / largest) if value else 0.0 for value in row[1:]])
        self.constant = to_float(min(max(row[0] / largest, fmpq(-(10**9))), fmpq(10**9)))


def lower_bound(row: Vector, never_negative: Sequence[Vector]) -> fmpq | None:
    """A constant that the row is never below, proved; None: none was found.

    Args:
        row: an affine function as (constant, coefficients ...).
        never_negative: others of the same length, known to be at least 0.
    """
    return scaled_bound(Scaled(row), [Scaled(other) for other in never_negative])


def scaled_bound(target: Scaled, never_negative: Sequence[Scaled]) -> fmpq | None:
    """The same as `lower_bound` for rows that are scaled once and used often."""
    row = target.row
    chosen = [never_negative[number].row for number in _support(target, never_negative)] if any(row[1:]) else []
    coefficients = _solved(row[1:], [other[1:] for other in chosen])
    if coefficients is None or any(value < 0 for value in coefficients):
        return None
    return row[0] - sum((v * other[0] for v, other in zip(coefficients, chosen, strict=True)), fmpq(0))


def implied(rows: Sequence[Vector]) -> list[int]:
    """The numbers, from 0, of rows that are never negative where the remaining ones are not, proved.

    Rows are tried from the last to the first; the ones found are not used to prove others.

    Args:
        rows: affine functions as (constant, coefficients ...), all of one length.
    """
    kept, found = {number: Scaled(row) for number, row in enumerate(rows)}, []
    for number in reversed(range(len(rows))):
        row = kept.pop(number)
        low = scaled_bound(row, list(kept.values()))
        if low is not None and low >= 0:
            found.append(number)
        else:
            kept[number] = row
    return found[::-1]


def _support(target: Scaled, others: Sequence[Scaled]) -> list[int]:
    """The others that the best combination in floats uses; none if there is no combination."""
    if not others:
        return []
    result = linprog(
        [other.constant for other in others],
        A_eq=np.column_stack([other.coefficients for other in others]),
        b_eq=target.coefficients,
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
