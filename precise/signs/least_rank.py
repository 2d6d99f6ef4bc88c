"""The signs of a layer with independent rows when a neuron that never changes state lies among their combinations.

In the coordinates of the rows, a next-layer row has the linear part c_j at neuron j: v_j if j is active on its negative
side, else 0, plus the share of the neurons that never change state. These are few, so that over all next-layer rows the
columns c_j - s_j v_j span a space of few dimensions for the true signs s, and of one more for every wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq, nmod, nmod_mat

from precise.equations.row_system import PRIME, residues
from precise.signs.exact import Sign

MOST_NEURONS = 14  # all of whose sign choices are tried
MOST_BRANCHES = 1 << 14  # partial choices looked at: with m neurons that never change state there are about n^m

Column = list[int]  # residues modulo PRIME


def least_rank(
    values: Sequence[Sequence[fmpq]],
    coordinates: Sequence[Sequence[fmpq]],
    outside: Sequence[Sequence[fmpq]],
    missing: int,
) -> list[Sign] | None:
    """The signs that leave the fewest dimensions unexplained.

    Ranks are taken modulo a large prime; the caller counts again in exact arithmetic what the signs leave over.

    Args:
        values: v, shape (next-layer rows, neurons).
        coordinates: c, of the same shape.
        outside: the part of the linear parts that no combination of the neurons' rows explains, one a next-layer row.
        missing: dimensions that may be left.

    Returns:
        One sign a neuron: BOTH where the best choices differ, UNSEEN where no row has a weight; None when none fits.
    """
    span = Span()
    for column in _columns(outside):
        span = span.with_column(column) or span
    seen = list(zip(_columns(values), _columns(coordinates), strict=True))
    choices = _choices(seen, span, missing)
    if not choices:
        return None
    bits = [{choice[j] for choice in choices} for j in range(len(seen))]
    return [_sign(any(column), found) for (column, _), found in zip(seen, bits, strict=True)]


def least_rank_jointly(
    weights: Sequence[Sequence[fmpq]],
    values: Sequence[Sequence[fmpq]],
    linear: Sequence[Sequence[fmpq]],
    missing: int,
) -> list[Sign] | None:
    """The same where the neurons' rows are dependent: of all sign choices the one that leaves the fewest dimensions.

    A next-layer row has the linear part -(sum over neurons on their negative side of v_j W_j), plus the share of the
    neurons that never change state. With more next-layer rows and more features than these a wrong choice leaves more.

    Args:
        weights: W, shape (neurons, features).
        values: v, shape (next-layer rows, neurons).
        linear: shape (next-layer rows, features).
        missing: dimensions that may be left.

    Returns:
        One sign a neuron, BOTH where it makes no difference; None when no choice fits, when other ones than those of
        single neurons fit as well, or when these are too many to try.
    """
    seen = [j for j, column in enumerate(zip(*values, strict=True)) if any(column)]
    if len(seen) > MOST_NEURONS or missing >= min(len(values), len(weights[0])):
        return None
    terms = [_modulo([[row[j] * w for w in weights[j]] for row in values]) for j in seen]
    best, choices = missing, list[int]()
    left, turned = _modulo(linear), 0
    for number in range(1 << len(seen)):
        if number:
            bit = (number & -number).bit_length() - 1  # a Gray code turns one neuron at a time
            turned ^= 1 << bit
            left = left + terms[bit] if turned >> bit & 1 else left - terms[bit]
        rank = int(left.rank())
        if rank < best:
            best, choices = rank, []
        if rank == best:
            choices.append(turned)
    bits = [{bool(chosen >> place & 1) for chosen in choices} for place in range(len(seen))]
    both = sum(len(found) > 1 for found in bits)  # a neuron that acts on both sides leaves one dimension either way
    if both > best or len(choices) != 1 << both:
        return None
    signs = [Sign.UNSEEN] * len(weights)
    for j, found in zip(seen, bits, strict=True):
        signs[j] = _sign(True, found)
    return signs


def _modulo(matrix: Sequence[Sequence[fmpq]]) -> nmod_mat:
    return residues([[_residue(v) for v in row] for row in matrix])


def _sign(seen: bool, bits: set[bool]) -> Sign:
    if not seen:
        return Sign.UNSEEN
    if len(bits) > 1:
        return Sign.BOTH
    return Sign.NEGATIVE if True in bits else Sign.POSITIVE


def _columns(matrix: Sequence[Sequence[fmpq]]) -> list[Column]:
    """The columns modulo the prime."""
    return [[_residue(v) for v in column] for column in zip(*matrix, strict=True)]


def _residue(value: fmpq) -> int:
    return int(nmod(int(value.p), PRIME) / nmod(int(value.q), PRIME))


class Span:
    """A space of columns modulo the prime, in echelon form."""

    def __init__(self, rows: tuple[tuple[int, Column], ...] = ()) -> None:
        self._rows = rows  # (pivot, column with 1 there)

    @property
    def rank(self) -> int:
        """Its number of dimensions."""
        return len(self._rows)

    def with_column(self, column: Column) -> Span | None:
        """The space with one more dimension, or None if the column lies in this one."""
        left = list(column)
        for pivot, row in self._rows:
            if factor := left[pivot]:
                left = [(a - factor * b) % PRIME for a, b in zip(left, row, strict=True)]
        lead = next((k for k, v in enumerate(left) if v), None)
        if lead is None:
            return None
        inverse = pow(left[lead], -1, PRIME)
        return Span((*self._rows, (lead, [v * inverse % PRIME for v in left])))


def _choices(seen: Sequence[tuple[Column, Column]], span: Span, missing: int) -> list[tuple[bool, ...]]:
    """All sign choices that leave the least rank, if that is at most `missing` and few enough branches lead there."""
    for most in range(span.rank, missing + 1):
        partial: list[tuple[tuple[bool, ...], Span]] = [((), span)]
        for value, coordinate in seen:
            partial = [entry for choice in partial for entry in _branches(*choice, value, coordinate, most)]
            if len(partial) > MOST_BRANCHES:
                return []
        if partial:
            return [choice for choice, _ in partial]
    return []


def _branches(
    choice: tuple[bool, ...], span: Span, value: Column, coordinate: Column, most: int
) -> list[tuple[tuple[bool, ...], Span]]:
    found = []
    for turned in (False, True):
        left = [(c - v) % PRIME for c, v in zip(coordinate, value, strict=True)] if turned else coordinate
        larger = span.with_column(left) or span
        if larger.rank <= most:
            found.append(((*choice, turned), larger))
    return found
