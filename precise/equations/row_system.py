"""Stacked exact linear equations for one vector of unknowns, gathered region by region.

Rank and consistency are followed modulo one 62-bit prime; the solution is exact and is checked against every equation,
so that an unlucky prime can delay an answer but never falsify it.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq, fmpz_mat, nmod_mat

from precise.arithmetic import common_denominator

PRIME = 4611686018427387847  # the largest below 2^62: FLINT reduces modulo it without multiple words

Equation = Sequence[fmpq | int]  # integer coefficients, then a rational right-hand side


class RowSystem:
    """Equations coefficients . unknowns = right-hand side over the rationals."""

    def __init__(self, unknowns: int) -> None:
        self.unknowns = unknowns
        self.rank = 0
        self.redundant = 0  # equations that held although the earlier ones already implied them
        self.consistent = True
        # Reduced rows modulo PRIME, in the order in which they came, and rows of zeros.
        self._reduced = nmod_mat(unknowns, unknowns + 1, [0] * (unknowns * (unknowns + 1)), PRIME)
        self._pivots: list[int] = []  # the leading column of every reduced row
        self._kept: list[list[int]] = []  # as many independent equations as the rank
        self._blocks: list[list[list[int]]] = []  # everything that was added, for the exact check

    @property
    def complete(self) -> bool:
        """Do the equations determine every unknown?"""
        return self.consistent and self.rank == self.unknowns

    def add(self, equations: Sequence[Equation]) -> int:
        """Add the equations of one region; returns the gain in rank."""
        block = [_integers(equation) for equation in equations]
        self._blocks.append(block)
        fresh, residual = self._remainder(block)
        if not residual.rank():
            self.redundant += int(fresh.rank())
            return 0
        reduced, rank = residual.rref()
        gain = int(rank)
        pivots = [_pivot(reduced, row) for row in range(gain)]
        if pivots[-1] == self.unknowns:
            self.consistent = False
            return 0
        self._kept += [block[row] for row in independent_rows(residual)]
        self.redundant += int(fresh.rank()) - gain
        self._eliminate(reduced, pivots)
        return gain

    def _eliminate(self, fresh: nmod_mat, pivots: Sequence[int]) -> None:
        """Take in reduced rows from which the earlier pivots are gone: clear their pivots from the earlier rows."""
        rows = fresh.tolist()[: len(pivots)]
        if self.rank:
            entries = [self._reduced[r, c] for r in range(self.unknowns) for c in pivots]
            shares = nmod_mat(self.unknowns, len(pivots), entries, PRIME)
            self._reduced -= shares * nmod_mat(len(rows), self.unknowns + 1, [v for row in rows for v in row], PRIME)
        for number, row in enumerate(rows, self.rank):
            for column, value in enumerate(row):
                self._reduced[number, column] = value
        self.rank += len(pivots)
        self._pivots += pivots

    def accepts(self, equations: Sequence[Equation]) -> bool:
        """Would these equations be consistent with the ones so far? (Modulo the prime; nothing is added.)"""
        reduced, rank = self._remainder([_integers(equation) for equation in equations])[1].rref()
        return not (rank and _pivot(reduced, rank - 1) == self.unknowns)

    def _remainder(self, block: Sequence[Sequence[int]]) -> tuple[nmod_mat, nmod_mat]:
        """(the block, the block with all pivots eliminated), modulo the prime; the second is 0 for old equations."""
        fresh = residues(block)
        if not self.rank:
            return fresh, fresh
        spare = [0] * (self.unknowns - self.rank)
        leading = fmpz_mat([[*(row[c] for c in self._pivots), *spare] for row in block])
        return fresh, fresh - nmod_mat(leading, PRIME) * self._reduced

    @property
    def equations(self) -> list[list[int]]:
        """As many equations (coefficients ..., right-hand side), in integers, as are independent."""
        return self._kept

    def reduced(self) -> tuple[list[list[int]], list[int]]:
        """The reduced row echelon form modulo PRIME, shape (rank, unknowns + 1), and its leading columns."""
        table = self._reduced.tolist()[: self.rank]
        order = sorted(range(self.rank), key=lambda row: self._pivots[row])
        return [[int(v) for v in table[row]] for row in order], [self._pivots[row] for row in order]

    def open_unknowns(self) -> int:
        """How many unknowns the equations do not determine (modulo the prime)."""
        return self.determined().count(False)

    def determined(self) -> list[bool]:
        """Which unknowns the equations determine (modulo the prime)."""
        table, pivots = self.reduced()
        loose = [c for c in range(self.unknowns) if c not in set(pivots)]
        told = {pivot for pivot, row in zip(pivots, table, strict=True) if not any(row[c] for c in loose)}
        return [c in told for c in range(self.unknowns)]

    def solve(self) -> list[fmpq] | None:
        """The unique solution, checked exactly against every equation; None if there is none or no unique one."""
        if not self.complete:
            return None
        try:
            answer = _solve(self._kept)
        except ZeroDivisionError:
            return None  # an unlucky prime: more equations will follow
        return answer if self._holds(answer) else None

    def _holds(self, answer: Sequence[fmpq]) -> bool:
        denominator = common_denominator(answer)
        column = [int((value * denominator).p) for value in answer] + [-int(denominator)]
        vector = fmpz_mat(len(column), 1, column)
        return all(not any((fmpz_mat(block) * vector).entries()) for block in self._blocks)


def _solve(equations: Sequence[Sequence[int]]) -> list[fmpq]:
    matrix = fmpz_mat([list(row[:-1]) for row in equations])
    right = fmpz_mat([[row[-1]] for row in equations])
    return list(matrix.solve(right).entries())


def _integers(equation: Equation) -> list[int]:
    *coefficients, right = equation
    value = right if isinstance(right, fmpq) else fmpq(right)
    factor = int(value.q)
    return [int(c) * factor for c in coefficients] + [int(value.p)]


def rank_modulo_prime(rows: Sequence[Sequence[int]]) -> int:
    """The rank of integer rows modulo the prime, where entries stay short: too low by chance once in 2^60."""
    return int(residues(rows).rank())


def residues(rows: Sequence[Sequence[int]]) -> nmod_mat:
    """Integer rows modulo the prime; there must be some."""
    return nmod_mat(fmpz_mat([list(row) for row in rows]), PRIME)


def independent_rows(matrix: nmod_mat) -> list[int]:
    """As many rows as the rank that are independent, the earliest ones."""
    reduced, rank = matrix.transpose().rref()
    return [_pivot(reduced, row) for row in range(int(rank))]


def _pivot(reduced: nmod_mat, row: int) -> int:
    return next(c for c in range(int(reduced.ncols())) if int(reduced[row, c]))
