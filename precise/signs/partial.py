"""Signs from a system of equations that does not determine a row: one walk's evidence.

Where a neuron two layers back was never active, or a region is poor in rank, the coefficients of relu(eta_j) and
relu(-eta_j) are open along a few common directions, although their sums are known. One of the two is 0 for every j.
With g directions, g neurons' choices fix everything, and all further neurons check them: 2^g cases.
"""

from __future__ import annotations

from itertools import product

from precise.equations.row_system import PRIME, RowSystem

MOST_DIRECTIONS = 8  # 256 cases
CHECKS = 2  # neurons that agree beyond those that fix the directions; each agrees by chance once in 2^60

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
    pivots, shares = _echelon([forms[j][:-1] for j in tied])
    if not tied or len(pivots) > MOST_DIRECTIONS or len(tied) - len(pivots) < CHECKS:
        return frozenset(acting)
    totals = {j: _sum(forms[j], forms[neurons + j])[-1] for j in tied}
    consistent = [
        found
        for case in product((False, True), repeat=len(pivots))
        if (found := _completed(case, tied, pivots, shares, forms, totals)) is not None
    ]
    if len(consistent) == 1:
        acting |= {j if plus else neurons + j for j, plus in zip(tied, consistent[0], strict=True)}
    return frozenset(acting)


def _completed(
    case: tuple[bool, ...],
    tied: list[int],
    pivots: list[int],
    shares: list[list[int]],
    forms: list[Form],
    totals: dict[int, int],
) -> list[bool] | None:
    """Is the positive side the acting one, for every tied neuron, given the choices at the pivots?"""
    excess = [
        ((totals[tied[p]] if plus else 0) - forms[tied[p]][-1]) % PRIME for p, plus in zip(pivots, case, strict=True)
    ]
    sides = []
    for j, share in zip(tied, shares, strict=True):
        value = (forms[j][-1] + sum(s * e for s, e in zip(share, excess, strict=True))) % PRIME
        if value not in (0, totals[j]):
            return None
        sides.append(value != 0)
    return sides


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


def _echelon(rows: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """(independent rows, every row's coordinates in them), modulo PRIME."""
    pivots: list[int] = []
    basis: list[tuple[int, list[int], list[int]]] = []  # (leading column, reduced row, its coordinates)
    shares = []
    for number, row in enumerate(rows):
        rest, share = list(row), [0] * len(rows)
        for lead, other, coordinates in basis:
            factor = rest[lead]
            if factor:
                rest = [(a - factor * b) % PRIME for a, b in zip(rest, other, strict=True)]
                share = [(a + factor * b) % PRIME for a, b in zip(share, coordinates, strict=True)]
        lead = next((c for c, v in enumerate(rest) if v), -1)
        if lead >= 0:
            inverse = pow(rest[lead], -1, PRIME)
            own = [-s % PRIME for s in share]
            own[number] = 1
            basis.append((lead, [v * inverse % PRIME for v in rest], [v * inverse % PRIME for v in own]))
            pivots.append(number)
            share = [int(n == number) for n in range(len(rows))]
        shares.append(share)
    return pivots, [[share[p] for p in pivots] for share in shares]
