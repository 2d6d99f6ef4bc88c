"""Sides of neurons below that a row's surface does not meet, while the signs below are open.

With a free linear part a row is the sum of v_j relu(eta_j) and a linear function. Where neuron j keeps its state all
along the surface, what the row does on the other side is open: a multiple of relu(eta_j) if j is off there, and of
relu(-eta_j) = relu(eta_j) - eta_j if it is on. The latter becomes a weight as the former is, once the layer below has a
feature for that side as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from precise.equations.open_row import OpenRow
from precise.equations.partial_rows import PartialRow, independent
from precise.equations.row_system import rank_modulo_prime
from precise.regions.local_map import Row, handed_by

Side = tuple[int, bool]  # a row below and whether its positive side is meant; a linear row has no other


def unseen_sides(known: OpenRow, layer: Sequence[Row]) -> list[Side] | None:
    """The sides below on which a row is open, if that is all that is open; else None.

    Args:
        layer: below, with a linear row for every feature of its own.
    """
    table = [[*row.plus, row.bias] for row in known.open]
    sides = [(j, positive) for j, row in enumerate(layer) for positive in (True, False) if positive or not row.linear]
    found = [side for side in sides if rank_modulo_prime([*table, _side(layer, *side)]) == len(table)]
    both = len({j for j, _ in found}) < len(found)
    spanned = bool(found) and rank_modulo_prime([_side(layer, *side) for side in found]) == len(table)
    return found if spanned and not both else None


def _side(layer: Sequence[Row], neuron: int, positive: bool) -> list[int]:
    """relu(eta) or relu(-eta) of a neuron in a row's unknowns (plus ..., bias)."""
    row = layer[neuron]
    handing = handed_by(layer)
    found = [int(n == neuron) for n in range(len(layer) + 1)]
    if not positive:
        for p, weight in enumerate(row.plus):
            found[handing[p]] -= weight
        found[-1] = -row.bias
    return found


def with_sides(partial: PartialRow, layer: Sequence[Row], neurons: Sequence[int], unseen: Sequence[Side]) -> PartialRow:
    """The same over a layer with further features, the negative sides of some neurons.

    What these do, the others do as well: relu(-eta) = relu(eta) - eta. Where a row is open on the negative side, it has
    that side's weight in the place of the positive one's, and nowhere else.
    """
    sides = [_side(layer, j, False) for j in neurons]
    forms = [[*form[:-1], *(_product(form, side) for side in sides), form[-1]] for form in partial.equations]
    leads = [(*form[:-1], *(_product(form, side) for side in sides), form[-1]) for form in partial.leads]
    count = len(layer) + len(neurons) + 1
    zeros = [j if (j, False) in unseen else len(layer) + place for place, j in enumerate(neurons)]
    fixed = [[int(c == zero) for c in range(count)] for zero in zeros]
    return PartialRow(independent([*forms, *fixed]), tuple(leads), partial.witness)


def _product(form: Sequence[int], side: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(form, side, strict=True))
