"""Signs from a system of equations that does not determine a row: one walk's evidence.

Where a neuron two layers back was never active, or a region is poor in rank, the coefficients of relu(eta_j) and
relu(-eta_j) are open along a few common directions, although their sums are known. One of the two is 0 for every j.
With g directions, g neurons' choices fix everything, and all further neurons check them: 2^g cases. A case passes a
check by chance once in 2^61; where nothing checks a choice, cases with either pass, and nothing is told. Of a neuron
that stayed on one side the sum is not known, but its coefficient there is fixed as well where it is open along the same
directions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from precise.equations.row_system import PRIME, RowSystem, independent_rows, residues

MOST_DIRECTIONS = 16  # 65,536 cases

Residues = np.ndarray[Any, np.dtype[np.uint64]]
Form = list[int]  # an unknown in the open ones: their coefficients, then a constant, modulo PRIME


def acting_sides(system: RowSystem, neurons: int) -> frozenset[int]:
    """The unknowns (plus ..., minus ..., bias) that are certainly other than 0, as far as the equations tell.

    Args:
        system: consistent equations with separate unknowns for both sides of every neuron.
    """
    forms = _forms(system)
    acting = {u for u, form in enumerate(forms[: 2 * neurons]) if _constant(form)}
    loose = [u for u in range(2 * neurons) if any(forms[u][:-1])]
    tied = [j for j in loose if j < neurons and _constant(_sum(forms[j], forms[neurons + j]))]
    if not tied:
        return frozenset(acting)
    pivots = [tied[r] for r in independent_rows(residues([forms[j][:-1] for j in tied]))]
    if len(pivots) > MOST_DIRECTIONS:
        return frozenset(acting)
    shares = _shares([forms[u][:-1] for u in (*pivots, *loose)], len(pivots))
    told = {u: share for u, share in zip(loose, shares, strict=True) if share is not None}
    choices = [[-forms[p][-1] % PRIME, forms[neurons + p][-1]] for p in pivots]  # it is 0, or the other side is

    def values(unknown: int) -> Residues:
        return _in_all_cases(forms[unknown][-1], told[unknown], choices)

    consistent = np.ones(1 << len(choices), dtype=bool)
    for j in tied:
        value, total = values(j), _sum(forms[j], forms[neurons + j])[-1]
        consistent &= (value == 0) | (value == total)
    if consistent.any():
        acting |= {unknown for unknown in told if values(unknown)[consistent].all()}
    return frozenset(acting)


def _in_all_cases(constant: int, share: list[int], choices: list[list[int]]) -> Residues:
    """An unknown's value, modulo PRIME, for either choice at every pivot; shape (2^pivots,)."""
    values = np.array([constant], dtype=np.uint64)
    for factor, steps in zip(share, choices, strict=True):
        moved = [values + np.uint64(factor * step % PRIME) for step in steps]  # below 2^63
        values = np.concatenate(moved) % np.uint64(PRIME)
    return values


def _forms(system: RowSystem) -> list[Form]:
    """Every unknown as an affine form in the open ones."""
    table, pivots = system.reduced()
    loose = [c for c in range(system.unknowns) if c not in set(pivots)]
    forms: list[Form] = [[] for _ in range(system.unknowns)]
    for number, c in enumerate(loose):
        forms[c] = [int(number == n) for n in range(len(loose))] + [0]
    for pivot, row in zip(pivots, table, strict=True):
        forms[pivot] = [-row[c] % PRIME for c in loose] + [row[-1]]
    return forms


def _sum(a: Form, b: Form) -> Form:
    return [(x + y) % PRIME for x, y in zip(a, b, strict=True)]


def _constant(form: Form) -> bool:
    """Is this form a constant other than 0?"""
    return bool(form[-1]) and not any(form[:-1])


def _shares(forms: Sequence[Sequence[int]], count: int) -> list[list[int] | None]:
    """The coordinates of further forms in the first so many, which are independent; None outside of their span."""
    columns = zip(*residues(forms).transpose().rref()[0].tolist(), strict=True)
    further = [[int(v) for v in column] for column in islice(columns, count, None)]
    return [None if any(column[count:]) else column[:count] for column in further]
