"""Targeted search for a row's last coefficients: where its surface leaves the places in which it is known.

Walks leave combinations of coefficients open: that of neuron j when j keeps its state all along the surface, or one of
the linear part when a neuron two layers back does. Where every open combination is multiplied by 0, the row is known
all the same, and by continuity still on the border of these places. So the places where the surface crosses that border
can be computed from what is known; one corner measured there closes at least one combination. (Carlini, Jagielski and
Mironov, CRYPTO 2020, section 4.4, search for missing entries by queries instead.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from flint import fmpq

from precise.equations.open_row import OpenRow, absent_unknowns
from precise.regions.aim import outlying, random_points, to_point
from precise.regions.climb import Score, climb, highest
from precise.regions.corners import cross
from precise.regions.float_layers import FloatLayers, to_floats, usual_size, usual_sizes
from precise.regions.hyperplane import Hyperplane, Vector, onto
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import Point
from precise.regions.walk import CLEAR, Crossed, Surface, Walker

SAMPLES = (640, 1280, 2560)  # random points at which the known part is evaluated, until enough is seen; half as many
# again are around the place where the surface was seen
ENOUGH = 64  # points in and out of the places where the row is known
PAIRS = 400  # segments from places where the row is known to others
CLIMBERS = 16  # points from which a side is climbed to that no segment has met
ROUNDS = 16  # of climbing
NEIGHBOURS = 8  # of which the nearest is taken
WINDOW = 2.0**-18  # of a segment, around a place that is known to about NEGLIGIBLE
HALVINGS = 24  # of a segment: well within the window
MORE_HALVINGS = 20  # of the window, to 2^-37 of a segment: exact arithmetic still sees the change that float64 sees
SECTIONS = 128  # a path between two places is cut into so many parts at once
SECTION_STEPS = 5  # 128^5 = 2^35
ASIDE = 2.0**-40  # of a segment: exact arithmetic sees the change of state a little aside of where float64 does
NEGLIGIBLE = (
    2.0**-30
)  # of the sum of its terms' sizes: float64 has 2^-52, and layers lose some of it; a suggestion only
LARGER_BITS = 16  # than a small term of its row no true weight's is by more; float64 keeps 36 bits of what is beside it
ATTEMPTS = 8  # pairs of segments between which a place is searched

Truths = np.ndarray[Any, np.dtype[np.bool_]]
Where = tuple[int, int]  # (layer, neuron), from 0


@dataclass
class Border:
    """What was seen of the border of the places where the row is known."""

    crossed: Crossed | None = None  # the corner that was measured
    sides: dict[Where, set[bool]] = field(default_factory=dict)  # sides of the row, by the neuron that makes the border


def _open_sides(known: OpenRow) -> list[tuple[int, float]]:
    """(neuron below, 1 or -1) for every open coefficient of its positive or its negative side, if all are such."""
    features = len(known.row.plus)
    absent = absent_unknowns(known) or []
    return [(c % features, 1.0 if c < features else -1.0) for c in absent] if 2 * features not in absent else []


def closed_row(row: Row, sides: Mapping[int, frozenset[bool]], below: Known) -> Row | None:
    """The row with a large weight for every neuron that its surface does not meet; None if one should be met.

    Where such a neuron is on, the row keeps the side that it has where the neuron begins to be on. Any weight beyond
    the true one, of the same sign, keeps it as well. What is too much of it the layer behind has to take back, in
    float64 as well: so it is no larger than is needed to be beyond any weight like the others.

    Args:
        below: the layers that feed the row.
    """
    if any(len(seen) == 2 for seen in sides.values()):
        return None
    weights, sizes = list(row.plus), usual_sizes(below)
    usual = usual_size(row, sizes)
    for neuron, seen in sides.items():
        large = 1 << max(0, usual + LARGER_BITS - sizes[neuron])
        weights[neuron] = -large if False in seen else large
    return replace(row, plus=tuple(weights))


def behind_others(
    row: Row, sides: Mapping[int, frozenset[bool]], below: Known, generator: np.random.Generator
) -> dict[int, frozenset[bool]]:
    """The sides of a row that it has where neurons are on of which none was seen, as they are on behind others only.

    Where another is on whose weight is not known, the places in which the row is known do not reach such a border.

    Args:
        row: closed, but for these neurons.
        sides: by neuron, what was seen.
    """
    layers = FloatLayers(Known(below.inputs, [*below.layers, [row]]))
    points = random_points(below, generator, SAMPLES[-1])
    handed, values, _ = layers.last_two(points)
    on = np.asarray(handed > 0, dtype=bool)
    positive = np.asarray(values[:, 0] > 0, dtype=bool)
    told = np.asarray(on[:, [j for j, seen in sides.items() if seen]].any(axis=1))
    behind = {j: positive[on[:, j]] for j, seen in sides.items() if not seen and told[on[:, j]].all()}
    return {j: frozenset({bool(at[0])}) for j, at in behind.items() if len(at) and (at == at[0]).all()}


class Reach:
    """Looks for a place where the surface of a row leaves the places in which the row is known."""

    def __init__(self, walker: Walker, wanted: OpenRow, witness: Point, generator: np.random.Generator) -> None:
        self._walker = walker
        self._row = wanted.row
        self._open = _open_sides(wanted)
        self._witness = witness
        self._generator = generator
        layers = walker.known.layers[:-1]
        self._known = Known(walker.known.inputs, [*layers, [wanted.row, *wanted.open]])
        self._floats = FloatLayers(self._known)
        self._linear = np.array([row.linear for rows in layers for row in rows], dtype=bool)
        self._seconds = [
            set(self._known.seconds(number)) for number in range(len(layers))
        ]  # their firsts stand for them
        self._single = np.array(
            [j not in seconds for rows, seconds in zip(layers, self._seconds, strict=True) for j in range(len(rows))],
            dtype=bool,
        )
        self._below = len(layers) - 1

    def border(self) -> Border:
        """Search without queries, then measure: 4 queries a corner that is looked at."""
        result = Border()
        pairs = self._segments()
        if pairs is None:
            return result
        inside, outside = pairs
        makers, values = self._seen(pairs, result)
        if self._opposite(makers, values, inside) is None and (further := self._climbed(pairs, result)) is not None:
            inside, outside = (np.concatenate(both) for both in zip(pairs, further, strict=True))
            more, others = self._seen(further, result)
            makers, values = [*makers, *more], np.concatenate([values, others])
        for _ in range(ATTEMPTS):
            chosen = self._opposite(makers, values, inside)
            place = self._between(inside[chosen], outside[chosen]) if chosen else None
            result.crossed = self._measured(*place) if place is not None else None
            if result.crossed is not None:
                break
        return result

    def _seen(self, pairs: tuple[Vector, Vector], border: Border) -> tuple[list[Where | None], Vector]:
        """Which neurons make the border between the points of every pair, and the row there; noted in `border`."""
        low, _, makers = self._boundary(*pairs)
        values = self._row_values(low)
        for maker, value in zip(makers, values, strict=True):
            if maker is not None and value:
                border.sides.setdefault(maker, set()).add(bool(value > 0))
        return makers, values

    # -- in float64: suggestions -----------------------------------------------------------------------------------

    def _valid(self, points: Vector) -> Truths:
        """Are all open combinations multiplied by 0 here?"""
        return _negligible(*self._floats.last(points))

    def _row_values(self, points: Vector) -> Vector:
        """The row at these points; NaN where it is not known."""
        values, sizes = self._floats.last(points)
        found: Vector = np.where(_negligible(values, sizes), values[:, 0], np.nan)
        return found

    def _segments(self) -> tuple[Vector, Vector] | None:
        """Pairs of points where the row is known and where it is not, shape (pairs, inputs) each."""
        inside, outside = np.empty((2, 0, self._known.inputs))
        for count in SAMPLES:
            points = np.concatenate([random_points(self._known, self._generator, count), self._around(count // 2)])
            valid = self._valid(points)
            inside, outside = np.concatenate([inside, points[valid]]), np.concatenate([outside, points[~valid]])
            if min(len(inside), len(outside)) >= ENOUGH:
                break
        if not len(inside) or not len(outside):
            return None
        return self._generator.choice(inside, PAIRS), self._generator.choice(outside, PAIRS)

    def _climbed(self, pairs: tuple[Vector, Vector], border: Border) -> tuple[Vector, Vector] | None:
        """Pairs as of `_segments`, to points around where the row changes its side while an open neuron is on.

        From points where one of these is on: climb to where the row, without it, has a side that was not seen there.
        """
        inside, pool = pairs[0], np.concatenate(pairs)
        starts, ends = [], []
        for neuron, own in self._open:
            for positive in {True, False} - border.sides.get((self._below, neuron), set()):
                score = self._score(neuron, own, 1.0 if positive else -1.0)
                before, points = self._arrivals(pool, score)
                near = inside[self._nearest(inside, points)]
                starts += [near, near]
                ends += [before, points]
        return (np.concatenate(starts), np.concatenate(ends)) if starts else None

    def _arrivals(self, pool: Vector, score: Score) -> tuple[Vector, Vector]:
        """The last points of climbs with a score below 0 and the first above it (or where a climb has come to)."""
        points = highest(pool, score, CLIMBERS)
        before = points
        for _ in range(ROUNDS):
            there = score(points[:, None]) > 0
            if there.all():
                break
            before = np.where(there, before, points)
            points = np.where(there, points, climb(points, score, pool, self._generator))
        return before, points

    def _score(self, neuron: int, own: float, side: float) -> Score:
        """How far a neuron is on its open side and the row, without it, on a side of its own; each over its size."""

        def score(tried: Vector) -> Vector:
            flat = tried.reshape(-1, tried.shape[2])
            below, values, sizes = self._floats.last_two(flat)
            row = side * values[:, 0] / np.maximum(sizes[:, 0], np.finfo(float).tiny)
            on = own * below[:, neuron]
            low: Vector = np.minimum(row, on / max(float(np.abs(on).max()), np.finfo(float).tiny))
            return low.reshape(tried.shape[:2])

        return score

    def _nearest(self, inside: Vector, points: Vector) -> list[int]:
        """For every point one of the nearest points at which the row is known."""
        distances = np.linalg.norm(inside[None] - points[:, None], axis=2)
        near = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
        return [int(self._generator.choice(row)) for row in near]

    def _around(self, count: int) -> Vector:
        """Points at all distances from the place where the surface was seen."""
        scales = outlying(self._witness) * 2.0 ** self._generator.uniform(-10, 6, size=(count, 1))
        steps = scales * self._generator.standard_normal((count, self._known.inputs))
        points: Vector = to_floats([self._witness])[0] + steps
        return points

    def _boundary(self, inside: Vector, outside: Vector) -> tuple[Vector, Vector, list[Where | None]]:
        """Where segments leave the places in which the row is known: the last point in it, the next, who changes.

        What is open grows from 0 behind the border, so that it is noticed a little late: the neuron that makes the
        border is the one that changes its state around there, and then its own change is what is looked for.
        """
        low, high = halved(inside, outside, self._valid, HALVINGS)
        window = (outside - inside) * WINDOW
        low, high = low - window, high + window
        makers = self._makers(low, high)
        low, high = halved(low, high, self._unchanged(low, makers), MORE_HALVINGS)
        return low, high, makers

    def _states(self, points: Vector) -> Truths:
        """Which neurons below are on, all layers side by side; a linear row counts as on. Shape (points, neurons)."""
        states: Truths = (self._floats.below_last(points) > 0) | self._linear
        return states

    def _alike(self, points: Vector) -> bool:
        """Are all neurons below in one state at all of these points?"""
        states = self._states(points)
        return bool((states == states[0]).all())

    def _makers(self, low: Vector, high: Vector) -> list[Where | None]:
        """The neuron that changes its state between two points, if it is one alone (or one of a pair of twins)."""
        flips = (self._states(low) != self._states(high)) & self._single
        names = [(layer, j) for layer, rows in enumerate(self._known.layers[:-1]) for j in range(len(rows))]
        alone, first = flips.sum(axis=1) == 1, flips.argmax(axis=1)
        return [names[n] if one else None for n, one in zip(first, alone, strict=True)]

    def _unchanged(self, before: Vector, makers: Sequence[Where | None]) -> Callable[[Vector], Truths]:
        """Is the maker of each segment still in its state before? (False where none is known.)"""
        starts = np.cumsum([0, *(len(rows) for rows in self._known.layers[:-1])])
        columns = np.array([starts[m[0]] + m[1] if m else -1 for m in makers])
        rows, named = np.arange(len(makers)), columns >= 0
        first = self._floats.below_last(before)[rows, columns] > 0

        def unchanged(points: Vector) -> Truths:
            same: Truths = (self._floats.below_last(points)[rows, columns] > 0) == first
            return same & named

        return unchanged

    def _opposite(self, makers: Sequence[Where | None], values: Vector, inside: Vector) -> list[int] | None:
        """Two segments, not far apart, that leave through one neuron's hyperplane, where the row has opposite sides."""
        groups: dict[Where, tuple[list[int], list[int]]] = {}
        for number, (maker, value) in enumerate(zip(makers, values, strict=True)):
            if maker is not None and value:
                groups.setdefault(maker, ([], []))[int(value < 0)].append(number)
        both = [group for group in groups.values() if group[0] and group[1]]
        if not both:
            return None
        positive, negative = both[self._generator.integers(len(both))]
        first = int(self._generator.choice(positive))
        others = self._generator.choice(negative, min(len(negative), NEIGHBOURS), replace=False)
        distances = np.linalg.norm(inside[others] - inside[first], axis=1)
        return [first, int(others[int(np.argmin(distances))])]

    def _between(self, inside: Vector, outside: Vector) -> tuple[Vector, Vector] | None:
        """The border's two sides where the row is 0, on a segment between two at whose ends it has opposite sides."""
        parts = np.linspace(0.0, 1.0, SECTIONS + 1)[:, None]
        for _ in range(SECTION_STEPS):
            starts, ends = (pair[0] + parts * (pair[1] - pair[0]) for pair in (inside, outside))
            low, high, makers = self._boundary(starts, ends)
            usable = self._valid(starts) & ~self._valid(ends) & [maker is not None for maker in makers]
            values = np.where(usable, self._row_values(low), np.nan)
            changes = np.nonzero((values[:-1] > 0) & (values[1:] <= 0))[0]
            if not len(changes):
                return None
            first = int(changes[0])
            piece = slice(first, first + 2)
            inside, outside = starts[piece], ends[piece]
            share = values[first] / (values[first] - values[first + 1])
            if makers[first] == makers[first + 1] and self._alike(low[piece]):
                break  # one region: border and row are straight
        aside = _mixed(outside - inside, share) * ASIDE
        return _mixed(low[piece], share) - aside, _mixed(high[piece], share) + aside

    # -- exactly ---------------------------------------------------------------------------------------------------

    def _measured(self, low: Vector, high: Vector) -> Crossed | None:
        """The crossing that the oracle shows at the corner."""
        points = [to_point(low), to_point(high)]
        pattern, beyond = (p[: self._below + 1] for p in self._known.patterns(points))
        flips = [
            (layer, j)
            for layer, (a, b) in enumerate(zip(pattern, beyond, strict=True))
            for j, (x, y) in enumerate(zip(a, b, strict=True))
            if x != y and j not in self._seconds[layer]
        ]
        if len(flips) != 1 or not self._known_in(pattern):
            return None
        layer, neuron = flips[0]
        crossed, followed = self._plane(layer, neuron, pattern), self._plane(self._below + 1, 0, pattern)
        corner = onto(points[0], [followed, crossed]) if crossed.length and followed.length else None
        if corner is None or not self._clear(corner, pattern, flips[0]):
            return None
        onward = -1.0 if pattern[layer][neuron] else 1.0
        seen = cross(self._walker.probe, corner, followed, crossed, onward, self._walker.tests)
        if not seen.present or seen.bend is None:
            return None
        start = Surface(followed, corner, (*pattern, ()), fmpq(1))
        return self._walker.crossed(start, corner, crossed, flips[0], seen.bend)

    def _known_in(self, pattern: Pattern) -> bool:
        """Does every open combination vanish in this region, exactly?"""
        return not any(any(row) for row in self._known.affine(self._below + 1, pattern).tolist()[1:])

    def _plane(self, layer: int, neuron: int, pattern: Pattern) -> Hyperplane:
        entries = self._known.affine(layer, pattern).tolist()[neuron]
        return Hyperplane(tuple(int(v) for v in entries[:-1]), int(entries[-1]))

    def _clear(self, corner: Point, pattern: Pattern, crossed: Where) -> bool:
        """Does the corner lie in the pattern's region, away from every other known hyperplane?"""
        values = self._known.preactivations([corner])
        for layer in range(self._below + 1):
            planes = self._walker.planes(layer, pattern)
            for j, value in enumerate(values[layer][0]):
                if (layer, j) == crossed or j in self._seconds[layer] or not planes.units[j].any():
                    continue
                near = (value > 0) != pattern[layer][j] or abs(planes.hyperplane(j).distance(corner)) < CLEAR
                if near and not self._walker.kept(corner, pattern, crossed, (layer, j)):
                    return False
        return True


def _negligible(values: Vector, sizes: Vector) -> Truths:
    """Are all values but the first of each point small beside the sizes of their terms, shape (points,)?"""
    small: Truths = (np.abs(values[:, 1:]) <= NEGLIGIBLE * np.maximum(sizes[:, 1:], np.finfo(float).tiny)).all(axis=1)
    return small


def halved(low: Vector, high: Vector, still: Callable[[Vector], Truths], steps: int) -> tuple[Vector, Vector]:
    """The ends of segments, shape (segments, inputs), drawn together around where `still` ends to hold."""
    for _ in range(steps):
        middle = (low + high) / 2
        stays = still(middle)[:, None]
        low, high = np.where(stays, middle, low), np.where(stays, high, middle)
    return low, high


def _mixed(ends: Vector, share: float) -> Vector:
    """The point at this share of the way from the first to the second."""
    point: Vector = ends[0] + share * (ends[1] - ends[0])
    return point


__all__ = ["Border", "Reach", "Where", "closed_row", "halved"]
