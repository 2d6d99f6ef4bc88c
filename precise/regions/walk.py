"""Walking along a neuron's surface, across the hyperplanes of known neurons, and finding the place where it bends.

Inside a region of the known part a layer-k surface is flat. At the hyperplane of a known neuron it bends by a multiple
of that neuron's normal, which `corners.cross` measures. Where it bends although no known neuron changes, it belongs to
a deeper layer than k, and the surface that bent it belongs to a lower layer than it does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from flint import fmpq, fmpz_mat

from precise.regions.corners import ACROSS, along, behind, cross, directions, jump, ratio, sides
from precise.regions.hyperplane import UNIT, Hyperplane, Vector, displaced, onto, tangent
from precise.regions.local_map import KEPT_ENTRIES, Known, Pattern, Row
from precise.regions.probe import FRACTION_BITS, Direction, Point, Probe

PATH_BITS = 64  # a path is searched for bends on a grid of 2^64 steps
PATH_BESIDE = 1 << 10  # looked at this many steps beside a supposed bend
PATH_INSET = 1 << 34  # the path proper begins and ends this many steps inside: 2^-30 of its length
CLEAR_PARTS = 1 << 34
CLEAR = 1 / CLEAR_PARTS  # other known hyperplanes must be this far from a corner: 64 times its sectors


@dataclass(frozen=True)
class Surface:
    """A place on an unknown neuron's surface, strictly inside a region of the known part."""

    plane: Hyperplane
    point: Point
    pattern: Pattern
    scale: fmpq  # plane * scale is on the one common scale of this walk
    last: tuple[int, int] | None = None  # the known neuron crossed last


@dataclass(frozen=True)
class Crossed:
    """The surface was followed across a known neuron."""

    surface: Surface  # just behind the crossing
    layer: int  # from 0
    neuron: int
    bend: fmpq  # on the walk's common scale


@dataclass(frozen=True)
class Moved:
    """The surface was followed far without meeting a known neuron."""

    surface: Surface


@dataclass(frozen=True)
class Bent:
    """An unknown neuron of a lower layer bends this surface; here is that neuron's own surface.

    Unless that is seen beyond the place as well, the followed one may as well end there, and bend the other.
    """

    lower: Surface
    beyond: Point  # on the lower one's plane, behind the followed surface


@dataclass(frozen=True)
class Lost:
    """The step led nowhere: the surface vanished (dead neurons behind it) or the place was degenerate."""

    reason: str


Event = Crossed | Moved | Bent | Lost

NO_END = "the end of the surface was not found"  # the end of a walk


class Arrangement:
    """The hyperplanes of one layer in one region of the layers before; float64 normals steer, integers decide.

    Distances in float64 err by about 2^-52 of a point's size, far below `CLEAR`, which corners must keep.
    """

    def __init__(self, maps: fmpz_mat, linear: Sequence[bool]) -> None:
        self._rows = [[int(v) for v in row] for row in maps.tolist()]
        shifts = [max(max((abs(v).bit_length() for v in row[:-1]), default=0) - 60, 0) for row in self._rows]
        normals = [[float(v >> s) for v in row[:-1]] for row, s in zip(self._rows, shifts, strict=True)]
        matrix = np.array(normals).reshape(len(self._rows), maps.ncols() - 1)
        lengths = np.linalg.norm(matrix, axis=1)
        safe = np.where(lengths > 0, lengths, 1.0)
        matrix[np.array(linear, dtype=bool)] = 0.0
        self.units: Vector = matrix / safe[:, None]  # shape (neurons, inputs); 0 where nothing changes state
        constants = [row[-1] / (1 << s) for row, s in zip(self._rows, shifts, strict=True)]
        self.offsets: Vector = np.array(constants) / safe

    def distances(self, place: Vector) -> Vector:
        """The signed distances of a place from all of them, in float64."""
        found: Vector = self.units @ place + self.offsets
        return found

    def hyperplane(self, neuron: int) -> Hyperplane:
        """One of them, exactly."""
        row = self._rows[neuron]
        return Hyperplane(tuple(row[:-1]), row[-1])


class Walker:
    """Takes steps on surfaces; it holds what every step needs and no position."""

    def __init__(self, probe: Probe, known: Known) -> None:
        self.probe = probe
        self.known = known
        self.tests: list[Direction] = []
        self.watched = len(known.layers)  # layers whose hyperplanes are looked out for
        self._planes: dict[tuple[int, Pattern], Arrangement] = {}

    def replace_last(self, rows: list[Row]) -> None:
        """Take these rows for the last known layer."""
        self.known.replace_last(rows)
        last = len(self.known.layers) - 1
        self._planes = {key: planes for key, planes in self._planes.items() if key[0] < last}

    def draw_tests(self, random: Random) -> None:
        """Fresh directions along which jumps are compared."""
        self.tests = directions(self.probe.width, random)

    def planes(self, layer: int, pattern: Pattern) -> Arrangement:
        """The hyperplanes of a known layer's neurons where earlier layers have this pattern."""
        key = (layer, pattern[:layer])
        if key not in self._planes:
            if len(self._planes) * (self.known.inputs + 1) ** 2 > KEPT_ENTRIES:
                self._planes.clear()
            self._planes[key] = Arrangement(
                self.known.affine(layer, pattern), [row.linear for row in self.known.layers[layer]]
            )
        return self._planes[key]

    def surface(self, before: Point, at: Point, after: Point) -> Surface | None:
        """The surface between two points on either side of it, by two full gradients (2 queries when packed)."""
        low, high = self.probe.pieces([before, after], self.probe.axes)
        normal = jump(high, low)
        if not any(normal):
            return None
        shift = sum((g * c for g, c in zip(normal, after, strict=True)), fmpq(0)) / (1 << FRACTION_BITS)
        constant = high.value - low.value - shift
        step = [a - b for a, b in zip(after, before, strict=True)]
        carried = sum((g * c for g, c in zip(low.slopes, step, strict=True)), fmpq(0)) / (1 << FRACTION_BITS)
        plane = Hyperplane.through([*normal, constant - carried])
        point = onto(at, [plane])
        if point is None:
            return None
        return Surface(plane, point, self.known.patterns([point])[0], fmpq(1))

    # -- one step --------------------------------------------------------------------------------------------------

    def step(self, surface: Surface, direction: Vector, farthest: float) -> Event:
        """Follow the surface along a direction to the first known hyperplane, or by `farthest` if that is nearer."""
        inside = self._onward(surface, tangent(direction, [surface.plane]))
        length = float(np.linalg.norm(inside))
        if length < 2.0**-20:
            return Lost("the direction is normal to the surface")
        inside /= length
        hits = self._hits(surface, inside)
        if not hits or hits[0][0] > farthest:
            return self._move(surface, inside, farthest)
        # Of hyperplanes as near as that, those of later layers depend on which side of the first layer's one is.
        near = [hit for hit in hits if (hit[0] - hits[0][0]) * abs(hit[3]) < CLEAR]
        time, layer, neuron, toward = min(near, key=lambda hit: hit[1])
        crossed = self.planes(layer, surface.pattern).hyperplane(neuron)
        corner = onto(displaced(surface.point, inside, time), [surface.plane, crossed])
        beside = {hit[1:3] for hit in hits if abs(hit[0] - time) * abs(hit[3]) < CLEAR} - {(layer, neuron)}
        if corner is None or not self._clear(corner, surface.pattern, (layer, neuron), beside):
            return Lost("the corner is degenerate")
        bend = behind(self.probe, corner, surface.plane, crossed, np.sign(toward), self.tests)
        if bend is not None:
            return self.crossed(surface, corner, crossed, (layer, neuron), bend)
        seen = cross(self.probe, corner, surface.plane, crossed, np.sign(toward), self.tests)
        if not seen.present:
            return self.find_bend(surface, corner)
        if seen.bend is None:
            return Lost("more than two surfaces meet at the corner")
        return self.crossed(surface, corner, crossed, (layer, neuron), seen.bend)

    def _onward(self, surface: Surface, inside: Vector) -> Vector:
        """The direction, turned where needed so that it leaves the hyperplane crossed last on the far side."""
        if surface.last is None:
            return inside
        layer, neuron = surface.last
        unit = self.planes(layer, surface.pattern).units[neuron]
        away = tangent(unit if surface.pattern[layer][neuron] else -unit, [surface.plane])
        rate, gain = float(inside @ away), float(away @ away)
        least = 0.1 * float(np.linalg.norm(inside)) * gain**0.5
        return inside if rate >= least else inside + away * ((2 * least - rate) / gain)

    def _hits(self, surface: Surface, direction: Vector) -> list[tuple[float, int, int, float]]:
        """(time, layer, neuron, rate) of the known hyperplanes ahead, nearest first."""
        place = _near(surface.point)
        found: list[tuple[float, int, int, float]] = []
        for layer in range(self.watched):
            planes = self.planes(layer, surface.pattern)
            rates = planes.units @ direction
            distances = planes.distances(place)
            if surface.last is not None:
                distances[np.abs(distances) < CLEAR / 2] = 0.0  # at the corner others were farther, or are kept
                if surface.last[0] == layer:
                    distances[surface.last[1]] = 0.0
            distances[self.known.seconds(layer)] = 0.0  # the first of two twins stands for both
            ahead = np.nonzero(rates * distances < 0)[0]
            times = -distances[ahead] / rates[ahead]
            found += [(float(t), layer, int(n), float(rates[n])) for t, n in zip(times, ahead, strict=True)]
        return sorted(found)[:6]

    def _beyond(self, pattern: Pattern, crossed: tuple[int, int]) -> Pattern:
        return flipped(pattern, crossed[0], self.known.crossing(*crossed))

    def _clear(
        self, corner: Point, pattern: Pattern, crossed: tuple[int, int], beside: Collection[tuple[int, int]]
    ) -> bool:
        """Does no known neuron but the crossed one change its state at a corner or near it, on either side?

        Args:
            corner: on the crossed hyperplane.
            pattern: on one side of it.
            crossed: (layer, neuron) from 0.
            beside: neurons whose hyperplanes come near it on that side.
        """
        beyond, place = self._beyond(pattern, crossed), _near(corner)
        near = set(beside)
        for layer in range(crossed[0] + 1, self.watched):
            planes = self.planes(layer, beyond)
            beside_beyond = np.nonzero(np.abs(planes.distances(place)) < CLEAR)[0]
            near |= {(layer, int(n)) for n in beside_beyond if planes.units[n].any()}
        firsts = (other for other in near if other[1] not in self.known.seconds(other[0]))
        return all(self.kept(corner, pattern, crossed, other) for other in firsts)

    def kept(self, corner: Point, pattern: Pattern, crossed: tuple[int, int], other: tuple[int, int]) -> bool:
        """Does a neuron keep its state all around a corner, though its hyperplane here, continued, comes near it?

        So it does where a large weight for the crossed neuron only takes it further from changing its state.

        Args:
            corner: on the crossed hyperplane.
            pattern: on one side of it.
            crossed: (layer, neuron) from 0.
            other: the neuron in question.
        """
        if other[0] <= crossed[0]:
            return False
        border = self.planes(crossed[0], pattern).hyperplane(crossed[1])
        across, missed = border.normal, border.value(corner)  # the corner is a little aside of the border
        length = sum(v * v for v in across)
        for here in (pattern, self._beyond(pattern, crossed)):
            plane = self.planes(other[0], here).hyperplane(other[1])
            slope = sum(a * b for a, b in zip(plane.normal, across, strict=True))
            value = plane.value(corner) * length - slope * missed  # of the nearest point that is on it, times length
            if not value or (value > 0) != pattern[other[0]][other[1]]:
                return False
            onward = slope if here[crossed[0]][crossed[1]] else -slope  # away from the crossed hyperplane
            share = slope if (onward > 0) == (value > 0) else 0  # this part only leads further from changing
            rest = sum((a * length - share * b) ** 2 for a, b in zip(plane.normal, across, strict=True))
            if value**2 * CLEAR_PARTS**2 < rest << 2 * FRACTION_BITS:
                return False
        return True

    def _move(self, surface: Surface, inside: Vector, farthest: float) -> Event:
        target = onto(displaced(surface.point, inside, farthest), [surface.plane])
        if target is None or not self.present(surface.plane, target):
            return self.find_bend(surface, target) if target else Lost("the target is degenerate")
        return Moved(replace(surface, point=target, last=None))

    def crossed(
        self, surface: Surface, corner: Point, crossed: Hyperplane, where: tuple[int, int], bend: fmpq
    ) -> Crossed:
        """The surface behind a corner at which it bends by bend * (the crossed hyperplane's form)."""
        coefficients = [
            a + bend * b
            for a, b in zip(
                (*surface.plane.normal, surface.plane.constant),
                (*crossed.normal, crossed.constant),
                strict=True,
            )
        ]
        plane = Hyperplane.through(coefficients)
        lead = next(i for i, v in enumerate(plane.normal) if v)
        scale = surface.scale * coefficients[lead] / plane.normal[lead]
        pattern = self._beyond(surface.pattern, where)
        return Crossed(Surface(plane, corner, pattern, scale, where), *where, bend * surface.scale)

    def present(self, plane: Hyperplane, point: Point) -> bool:
        """Does the oracle bend across this plane at this point, and along it exactly? 2 queries."""
        high, low = self.probe.pieces(sides(point, plane), self.tests)
        return bool(ratio(jump(high, low), along(plane.normal, self.tests)))

    def all_present(self, surfaces: Sequence[Surface]) -> list[bool]:
        """The same for several places at once."""
        points = [point for surface in surfaces for point in sides(surface.point, surface.plane)]
        pieces = self.probe.pieces(points, self.tests)
        pairs = zip(pieces[::2], pieces[1::2], strict=True)
        jumps = [jump(high, low) for high, low in pairs]
        return [bool(ratio(j, along(s.plane.normal, self.tests))) for j, s in zip(jumps, surfaces, strict=True)]

    def silent(self, plane: Hyperplane, point: Point) -> bool:
        """Is the oracle constant on both sides of this place? Then every neuron of some layer is off. 2 queries."""
        pieces = self.probe.pieces(sides(point, plane), self.tests)
        return not any(slope for piece in pieces for slope in piece.slopes)

    # -- bends at unknown neurons ----------------------------------------------------------------------------------

    def find_bend(self, surface: Surface, end: Point) -> Event:
        """The first place between the surface's point and `end` (in its plane) where it is no longer there."""
        path = Path(self, surface.plane, surface.point, end)
        place = path.search()
        if place is None:
            return Lost(NO_END)
        return self._lower(surface, *place)

    def _lower(self, surface: Surface, before: Point, after: Point) -> Event:
        """The unknown surface that crosses the path between two points, if it bends the followed one."""
        for side in (ACROSS, -ACROSS):
            ends = [displaced(p, surface.plane.unit, side) for p in (before, after)]
            other = self.surface(ends[0], interpolated_middle(*ends), ends[1])
            if other is not None:
                return self._bends(surface, other, side)
        return Lost("the surface vanished without a crossing")

    def _bends(self, surface: Surface, other: Surface, side: float) -> Event:
        corner = onto(other.point, [surface.plane, other.plane])
        if corner is None:
            return Lost("the bend is degenerate")
        onward = 1.0 if other.plane.distance(surface.point) < 0 else -1.0
        seen = cross(self.probe, corner, surface.plane, other.plane, onward, self.tests)
        if not seen.present:
            return Lost("the bend could not be confirmed")
        # Behind a surface on one side of which all is off this one ends, and what bends is the other.
        if not seen.bend or seen.ends:
            return Lost("the surface vanished: neurons behind it are dead")
        aside = tangent(surface.plane.unit, [other.plane]) * np.sign(side)
        aside /= np.linalg.norm(aside)
        start, beyond = (onto(displaced(corner, aside, way), [other.plane]) for way in (2.0**-32, -(2.0**-32)))
        if start is None or beyond is None:
            return Lost("the bend is degenerate")
        return Bent(replace(other, point=start, pattern=surface.pattern), beyond)


class Path:
    """A straight path in a surface's plane, from a place where the surface is to one where it is not."""

    def __init__(self, walker: Walker, plane: Hyperplane, start: Point, end: Point) -> None:
        self._walker = walker
        self._plane = plane
        self._start = start
        self._step = [(b - a) >> PATH_BITS for a, b in zip(start, end, strict=True)]
        self._directions = [self._step, *walker.tests]

    def point(self, t: int) -> Point:
        """The grid point t steps along the path."""
        return [a + t * d for a, d in zip(self._start, self._step, strict=True)]

    def search(self) -> tuple[Point, Point] | None:
        """Points just before and just behind the place where the surface ends: intersect, look, else halve."""
        # Both ends may lie on known hyperplanes, where the two sides would fall into different regions.
        low, high = PATH_INSET, (1 << PATH_BITS) - PATH_INSET
        ends = {t: self._look(t) for t in (low, high)}
        if not ends[low][0] or ends[high][0]:
            return None
        guess = True
        while high - low > 4 * PATH_BESIDE:
            centre = self._intersection(low, high, ends) if guess else None
            guess = centre is None or not guess
            middle = centre if centre is not None else (low + high) // 2
            for t in (middle - PATH_BESIDE, middle + PATH_BESIDE):
                ends[t] = self._look(t)
                if ends[t][0]:
                    low = max(low, t)
                else:
                    high = t
                    break
        return self.point(low), self.point(high)

    def _look(self, t: int) -> tuple[bool, list[tuple[fmpq, fmpq]]]:
        """Is the surface there, and (value, slope along the path) on both sides of it."""
        high, low = self._walker.probe.pieces(sides(self.point(t), self._plane), self._directions)
        across = jump(high, low)[1:]
        present = bool(ratio(across, along(self._plane.normal, self._walker.tests)))
        return present, [(p.value, p.slopes[0] / (1 << FRACTION_BITS)) for p in (high, low)]

    def _intersection(self, low: int, high: int, ends: dict[int, tuple[bool, list[tuple[fmpq, fmpq]]]]) -> int | None:
        for (a, slope_a), (b, slope_b) in zip(ends[low][1], ends[high][1], strict=True):
            if slope_a != slope_b:
                offset = (b - a - slope_b * (high - low)) / (slope_a - slope_b)
                t = low + int(offset.p) // int(offset.q)
                if low + 2 * PATH_BESIDE < t < high - 2 * PATH_BESIDE:
                    return t
        return None


def _near(point: Point) -> Vector:
    """A point in input units, in float64."""
    place: Vector = (np.array(point, dtype=object) / UNIT).astype(float)
    return place


def flipped(pattern: Pattern, layer: int, neurons: Collection[int]) -> Pattern:
    """The pattern with these neurons of a layer on their other sides."""
    changed = tuple(side != (j in neurons) for j, side in enumerate(pattern[layer]))
    return (*pattern[:layer], changed, *pattern[layer + 1 :])


def interpolated_middle(a: Point, b: Point) -> Point:
    """The grid point half way."""
    return [(p + q) >> 1 for p, q in zip(a, b, strict=True)]


__all__ = ["Bent", "Crossed", "Event", "Lost", "Moved", "Path", "Surface", "Walker", "flipped"]
