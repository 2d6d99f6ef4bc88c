"""Stacked exact linear equations for one vector of unknowns, gathered region by region.

Rank and consistency are followed modulo one 62-bit prime; the solution is exact and is checked against every equation,
so that an unlucky prime can delay an answer but never falsify it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from flint import fmpq, fmpz, fmpz_mat, nmod_mat

from precise.arithmetic import common_denominator

PRIME = 4611686018427387847  # the largest below 2^62: FLINT reduces modulo it without multiple words


class RowSystem:
    """Equations coefficients . unknowns = right-hand side over the rationals."""

    def __init__(self, unknowns: int, random: Random) -> None:
        self.unknowns = unknowns
        self.rank = 0
        self.redundant = 0  # equations that held although the earlier ones already implied them
        self.consistent = True
        self._random = random
        self._reduced: nmod_mat | None = None  # reduced row echelon form modulo PRIME
        self._kept: list[list[int]] = []  # as many integer combinations of equations as the rank
        self._blocks: list[list[list[int]]] = []  # everything that was added, for the exact check

    @property
    def complete(self) -> bool:
        """Do the equations determine every unknown?"""
        return self.consistent and self.rank == self.unknowns

    def add(self, equations: Sequence[Sequence[fmpq | fmpz | int]]) -> int:
        """Add the equations of one region, each (coefficients ..., right-hand side); returns the gain in rank."""
        block = [_integers(equation) for equation in equations]
        self._blocks.append(block)
        fresh = nmod_mat(fmpz_mat(block), PRIME)
        reduced, rank = self._stacked(fresh).rref()
        if rank and _pivot(reduced, rank - 1) == self.unknowns:
            self.consistent = False
            return 0
        gain = int(rank) - self.rank
        for _ in range(gain):
            weights = [self._random.randint(-99, 99) for _ in block]
            self._kept.append([sum(w * v for w, v in zip(weights, c, strict=True)) for c in zip(*block, strict=True)])
        self.redundant += int(fresh.rank()) - gain
        self.rank = int(rank)
        entries = reduced.entries()[: self.rank * (self.unknowns + 1)]
        self._reduced = nmod_mat(self.rank, self.unknowns + 1, entries, PRIME)
        return gain

    def _stacked(self, fresh: nmod_mat) -> nmod_mat:
        if self._reduced is None:
            return fresh
        rows = self._reduced.nrows() + fresh.nrows()
        return nmod_mat(rows, self.unknowns + 1, self._reduced.entries() + fresh.entries(), PRIME)

    def free(self) -> set[int]:
        """The unknowns that the equations leave open (modulo the prime)."""
        if self._reduced is None:
            return set(range(self.unknowns))
        table = [[int(v) for v in row] for row in self._reduced.tolist()]
        pivots = [next(c for c, v in enumerate(row) if v) for row in table]
        loose = set(range(self.unknowns)) - set(pivots)
        tied = {p for p, row in zip(pivots, table, strict=True) if any(row[c] for c in loose)}
        return loose | tied

    def solve(self) -> list[fmpq] | None:
        """The unique solution, checked exactly against every equation; None if there is none or no unique one."""
        if not self.complete:
            return None
        try:
            answer = _solve(self._kept)
        except ZeroDivisionError:
            return None  # an unlucky combination: more equations will follow
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


def _integers(equation: Sequence[fmpq | fmpz | int]) -> list[int]:
    exact = [value if isinstance(value, fmpq) else fmpq(value) for value in equation]
    denominator = common_denominator(exact)
    return [int((value * denominator).p) for value in exact]


def _pivot(reduced: nmod_mat, row: int) -> int:
    return next(c for c in range(int(reduced.ncols())) if int(reduced[row, c]))
