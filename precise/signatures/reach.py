"""Targeted search for a row's last coefficients: where its surface meets the hyperplane of a neuron never seen on it.

A walk leaves the coefficient of neuron j open when j keeps its state all along the surface. On the hyperplane of j the
row does not depend on that coefficient, so that the meeting place of both surfaces can be computed from what is known;
one corner measured there gives the coefficient. (Carlini, Jagielski and Mironov, CRYPTO 2020, section 4.4, search for
missing entries by queries instead.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq, fmpz_mat, nmod_mat

from precise.arithmetic import primitive
from precise.equations.partial_rows import PartialRow, solution
from precise.equations.row_system import PRIME
from precise.regions.aim import random_points, to_point
from precise.regions.corners import cross
from precise.regions.float_layers import FloatLayers
from precise.regions.hyperplane import Hyperplane, Vector, onto
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import Point
from precise.regions.walk import CLEAR, Walker, flipped

SAMPLES = 6000  # random points at which the known part is evaluated
PAIRS = 400  # segments from the seen side of neuron j to the other
HALVINGS = 50  # of a segment: to float64 accuracy
SECTIONS = 16  # a path between two places is cut into so many parts at once
SECTION_STEPS = 9  # 16^9 = 2^36
LARGE_BITS = 80  # a weight this much larger than all others decides the side of its row
ATTEMPTS = 4  # meeting places that are looked at


@dataclass(frozen=True)
class Meeting:
    """What the search for one coefficient gave."""

    row: Row | None  # with the coefficient filled in
    sides: frozenset[bool]  # sides of the row met on the hyperplane of j: both, as long as the two surfaces meet
    witness: Point | None = None


def unseen(partial: PartialRow, features: int) -> list[int] | None:
    """The neurons below whose coefficient is open, when nothing else is (signs below known); else None."""
    unknowns = features + 1
    table = nmod_mat(fmpz_mat([list(e) for e in partial.equations]), PRIME).rref()[0].tolist()
    rows = [[int(v) for v in row] for row in table][: len(partial.equations)]
    absent = [c for c in range(unknowns) if not any(row[c] for row in rows)]
    whole = len(partial.equations) + len(absent) == unknowns - 1
    return absent if whole and features not in absent else None


def seen_part(partial: PartialRow, absent: Sequence[int], features: int) -> Row:
    """The row with its open coefficients set to 0: right wherever these neurons are off."""
    kept = [c for c in range(features + 1) if c not in set(absent)]
    values = solution(tuple(tuple(e[c] for c in kept) for e in partial.equations))
    full = [0] * (features + 1)
    for c, v in zip(kept, values, strict=True):
        full[c] = v
    return Row.of(full, features)


def closed_row(row: Row, sides: Mapping[int, frozenset[bool]]) -> Row | None:
    """The row with a large weight for every neuron that its surface does not meet; None if one should be met.

    Where such a neuron is on, the row keeps the side that it has where the neuron begins to be on. Any weight beyond
    the true one, of the same sign, keeps it as well.
    """
    if any(len(seen) == 2 for seen in sides.values()):
        return None
    large = max(abs(w) for w in (*row.plus, row.bias)) << LARGE_BITS
    weights = list(row.plus)
    for neuron, seen in sides.items():
        weights[neuron] = -large if False in seen else large
    return replace(row, plus=tuple(weights))


class Reach:
    """Looks for one meeting place; every neuron in `absent` is off on the part of the surface that is known."""

    def __init__(self, walker: Walker, row: Row, absent: Sequence[int], generator: np.random.Generator) -> None:
        self._walker = walker
        self._row = row
        self._absent = list(absent)
        self._generator = generator
        layers = walker.known.layers[:-1]
        self._known = Known(walker.known.inputs, [*layers, [row]])
        self._floats = FloatLayers(self._known)
        self._below = len(layers) - 1

    def meet(self, neuron: int) -> Meeting:
        """Find the coefficient of a neuron of the layer below: about 4 queries an attempt."""
        ends = self._segments(neuron)
        if ends is None:
            return Meeting(None, frozenset())
        off, on = ends
        values = self._row_values(self._boundary(off, on, neuron))
        positive = np.nonzero(values > 0)[0]
        negative = np.nonzero(values < 0)[0]
        sides = frozenset([True] * bool(len(positive)) + [False] * bool(len(negative)))
        for _ in range(ATTEMPTS if len(sides) == 2 else 0):
            a, b = self._generator.choice(positive), self._generator.choice(negative)
            place = self._between(off[a], off[b], on[a], neuron)
            filled = self._measured(place, neuron) if place is not None else None
            if filled is not None:
                return Meeting(filled[0], sides, filled[1])
        return Meeting(None, sides)

    # -- in float64: suggestions -----------------------------------------------------------------------------------

    def _segments(self, neuron: int) -> tuple[Vector, Vector] | None:
        """Pairs of points with the neuron off and on, and the other unseen ones off, shape (pairs, inputs) each."""
        points = random_points(self._known, self._generator, SAMPLES)
        states = self._floats.preactivations(points)[self._below] > 0
        others = [j for j in self._absent if j != neuron]
        clear = ~states[:, others].any(axis=1)
        off, on = points[clear & ~states[:, neuron]], points[clear & states[:, neuron]]
        if not len(off) or not len(on):
            return None
        return self._generator.choice(off, PAIRS), self._generator.choice(on, PAIRS)

    def _boundary(self, off: Vector, on: Vector, neuron: int) -> Vector:
        """Where segments cross the neuron's hyperplane, on its off side."""
        low, high = off.copy(), on.copy()
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            active = self._floats.preactivations(middle)[self._below][:, neuron] > 0
            low = np.where(active[:, None], low, middle)
            high = np.where(active[:, None], middle, high)
        return low

    def _row_values(self, points: Vector) -> Vector:
        """The row at these points; NaN where another unseen neuron is on, so that the row is not known there."""
        states = self._floats.preactivations(points)
        valid = ~(states[self._below][:, self._absent] > 0).any(axis=1)
        values: Vector = np.where(valid, states[-1][:, 0], np.nan)
        return values

    def _between(self, positive: Vector, negative: Vector, on: Vector, neuron: int) -> Vector | None:
        """A point on both surfaces, from two off points whose segments to `on` end on either side of the row."""
        values = self._row_values(self._boundary(np.stack([positive, negative]), np.stack([on, on]), neuron))
        if not (values[0] > 0 > values[1]):
            return None
        parts = np.linspace(0.0, 1.0, SECTIONS + 1)[:, None]
        for _ in range(SECTION_STEPS):
            cuts = positive + parts * (negative - positive)
            values = self._row_values(self._boundary(cuts, np.repeat(on[None], len(cuts), axis=0), neuron))
            last = int(np.argmin(values > 0))  # the first cut where the row is not positive
            if last == 0:
                return None
            positive, negative = cuts[last - 1], cuts[last]
        place: Vector = self._boundary(positive[None], on[None], neuron)[0]
        return place

    # -- exactly ---------------------------------------------------------------------------------------------------

    def _measured(self, place: Vector, neuron: int) -> tuple[Row, Point] | None:
        """The row with the coefficient that the oracle shows at the corner."""
        point = to_point(place)
        pattern = self._known.patterns([point])[0]
        pattern = _with_side(pattern, (self._below, neuron), False)
        planes = [self._plane(self._below, neuron, pattern), self._plane(self._below + 1, 0, pattern)]
        corner = onto(point, planes) if all(plane.length for plane in planes) else None
        if corner is None or not self._clear(corner, pattern, neuron):
            return None
        seen = cross(self._walker.probe, corner, planes[1], planes[0], 1.0, self._walker.tests)
        if not seen.present or seen.bend is None:
            return None
        weights = [fmpq(v) for v in self._row.plus]
        weights[neuron] = seen.bend
        whole = [int(v.p) for v in primitive([*weights, fmpq(self._row.bias)])]
        return Row.of(whole, len(weights)), corner

    def _plane(self, layer: int, neuron: int, pattern: Pattern) -> Hyperplane:
        entries = self._known.affine(layer, pattern).tolist()[neuron]
        return Hyperplane(tuple(int(v) for v in entries[:-1]), int(entries[-1]))

    def _clear(self, corner: Point, pattern: Pattern, neuron: int) -> bool:
        """Does the corner lie in the pattern's region, away from every other known hyperplane?"""
        values = self._known.preactivations([corner])
        for layer in range(self._below + 1):
            planes = self._walker.planes(layer, pattern)
            for j, value in enumerate(values[layer][0]):
                if (layer, j) == (self._below, neuron) or not planes.units[j].any():
                    continue
                if (value > 0) != pattern[layer][j] or abs(planes.hyperplane(j).distance(corner)) < CLEAR:
                    return False
        return True


def _with_side(pattern: Pattern, where: tuple[int, int], side: bool) -> Pattern:
    layer, neuron = where
    return pattern if pattern[layer][neuron] == side else flipped(pattern, where)
