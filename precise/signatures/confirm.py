"""A row predicts its whole surface: fresh points far from where it was recovered must be critical points.

A surface of a deeper layer satisfies a layer-k row's equations as long as the neurons between keep their states, so
that redundant equations from one neighbourhood are no proof. Far away they change, and the prediction fails.
Behind a layer's only neuron all surfaces are level sets of its preactivation, and so are alike everywhere. Its own is
the one on one side of which nothing varies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from flint import fmpq

from precise.regions.aim import line_between, outlying, random_line, random_points, to_point
from precise.regions.corners import sides
from precise.regions.critical_points import Line
from precise.regions.float_layers import FloatLayers, to_floats
from precise.regions.hyperplane import Hyperplane, displaced, interpolated, onto
from precise.regions.local_map import Known, Row
from precise.regions.probe import Direction, Point, Probe
from precise.regions.walk import Bent, Crossed, Surface, Walker

SAMPLES = 24  # points of a line at which the predicted preactivation is evaluated to find its zeros
BATCH = 8  # places asked at once
FURTHER = 64  # looked for behind other rows of the layer, where none of those asked was
ELSEWHERE = 32  # random points at which the oracle is looked at behind a layer's only neuron
WAYS = 3  # towards places where the row is absent
WAY_STEPS = 24  # on each of them
SECTION_BITS = 3  # a bracket is cut into 8 parts at once in floats
SECTION_STEPS = 13  # 2^-39 of it, where float64 still tells its ends apart
NEAR = (-8, 5)  # binary logarithms of distances from the witness
FAR_OUT = 10  # of the witness's own
OTHERS = 5  # rows of the layer at least, and features, for one to be passed by a row that is the layer's
HALVINGS = 48  # of a bracket, at most, until both ends lie in one known region


@dataclass(frozen=True)
class Confirmation:
    """How a row's prediction fared at fresh points."""

    present: int  # points where the oracle bends exactly as predicted
    silent: int  # points around which the oracle is constant, so that nothing can be seen
    absent: tuple[Surface, ...]  # predicted places where the oracle varies but does not bend
    deeper: bool  # is the surface seen to be a deeper layer's?
    doubtful: bool = False  # or may it be one, or else end where the neurons behind it have no weight for its own?
    bent: bool = False  # was a row of its own layer seen to bend it? Then it is a deeper layer's, whatever is missing
    passed: bool = True  # does it go on as it is past some other row of its layer, if there are enough of them?
    alone: bool = False  # or is none of them met where it is predicted, of all its weights?


@dataclass
class _Seen:
    """What was seen at predicted places."""

    walker: Walker
    present: list[Surface] = field(default_factory=list)
    absent: list[Surface] = field(default_factory=list)
    silent: list[Surface] = field(default_factory=list)

    @property
    def looked(self) -> int:
        return len(self.present) + len(self.absent) + len(self.silent)

    def look(self, batch: Sequence[Surface]) -> None:
        """2 queries a place, 2 more where the surface is not."""
        for surface, there in zip(batch, self.walker.all_present(batch), strict=True):
            if there:
                self.present.append(surface)
            elif self.walker.silent(surface.plane, surface.point):
                self.silent.append(surface)
            else:
                self.absent.append(surface)


def confirm(
    walker: Walker,
    row: Row,
    witness: Point,
    wanted: int,
    whole: bool,
    generator: np.random.Generator,
    lacking: Sequence[int] = (),
    only: bool = False,
    ways: int = WAYS,
) -> Confirmation:
    """Look at up to `wanted` fresh predicted critical points: 2 queries each; go to some where there is none.

    Args:
        row: of the growing last layer; it need not be among the known rows yet.
        witness: a point on its surface; lines near it serve a neuron that random lines do not meet.
        whole: is every neuron of the layers below known? Missing ones bend this layer's surfaces as well.
        lacking: neurons below whose weight the row lacks; where one is on, the row predicts nothing.
        only: has the layer no other neuron?
    """
    known = Known(walker.known.inputs, [*walker.known.layers[:-1], [row.without(lacking)]])
    seen = _Seen(walker)
    places = _places(known, witness, wanted, generator, lacking)
    while batch := list(islice(places, min(BATCH, wanted - seen.looked))):
        seen.look(batch)
    passed = _passes(walker.known, row, [surface.point for surface in seen.present])
    alone, few = False, bool(lacking) or wanted > BATCH  # others are met again
    if few and seen.present and not (passed or seen.absent):
        further = _passing(walker.known, row, seen.present[0], _places(known, witness, FURTHER, generator, lacking))
        alone, before = not (further or lacking), len(seen.present)
        seen.look(further)
        passed = len(seen.present) > before
    present, absent, silent = seen.present, seen.absent, seen.silent
    deeper = only and not _ends_all(walker, known, present, generator)
    doubtful = bent_by_own = False
    if present and (absent or silent) and not deeper:
        below = Known(known.inputs, [*known.layers[:-1], []])  # its own layer never bends a surface
        free = Walker(walker.probe, below)
        free.tests = walker.tests
        goals = [*absent, *silent] * ways  # silence proves nothing, but a deeper surface may bend on the way to it
        for goal in goals[:ways]:
            bent = _bend(free, known, lacking, present[int(generator.integers(len(present)))], goal)
            own = isinstance(bent, Bent) and _is_a_rows(walker.known, bent.lower)
            if bent is None or not (whole or own):
                continue
            if isinstance(bent, Bent) and not free.present(bent.lower.plane, bent.beyond):
                doubtful = whole
                continue
            deeper, doubtful, bent_by_own = True, False, own
            break
    return Confirmation(len(present), len(silent), tuple(absent), deeper, doubtful, bent_by_own, passed, alone)


def _passes(known: Known, row: Row, points: Sequence[Point]) -> bool:
    """Does another row of the layer have both states at these points of a row's surface, if there are enough others?

    A surface of a deeper layer is a row's as long as the neurons of its layer keep their states.
    """
    others = _others(known, row)
    if len(known.layers) == 1 or min(len(others), len(known.layers[-2])) < OTHERS or not points:
        return True  # the first layer's have planes throughout
    values = known.preactivations(points)[-1]
    return any(len({at[n] > 0 for at in values}) == 2 for n in others)


def _passing(known: Known, row: Row, seen: Surface, places: Iterable[Surface]) -> list[Surface]:
    """Predicted places behind other rows of the layer, from where the row was seen; a few at most."""
    others, (here,) = _others(known, row), known.preactivations([seen.point])[-1]

    def behind_another(place: Surface) -> bool:
        (there,) = known.preactivations([place.point])[-1]
        return any((here[n] > 0) != (there[n] > 0) for n in others)

    return list(islice(filter(behind_another, places), BATCH))


def _others(known: Known, row: Row) -> list[int]:
    """The layer's other rows that change their state somewhere."""
    either = (row, row.negated())
    return [n for n, other in enumerate(known.layers[-1]) if other not in either and not other.linear]


def _ends_all(walker: Walker, known: Known, present: Sequence[Surface], generator: np.random.Generator) -> bool:
    """Is the oracle constant on one side of the row, beside its surface and at random points?"""
    beside = [point for surface in present for point in sides(surface.point, surface.plane)]
    return len(varying_sides(walker.probe, known, beside, walker.tests, generator)) < 2


def varying_sides(
    probe: Probe, known: Known, beside: Sequence[Point], tests: Sequence[Direction], generator: np.random.Generator
) -> set[bool]:
    """On which sides of the last known layer's only row the oracle varies: is it positive there?

    Behind a layer's only neuron all is constant where that is off, so that more than one side refutes the row.

    Args:
        beside: points that are looked at, besides random ones; 1 query each.
    """
    points = [*beside, *(to_point(point) for point in random_points(known, generator, ELSEWHERE))]
    positive = [values[0] > 0 for values in known.preactivations(points)[-1]]
    varying = [any(piece.slopes) for piece in probe.pieces(points, tests)]
    return {side for side, varies in zip(positive, varying, strict=True) if varies}


def _places(
    known: Known, witness: Point, wanted: int, generator: np.random.Generator, lacking: Sequence[int]
) -> Iterator[Surface]:
    """Predicted places on lines at random, and then on lines near the witness; a limited number of lines."""
    floats, first = FloatLayers(known), len(known.layers) == 1
    for attempt in range(8 * wanted):
        line = random_line(known, generator) if attempt < 4 * wanted else _line_near(witness, generator, first)
        yield from (at for at in predicted(known, line, generator, floats, lacking) if _told(known, at, lacking))


def _told(known: Known, place: Surface, lacking: Sequence[int]) -> bool:
    """Does a row that lacks the weights of these neurons below say anything there?"""
    return not any(known.acts(len(known.layers) - 2, j, place.pattern) for j in lacking)


def _bend(walker: Walker, known: Known, lacking: Sequence[int], start: Surface, goal: Surface) -> Bent | Surface | None:
    """Where the surface, followed towards a place where it was not found, bends as the row's own cannot.

    Returns:
        What bends it, or the piece of it that is not the row's, behind a known neuron.
    """
    surface = replace(start, pattern=walker.known.patterns([start.point])[0])
    for _ in range(WAY_STEPS):
        way = to_floats([goal.point])[0] - to_floats([surface.point])[0]
        event = walker.step(surface, way, max(float(np.linalg.norm(way)), 2.0**-20))
        if isinstance(event, Bent):
            return event
        if not isinstance(event, Crossed) or not _told(known, event.surface, lacking):
            return None
        surface = event.surface
        if not _is_a_rows(known, surface):
            return surface
    return None


def _is_a_rows(known: Known, surface: Surface) -> bool:
    """Is a piece of surface where a row of the last known layer has its own?"""
    layer = len(known.layers) - 1
    rows = known.affine(layer, surface.pattern).tolist()
    planes = [Hyperplane.through([fmpq(v) for v in entries]) for entries in rows if any(entries[:-1])]
    return any(plane.unsigned == surface.plane.unsigned for plane in planes)


def _line_near(witness: Point, generator: np.random.Generator, first: bool) -> tuple[Line, int, int]:
    """first: is it the first layer's? Far out, a row of it is told from deeper ones only in regions as far apart."""
    away = np.log2(np.linalg.norm(to_floats([witness])[0]) + 1.0)
    nearest, farthest = (away - 8, away + 2) if first and away > FAR_OUT else NEAR
    scale = 2.0 ** generator.uniform(nearest, farthest) * (1.0 if first else outlying(witness))
    ends = scale * generator.standard_normal((2, len(witness)))
    return line_between(displaced(witness, ends[0]), displaced(witness, ends[1]))


def predicted(
    known: Known,
    searched: tuple[Line, int, int],
    generator: np.random.Generator,
    floats: FloatLayers | None = None,
    lacking: Sequence[int] = (),
) -> list[Surface]:
    """One zero of the last known layer's only row on a line, if the line has any.

    Args:
        floats: of the known part; without them, they are made anew.
        lacking: neurons below, where one of which is on nothing is predicted.
    """
    line, low, high = searched
    if len(known.layers) == 1:
        return _between(known, line.point(low), line.point(high))
    floats = floats or FloatLayers(known)
    step = (high - low) // SAMPLES
    points = [line.point(low + step * i) for i in range(SAMPLES + 1)]
    values = floats.preactivations(to_floats(points))
    signs = values[-1][:, 0] > 0
    told = np.logical_and.reduce(values[-2][:, list(lacking)] <= 0, axis=1)
    changes = np.nonzero((signs[:-1] != signs[1:]) & told[:-1] & told[1:])[0]
    if not len(changes):
        return []
    chosen = int(changes[int(generator.integers(len(changes)))])
    bracket = _narrowed(known, floats, points[chosen], points[chosen + 1])
    return _between(known, *bracket)


def _between(known: Known, low: Point, high: Point) -> list[Surface]:
    """The row's zero between two points, if it has opposite signs there."""
    exact = [values[0] > 0 for values in known.preactivations([low, high])[-1]]
    surface = _refined(known, low, high, exact[0]) if exact[0] != exact[1] else None
    return [surface] if surface else []


def _narrowed(known: Known, floats: FloatLayers, low: Point, high: Point) -> tuple[Point, Point]:
    """A part of the segment in which floats see the row change its sign, and nothing below it change its state."""
    linear = np.array([row.linear for rows in known.layers[:-1] for row in rows], dtype=bool)
    for _ in range(SECTION_STEPS):
        points = [
            [a + ((b - a) * i >> SECTION_BITS) for a, b in zip(low, high, strict=True)]
            for i in range((1 << SECTION_BITS) + 1)
        ]
        values = floats.preactivations(to_floats(points))
        signs = values[-1][:, 0] > 0
        states = np.concatenate([np.zeros((len(points), 0)), *(z > 0 for z in values[:-1])], axis=1)
        changes = np.nonzero(signs[:-1] != signs[1:])[0]
        if not len(changes):
            return low, high
        first = int(changes[0])
        low, high = points[first], points[first + 1]
        if not np.any((states[first] != states[first + 1])[~linear]):
            break
    return low, high


def _refined(known: Known, low: Point, high: Point, low_positive: bool) -> Surface | None:
    """Halve until both ends lie in one region of the layers before, then intersect."""
    layer = len(known.layers) - 1
    for _ in range(HALVINGS):
        patterns = known.patterns([low, high])
        if patterns[0][:-1] == patterns[1][:-1]:
            entries = known.affine(layer, patterns[0]).tolist()[0]
            plane = Hyperplane(tuple(int(v) for v in entries[:-1]), int(entries[-1]))
            start, end = plane.value(low), plane.value(high)
            crossing = interpolated(low, high, fmpq(start, start - end))
            point = onto(crossing, [plane])
            return Surface(plane, point, (*patterns[0][:-1], ()), fmpq(1)) if point else None
        middle = [(a + b) >> 1 for a, b in zip(low, high, strict=True)]
        if (known.preactivations([middle])[-1][0][0] > 0) == low_positive:
            low = middle
        else:
            high = middle
    return None
