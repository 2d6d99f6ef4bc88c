"""Unknown 0/1 bits from fewer exact linear equations than bits: a subset sum of low density, solved by LLL.

Lagarias and Odlyzko (1985) with the lattice reduction of Lenstra, Lenstra and Lovasz (1982). A solution is returned
only with a proof that no other one exists: two solutions differ by a kernel vector with entries in {-1, 0, 1}, and the
Gram-Schmidt lengths of a reduced kernel basis exclude one.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq, fmpz, fmpz_mat

from precise.arithmetic import common_denominator

MOST_BITS = 160  # beyond this the reduction takes minutes to hours


def unique_bits(equations: Sequence[Sequence[fmpq]]) -> list[fmpq] | None:
    """The only bits u with coefficients . u = right-hand side for every equation, or None if that is not proved.

    Args:
        equations: each (coefficients ..., right-hand side).
    """
    integers = [_integers(equation) for equation in equations]
    count = len(integers[0]) - 1
    if count > MOST_BITS:
        return None
    # With z = 2u - 1 in {-1, 1}: A z = s t for s = 1, t = 2y - A 1.
    system = [[*row[:-1], sum(row[:-1]) - 2 * row[-1]] for row in integers]
    kernel = _reduced_kernel(system)
    solution = next((row for row in kernel if all(abs(v) == 1 for v in row)), None)
    if solution is None or not _no_short_vector([row[:-1] for row in integers], count):
        return None
    return [fmpq((v * solution[-1] + 1) // 2) for v in solution[:-1]]


def _no_short_vector(system: Sequence[Sequence[int]], count: int) -> bool:
    """Is every non-zero integer kernel vector longer than sqrt(count)?

    The shortest vector of a lattice is at least as long as the shortest Gram-Schmidt vector of any basis.
    """
    kernel = _reduced_kernel(system)
    if not kernel:
        return True
    return all(squared > count for squared in _gram_schmidt_squares(kernel))


def _reduced_kernel(system: Sequence[Sequence[int]]) -> list[list[int]]:
    """An LLL-reduced basis of the integer vectors that the matrix sends to 0."""
    unknowns = len(system[0])
    # A weight above every kernel vector that matters makes LLL put the kernel first, with zeros behind.
    size = max(abs(v) for row in system for v in row).bit_length()
    weight = fmpz(1) << (size + 2 * unknowns)
    rows = [[int(i == j) for j in range(unknowns)] + [int(weight * row[i]) for row in system] for i in range(unknowns)]
    reduced = [[int(v) for v in row] for row in fmpz_mat(rows).lll().tolist()]
    return [row[:unknowns] for row in reduced if not any(row[unknowns:]) and any(row)]


def _gram_schmidt_squares(basis: Sequence[Sequence[int]]) -> list[fmpq]:
    """Squared Gram-Schmidt lengths, exactly: quotients of leading principal minors of the Gram matrix."""
    matrix = fmpz_mat([list(row) for row in basis])
    gram = (matrix * matrix.transpose()).tolist()
    squares = []
    previous = fmpz(1)
    for size in range(1, len(basis) + 1):
        minor = fmpz_mat([row[:size] for row in gram[:size]]).det()
        squares.append(fmpq(minor, previous))
        previous = minor
    return squares


def _integers(equation: Sequence[fmpq]) -> list[int]:
    denominator = common_denominator(equation)
    return [int((value * denominator).p) for value in equation]
