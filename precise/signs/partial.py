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
from itertools import zip_longest
from typing import Any

import numpy as np

from precise.equations.row_system import PRIME, RowSystem

MOST_DIRECTIONS = 16  # 65,536 cases

Residues = np.ndarray[Any, np.dtype[np.uint64]]
Form = list[int]  # an unknown in the open ones: their coefficients, then a constant, modulo PRIME


def acting_sides(system: RowSystem, neurons: int) -> frozenset[int]:
    """The unknowns (plus ..., minus ..., bias) that are certainly other than 0, as far as the equations tell.

    Args:
        system: consistent equations with separate unknowns for both sides of every neuron.
    """
    forms = _forms(system)
    flipped = [j for j in range(neurons) if _constant(_sum(forms[j], forms[neurons + j]))]
    acting = {u for u, form in enumerate(forms[: 2 * neurons]) if _constant(form)}
    tied = [j for j in flipped if any(forms[j][:-1])]
    span = _Span()
    for number, j in enumerate(tied):
        span.add(number, forms[j][:-1])
        if len(span.pivots) > MOST_DIRECTIONS:
            return frozenset(acting)
    totals = [_sum(forms[j], forms[neurons + j])[-1] for j in tied]
    choices = [[(total - forms[tied[p]][-1]) % PRIME for total in (0, totals[p])] for p in span.pivots]

    def values(unknown: int) -> Residues | None:
        share = span.share(forms[unknown][:-1])
        return None if share is None else _in_all_cases(forms[unknown][-1], share, choices)

    consistent = np.ones(1 << len(choices), dtype=bool)
    for j, total in zip(tied, totals, strict=True):
        value = values(j)
        consistent &= (value == 0) | (value == total)
    if consistent.any():
        told = ((unknown, values(unknown)) for unknown in range(2 * neurons) if any(forms[unknown][:-1]))
        acting |= {unknown for unknown, value in told if value is not None and value[consistent].all()}
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


class _Span:
    """What some rows span, modulo PRIME."""

    def __init__(self) -> None:
        self.pivots: list[int] = []  # the rows that are independent of those before
        self._basis: list[tuple[int, list[int], list[int]]] = []  # (leading column, reduced row, its share of pivots)

    def add(self, number: int, row: Sequence[int]) -> None:
        """Take in a row, under this number."""
        rest, share = self._reduced(row)
        lead = next((c for c, v in enumerate(rest) if v), None)
        if lead is not None:
            inverse = pow(rest[lead], -1, PRIME)
            own = [*(-s * inverse % PRIME for s in share), inverse]
            self._basis.append((lead, [v * inverse % PRIME for v in rest], own))
            self.pivots.append(number)

    def share(self, row: Sequence[int]) -> list[int] | None:
        """The coordinates in the pivots, or None if it is not in their span."""
        rest, share = self._reduced(row)
        return None if any(rest) else share

    def _reduced(self, row: Sequence[int]) -> tuple[list[int], list[int]]:
        """What is left of a row, and its coordinates without that."""
        rest, share = list(row), [0] * len(self._basis)
        for lead, other, own in self._basis:
            if factor := rest[lead]:
                rest = [(a - factor * b) % PRIME for a, b in zip(rest, other, strict=True)]
                share = [(a + factor * b) % PRIME for a, b in zip_longest(share, own, fillvalue=0)]
        return rest, share
