"""Whose an unexplained surface is, as far as one place on it tells.

In one region a layer's preactivations are combinations of those features that are on there, and so are those of all
layers behind it. A layer deep down has fewer and fewer independent ones, so that a surface which is a combination of
them hardly belongs to a layer before.

Rows that lack weights are recognised where what they lack acts. In one region such a row is known part + sum of w_p
relu(eta_p), p over the features that it lacks and that are on. If an unexplained surface there is the row's, that is s
times its hyperplane: linear in all w_p and s, and checked by what the region's local map has beyond them. Where this is
too little, several places tell more: the w_p are the same in all of them. A walk that gathers the row anew costs
hundreds of times as many queries.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from flint import fmpq, fmpz_mat, nmod_mat

from precise.equations.row_system import PRIME, RowSystem
from precise.regions.local_map import Known, Row
from precise.regions.walk import Surface

REDUNDANT = 2  # equations beyond the unknowns; each holds by chance once in 2^60, and in a degenerate region once


@dataclass(frozen=True)
class _Place:
    """A surface that may be a row's: one entry an input and one for the constant, the row's w_p unknown."""

    plane: tuple[int, ...]
    bare: list[int]  # what is known of the row
    acting: dict[int, list[int]]  # what else is on there
    rank: int  # of all that is on and the constant: of so many entries the others follow


def recognised(known: Known, surfaces: Sequence[Surface], layer: int, row: Row, lacking: Set[int]) -> dict[int, fmpq]:
    """The weights that a row must have for some of these surfaces to be its own; none if that is not certain.

    Args:
        known: right up to the layer below, where the surfaces are.
        layer: of the row, from 1 (0 is the first, which lacks nothing).
        row: of it, with anything for what it lacks.
        lacking: the features whose weight the row lacks.
    """
    found = (_place(known, surface, layer, row, lacking) for surface in surfaces)
    places = list({max(place.plane, tuple(-v for v in place.plane)): place for place in found if place}.values())
    for first in places:
        together, spare = [first], _spare([first])
        for other in places:
            wider = [*together, other]
            if spare < REDUNDANT and other not in together and _spare(wider) > spare and _system(wider).consistent:
                together, spare = wider, _spare(wider)
        if spare >= REDUNDANT and (told := _told(together)):
            return told
    return {}


def _place(known: Known, surface: Surface, layer: int, row: Row, lacking: Set[int]) -> _Place | None:
    """What a surface tells of a row's w_p; None if nothing, or if it cannot be the row's."""
    sides = surface.pattern[layer - 1]
    acting = sorted(p for p in lacking if sides[p])
    if not acting:
        return None
    forms = _forms(known, layer, surface)
    told = [p for p, on in enumerate(sides) if on and p not in lacking]
    constant = [0] * known.inputs + [1]
    bare = [sum(row.plus[p] * forms[p][n] for p in told) + row.bias * one for n, one in enumerate(constant)]
    plane = (*surface.plane.normal, surface.plane.constant)
    place = _Place(plane, bare, {p: forms[p] for p in acting}, _rank(_basis(forms, sides)))
    return place if _system([place]).consistent else None


def _features(places: Sequence[_Place]) -> list[int]:
    """The features that act in some of these places."""
    return sorted(set().union(*(place.acting for place in places)))


def _spare(places: Sequence[_Place]) -> int:
    """How many equations these places have beyond the unknowns."""
    return sum(place.rank for place in places) - len(_features(places)) - len(places)


def _system(places: Sequence[_Place]) -> RowSystem:
    """The equations for the w_p of all features that act in these places, then for every place's s."""
    features = _features(places)
    system = RowSystem(len(features) + len(places))
    nothing = [0] * len(places[0].plane)
    for number, place in enumerate(places):
        columns = [place.acting.get(p, nothing) for p in features]
        columns += [[-v for v in place.plane] if n == number else nothing for n in range(len(places))]
        system.add([[*(column[n] for column in columns), -known] for n, known in enumerate(place.bare)])
    return system


def _told(places: Sequence[_Place]) -> dict[int, fmpq]:
    """The w_p that the equations determine, if no place's s is 0."""
    features, system = _features(places), _system(places)
    certain = system.determined()
    if loose := [n for n, told in enumerate(certain) if not told]:
        system.add([[*(int(c == n) for c in range(system.unknowns)), 0] for n in loose])
    answer = system.solve()
    if answer is None or not all(answer[len(features) :]):
        return {}
    return {p: answer[n] for n, p in enumerate(features) if certain[n]}


def possible_layers(known: Known, surface: Surface, layers: Sequence[int]) -> list[int]:
    """Of these layers (from 0, in order) the last one that a surface may belong to, and those before that may as well.

    Args:
        known: right up to the layer before the surface's.
    """
    found: list[int] = []
    plane = [*surface.plane.normal, surface.plane.constant]
    for layer in reversed(layers):
        basis = _combined(known, layer, surface)
        rank = _rank(basis)
        if _rank([*basis, plane]) == rank:
            found.append(layer)
            if not layer or rank < _rank(_combined(known, layer - 1, surface)):
                break  # else the surfaces of the layer before are combinations of these as well
    return found


def _rank(rows: Sequence[Sequence[int]]) -> int:
    """The rank modulo a prime, where entries stay short: too low by chance once in 2^60."""
    return int(nmod_mat(fmpz_mat([list(row) for row in rows]), PRIME).rank())


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
