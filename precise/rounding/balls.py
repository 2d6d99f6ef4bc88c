"""Balls: numbers that are known up to a proved radius (FLINT's arb), and what can be concluded from them.

"Not zero" is proved when a ball does not hold 0; "zero" only by a ball of radius 0; anything else cannot be told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from flint import arb, arb_mat, ctx, fmpq
from numpy.typing import NDArray

Ball = arb
Vector = list[arb]
Floats = NDArray[np.float64]

WORKING_BITS = 320  # of midpoints; far above every oracle that rounds, so that only the oracle's error is seen


@contextmanager
def working_precision(bits: int = WORKING_BITS) -> Iterator[None]:
    """Compute with midpoints of so many bits; FLINT's setting belongs to the process."""
    with ctx.workprec(bits):
        yield


def ball(value: fmpq, radius: fmpq) -> Ball:
    """The ball around a rational."""
    return arb(arb(value), arb(radius).upper()) if radius else arb(value)


def sign_of(value: Ball) -> int:
    """+1 or -1 if proved; 0 cannot be told (or is exactly 0)."""
    return 1 if value > 0 else -1 if value < 0 else 0


def surely_not_zero(value: Ball) -> bool:
    """Is 0 outside the ball?"""
    return not value.contains(0)


def middle(value: Ball) -> float:
    """The midpoint as a float, for searching."""
    return float(value.mid())


def middles(values: Sequence[Ball]) -> Floats:
    """The midpoints as floats."""
    return np.array([float(v.mid()) for v in values])


def radius(value: Ball) -> float:
    """The radius as a float, rounded up."""
    return math.nextafter(float(value.rad().upper()), math.inf)


def digits(value: Ball, scale: float = 1.0) -> float:
    """-log2 of the radius in units of `scale`: the bits after the point that are known; 0 at least, 4096 if exact."""
    size = radius(value) / scale if scale else math.inf
    return max(0.0, min(4096.0, -math.log2(size))) if size > 5e-324 else 4096.0


def met(first: Ball, second: Ball) -> Ball | None:
    """What both balls allow; None if they exclude each other."""
    if not first.overlaps(second):
        return None
    return first.intersection(second)


def dot(first: Sequence[Ball], second: Sequence[Ball | int]) -> Ball:
    """The scalar product."""
    return sum((a * b for a, b in zip(first, second, strict=True)), arb(0))


def normalised(row: Sequence[Ball], reference: int) -> Vector | None:
    """The row divided by one entry, which becomes exactly 1; None if that entry may be 0."""
    pivot = row[reference]
    if not surely_not_zero(pivot):
        return None
    return [arb(1) if i == reference else value / pivot for i, value in enumerate(row)]


def solve_consistent(matrix: Sequence[Sequence[Ball]], right: Sequence[Ball]) -> Vector | None:
    """The x with matrix x = right, enclosed: shape (equations, unknowns), at least as many equations as unknowns.

    Every x that satisfies all equations satisfies B matrix x = B right for any matrix B; B is an approximate weighted
    inverse, so that B matrix is nearly the identity and the enclosure tight. None: no x satisfies all equations
    (proved), or the system is too near to a dependent one to tell.
    """
    if not matrix or len(matrix) < len(matrix[0]):
        return None
    if not matrix[0]:
        return [] if all(r.contains(0) for r in right) else None
    found = _enclosed(matrix, right)
    return None if found is None or not _fits(matrix, found, right) else list(found.entries())


def inconsistent(matrix: Sequence[Sequence[Ball]], right: Sequence[Ball]) -> bool:
    """Is it proved that no x satisfies all equations? A system too near to a dependent one proves nothing."""
    if not matrix or len(matrix) < len(matrix[0]):
        return False
    if not matrix[0]:
        return any(surely_not_zero(r) for r in right)
    found = _enclosed(matrix, right)
    return found is not None and not _fits(matrix, found, right)


def _enclosed(matrix: Sequence[Sequence[Ball]], right: Sequence[Ball]) -> arb_mat | None:
    """All x that satisfy every equation; None if they cannot be enclosed."""
    left, values = arb_mat([list(row) for row in matrix]), arb_mat([[r] for r in right])
    weight = np.array([1 / max(radius(r), 1e-60) for r in right])
    weight = np.clip(weight / weight.max(), 1e-9, 1.0)
    try:
        approximate = np.linalg.pinv(np.array([middles(row) for row in matrix]) * weight[:, None]) * weight
        multiplier = arb_mat(approximate.tolist())
        return (multiplier * left).solve(multiplier * values)
    except (ZeroDivisionError, np.linalg.LinAlgError):
        return None


def _fits(matrix: Sequence[Sequence[Ball]], found: arb_mat, right: Sequence[Ball]) -> bool:
    """May every equation hold?"""
    left = arb_mat([list(row) for row in matrix]) * found
    return all((a - r).contains(0) for a, r in zip(left.entries(), right, strict=True))
