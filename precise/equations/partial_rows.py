"""Rows of which a walk saw only a part, and how several walks on the same neuron's surface complete each other.

A walk's equations hold on a scale of its own. Without it they are homogeneous equations for the row, and those of two
walks on one neuron have a common solution for which no scale is 0. For walks on different neurons the equations are
independent, up to directions that neither walk sees at all, as long as such a solution exists. Every dependent
equation is a chance of 2^-60 against a wrong match. Where few inputs or a narrow layer leave a region with less than
three equations, walks on one neuron that do not meet have fewer in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd

from flint import fmpq, fmpz_mat, nmod_mat

from precise.arithmetic import common_denominator, primitive
from precise.equations.row_system import PRIME, RowSystem, independent_rows, residues
from precise.regions.probe import Point

Equations = tuple[tuple[int, ...], ...]  # homogeneous and independent, shape (rank, unknowns)

REDUNDANT = 3  # dependent equations before two walks are taken to belong to one neuron, where regions have more
MOST = 256  # partial rows that are kept


@dataclass(frozen=True)
class PartialRow:
    """What is known of one row; the unknowns are ordered as in the row's equations."""

    equations: Equations
    leads: Equations  # linear forms that are not 0 at the row: they had another right-hand side than 0
    witness: Point  # a point on the neuron's surface

    def __reduce__(self) -> tuple[type[PartialRow], tuple[Equations, Equations, Point]]:
        """What goes to other processes: without the tables modulo the prime, which cannot."""
        return PartialRow, (self.equations, self.leads, self.witness)

    @cached_property
    def residues(self) -> nmod_mat:
        """The equations modulo a large prime."""
        return residues(self.equations)

    @cached_property
    def left(self) -> nmod_mat:
        """A basis of what the equations send to 0, modulo the prime: its columns, one more than are open."""
        basis, nullity = self.residues.nullspace()
        columns = basis.transpose().tolist()[: int(nullity)]
        return nmod_mat(len(columns), int(basis.nrows()), [v for column in columns for v in column], PRIME).transpose()

    @property
    def open(self) -> int:
        """How many combinations of the row's entries are not known, beside its scale."""
        return len(self.equations[0]) - 1 - len(self.equations)

    def contradicts_itself(self) -> bool:
        """Is a form that is not 0 at the row 0 wherever the equations hold? (Modulo a prime.)"""
        return not all(any(values) for values in (residues(self.leads) * self.left).tolist())

    def met_by(self, row: Sequence[int]) -> bool:
        """Does a complete row fulfil all equations (exactly), and is no form 0 at it that is not 0 at this row?"""
        column = fmpz_mat([[v] for v in row])
        if any((self.residues * nmod_mat(column, PRIME)).entries()):  # most rows are told apart by this
            return False
        equations, leads = (
            (fmpz_mat([list(e) for e in part]) * column).entries() for part in (self.equations, self.leads)
        )
        return not any(equations) and all(leads)

    def system(self, scale: fmpq | int = 1) -> RowSystem:
        """The equations for the row itself, on the scale on which the first lead has this value."""
        found = RowSystem(len(self.leads[0]))
        found.add([*([*equation, 0] for equation in self.equations), [*self.leads[0], scale]])
        return found

    def substituted(self, substitution: fmpz_mat) -> PartialRow:
        """The same in other unknowns: old = substitution @ new up to a common factor."""
        tables = [fmpz_mat([list(e) for e in block]) * substitution for block in (self.equations, self.leads)]
        equations, leads = ([[int(v) for v in row] for row in table.tolist()] for table in tables)
        return PartialRow(independent(equations), tuple(map(tuple, leads)), self.witness)


def partial_row(equations: Sequence[Sequence[int]], witness: Point) -> PartialRow | None:
    """From independent equations (coefficients ..., right-hand side) on a scale of their own, which is eliminated."""
    pivot = next((n for n, row in enumerate(equations) if row[-1]), None)
    if pivot is None:
        return None
    lead = equations[pivot]
    free = [
        [v * lead[-1] - w * row[-1] for v, w in zip(row[:-1], lead[:-1], strict=True)]
        for n, row in enumerate(equations)
        if n != pivot
    ]
    return PartialRow(independent(free), (tuple(lead[:-1]),), witness) if free else None


def all_but(row: Sequence[int], absent: Sequence[int], witness: Point) -> PartialRow | None:
    """What a whole row tells without these of its unknowns; None if that is no equation, or no scale."""
    bare = [0 if c in absent else v for c, v in enumerate(row)]
    equations = independent(kernel([bare, *([int(c == j) for c in range(len(row))] for j in absent)]))
    return PartialRow(equations, (tuple(bare),), witness) if any(bare) and equations else None


def independent(rows: Sequence[Sequence[int]]) -> Equations:
    """As many of these rows as are independent (modulo a prime), without common factors."""
    if not rows:
        return ()
    chosen = [rows[r] for r in independent_rows(residues(rows))]
    return tuple(tuple(v // factor for v in row) for row, factor in ((row, gcd(*row)) for row in chosen))


class PartialRows:
    """The partial rows of one layer; those of one neuron are merged as soon as it shows that they are."""

    def __init__(self, unknowns: int, narrowest: int = REDUNDANT + 1, shared: int = 0) -> None:
        """Args:
        narrowest: the least of the number of inputs and the widths of the layers below.
        shared: equations that the rows of all neurons have, so that they do not tell which belong together.
        """
        self.unknowns = unknowns
        self._shared = shared
        self._narrowest = narrowest
        self.rows: list[PartialRow] = []

    def add(self, fresh: PartialRow) -> PartialRow:
        """Keep a partial row, merged with every other one of the same neuron, and give it as it is kept."""
        merged = True
        while merged and len(fresh.equations) < self.unknowns - 1:
            merged = False
            for other in self.rows:
                together = self._together(fresh, other)
                if together is not None:
                    self.rows.remove(other)
                    fresh, merged = together, True
                    break
        self.rows = [*self.rows[-MOST + 1 :], fresh]
        return fresh

    def complete(self) -> list[tuple[tuple[int, ...], Point]]:
        """(row, witness) of every partial row that became whole; these are no longer kept."""
        whole = [row for row in self.rows if len(row.equations) == self.unknowns - 1]
        self.rows = [row for row in self.rows if len(row.equations) < self.unknowns - 1]
        return [(solution(row.equations), row.witness) for row in whole]

    def drop(self, row: Sequence[int]) -> None:
        """Forget what belongs to a neuron whose row is known."""
        self.rows = [other for other in self.rows if not other.met_by(row)]

    def substituted(self, substitution: Sequence[Sequence[fmpq]]) -> PartialRows:
        """The same in other unknowns (old = substitution @ new); some rows may merge or be complete now."""
        result = PartialRows(len(substitution[0]), self._narrowest)
        scale = common_denominator([v for row in substitution for v in row])
        matrix = fmpz_mat([[int((v * scale).p) for v in row] for row in substitution])
        for row in self.rows:
            other = row.substituted(matrix)
            if other.equations and len(other.equations) < result.unknowns:
                result.add(other)
        return result

    def with_zeros(self, absent: Sequence[int]) -> PartialRows:
        """The same where these unknowns are taken to be 0; some rows may merge or be complete now."""
        result = PartialRows(self.unknowns, self._narrowest, self._shared)
        zeros = [[int(c == j) for c in range(self.unknowns)] for j in absent]
        for row in self.rows:
            other = replace(row, equations=independent([*row.equations, *zeros]))
            if not other.contradicts_itself():
                result.add(other)
        return result

    @property
    def _redundant(self) -> int:
        return max(1, min(REDUNDANT, self._narrowest - 1)) + self._shared

    def _together(self, a: PartialRow, b: PartialRow) -> PartialRow | None:
        more, fewer = (a, b) if a.open < b.open else (b, a)  # whose equations are more leaves less to look at
        if len(fewer.equations) - int((fewer.residues * more.left).rank()) < self._redundant:
            return None
        further = tuple(b.equations[r] for r in independent_rows(b.residues * a.left))
        together = PartialRow((*a.equations, *further), (*a.leads, *b.leads), a.witness)
        return None if together.contradicts_itself() else together


def solution(equations: Equations) -> tuple[int, ...]:
    """The vector that all equations send to 0, as integers without a common factor; they must leave just one."""
    (only,) = kernel(equations)
    return only


def kernel(equations: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """A basis of the vectors that equations send to 0, as integers without common factors."""
    table, rank = fmpz_mat([list(e) for e in equations]).nullspace()
    columns = table.transpose().tolist()[: int(rank)]
    return [tuple(int(v.p) for v in primitive([fmpq(v) for v in column])) for column in columns]
