"""Completing a row that walks have left open in a few combinations of its coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from precise.arithmetic import primitive
from precise.equations.open_row import OpenRow, open_row, unseen
from precise.equations.partial_rows import PartialRow, partial_row
from precise.equations.row_system import RowSystem
from precise.regions.local_map import Known, Row
from precise.regions.walk import Crossed, Walker
from precise.signatures.reach import Border, Reach, Where, behind_others, closed_row
from precise.signatures.rows import RowSearch, Trail

MOST_OPEN = 8  # combinations of coefficients that are searched for
MOST_CLOSED = 12  # that a row is taken without


def completable(partial: PartialRow, features: int, close: bool = False) -> OpenRow | None:
    """The row as far as it is known, if few enough combinations are open.

    Args:
        close: to take it without them.
    """
    return open_row(partial, features, MOST_CLOSED if close else MOST_OPEN)


def nearly_whole(partials: Sequence[PartialRow], features: int) -> list[list[int]]:
    """The neurons below whose weights are open, of every row of which nothing else is (signs known)."""
    found = [completable(partial, features) for partial in partials]
    told = [unseen(row) for row in found if row is not None]
    return [absent for absent in told if absent is not None]


def completed(walker: Walker, partial: PartialRow, separate: bool, close: bool, random: Random) -> Trail:
    """Search for the open combinations one after the other; each one found may bring others within reach.

    Args:
        separate: are there unknowns for both sides of every neuron below?
        close: take the row without the coefficients of neurons that its surface cannot be shown to meet.
    """
    search = RowSearch(walker, separate, random)
    generator = np.random.default_rng(random.getrandbits(64))
    while (wanted := completable(partial, search.features, close)) is not None:
        border = Reach(walker, wanted, partial.witness, generator).border()
        if border.crossed is None:
            row, lacking = _closed(walker, wanted, border, generator) if close and not separate else (None, ())
            return Trail(row=row, witness=partial.witness, lacking=lacking, end="a row's open part was not met")
        system = _extended(partial, wanted.row, search, border.crossed)
        if system.complete and (answer := system.solve()) is not None:
            whole = [int(v.p) for v in primitive(answer)]
            return Trail(row=Row.of(whole, search.features), system=system, witness=border.crossed.surface.point)
        further = partial_row(system.equations, border.crossed.surface.point) if system.consistent else None
        if further is None or len(further.equations) <= len(partial.equations):
            break
        partial = further
    return Trail(witness=partial.witness, end="a row's open part was not found")


def _extended(partial: PartialRow, row: Row, search: RowSearch, crossed: Crossed) -> RowSystem:
    """The equations known so far, on the scale of `row`, with those of the crossing."""
    lead = partial.leads[0]
    values = [*row.plus, *(row.minus if search.separate else ()), row.bias]
    system = partial.system(sum(a * b for a, b in zip(lead, values, strict=True)))
    system.add(search.news(crossed))
    return system


def _closed(
    walker: Walker, wanted: OpenRow, border: Border, generator: np.random.Generator
) -> tuple[Row | None, tuple[int, ...]]:
    """The row with large weights for the neurons that it does not meet, and these."""
    absent = unseen(wanted)
    if absent is None:
        return None, ()
    sides = {j: frozenset(border.sides.get(_maker(walker.known, len(walker.known.layers) - 2, j), ())) for j in absent}
    below = Known(walker.known.inputs, walker.known.layers[:-1])
    bare = wanted.row.without(absent)
    closed = closed_row(bare, {j: seen for j, seen in sides.items() if seen}, below)
    if closed is not None and not all(sides.values()):
        closed = closed_row(bare, {**sides, **behind_others(closed, sides, below, generator)}, below)
    return closed, tuple(absent)


def _maker(known: Known, layer: int, feature: int) -> Where:
    """The neuron that changes its state where a feature of a layer (from 0) begins to act; of twins the first one."""
    row = known.layers[layer][feature]
    handed = [p for p, w in enumerate(row.plus) if w]
    if row.linear and layer and len(handed) == 1:
        return _maker(known, layer - 1, handed[0])
    return layer, min(known.crossing(layer, feature))
