"""Whose an unexplained surface is, as far as one place on it tells.

In one region a layer's preactivations are combinations of those features that are on there, and so are those of all
layers behind it. A layer deep down has fewer and fewer independent ones, so that a surface which is a combination of
them hardly belongs to a layer before.

Rows that lack weights are recognised where what they lack acts. In one region such a row is known part + sum of w_p
relu(eta_p), p over the features that it lacks and that are on. If an unexplained surface there is the row's, its
hyperplane is c times that: linear in c and all c w_p, and checked by what the region's local map has beyond them. A
walk that gathers the row anew costs hundreds of times as many queries.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from flint import fmpq

from precise.equations.row_system import RowSystem, rank_modulo_prime
from precise.regions.local_map import Known, Row
from precise.regions.walk import Surface

REDUNDANT = 2  # equations beyond the unknowns; each holds by chance once in 2^60, and in a degenerate region once


def recognised(known: Known, surface: Surface, layer: int, row: Row, lacking: Set[int]) -> dict[int, fmpq]:
    """The weights that a row must have for a surface to be its own; nothing if it is not, or if that is not certain.

    Args:
        known: right up to the layer below, where the surface is.
        layer: of the row, from 1 (0 is the first, which lacks nothing).
        row: of it, with anything for what it lacks.
        lacking: the features whose weight the row lacks.
    """
    sides = surface.pattern[layer - 1]
    acting = sorted(p for p in lacking if known.acts(layer - 1, p, surface.pattern))
    if not acting:
        return {}
    forms = _forms(known, layer, surface)
    whole = _basis(forms, sides)
    if rank_modulo_prime(whole) < 1 + len(acting) + REDUNDANT:
        return {}
    told = [p for p, on in enumerate(sides) if on and p not in lacking]
    bare = [sum(row.plus[p] * forms[p][n] for p in told) + row.bias * one for n, one in enumerate(whole[0])]
    system = RowSystem(1 + len(acting))
    plane = [*surface.plane.normal, surface.plane.constant]
    system.add([[bare[n], *(forms[p][n] for p in acting), plane[n]] for n in range(len(plane))])
    answer = system.solve()
    if answer is None or not answer[0]:
        return {}
    return {p: weight / answer[0] for p, weight in zip(acting, answer[1:], strict=True)}


def possible_layers(known: Known, surface: Surface, layers: Sequence[int]) -> list[int]:
    """Of these layers (from 0, in order) the last one that a surface may belong to, and those before that may as well.

    Args:
        known: right up to the layer before the surface's.
    """
    found: list[int] = []
    plane = [*surface.plane.normal, surface.plane.constant]
    for layer in reversed(layers):
        basis = _combined(known, layer, surface)
        rank = rank_modulo_prime(basis)
        if rank_modulo_prime([*basis, plane]) == rank:
            found.append(layer)
            if not layer or rank < rank_modulo_prime(_combined(known, layer - 1, surface)):
                break  # else the surfaces of the layer before are combinations of these as well
    return found


def _combined(known: Known, layer: int, surface: Surface) -> list[list[int]]:
    """What the preactivations of a layer are combinations of in the region of a surface."""
    sides = surface.pattern[layer - 1] if layer else (True,) * known.inputs
    return _basis(_forms(known, layer, surface), sides)


def _basis(forms: Sequence[list[int]], sides: Sequence[bool]) -> list[list[int]]:
    """The constant, and the forms that are on."""
    constant = [0] * (len(forms[0]) - 1) + [1]
    return [constant, *(form for form, on in zip(forms, sides, strict=True) if on)]


def _forms(known: Known, layer: int, surface: Surface) -> list[list[int]]:
    """The preactivations below a layer in the region of a surface: gradient, then constant."""
    return [[int(v) for v in form] for form in known.affine(layer - 1, surface.pattern).tolist()]
