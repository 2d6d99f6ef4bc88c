"""Neurons that the search of their layer did not meet, found at last: where the copy and the oracle differ.

A neuron that is on in one place of ten thousand is not worth waiting for in its layer. Where it is off everything
behind it is found without it, so that at the end the copy is right but where the neuron is on. Climbing to unusual
places finds these, and looking costs one short query where following a candidate costs a hundred. On the way from a
place that fits to one that does not, the first critical point that the copy does not have is the neuron's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TypeVar

import numpy as np
from flint import fmpq, fmpz_mat

from precise.arithmetic import common_denominator, primitive
from precise.equations.partial_rows import PartialRow
from precise.layers.hidden_layer import Follow, LayerSearch, Patience
from precise.layers.output_layer import OutputRow, combined
from precise.layers.postponed import Solved, on_together, solve_last, solve_postponed, with_weights
from precise.layers.surprise import Looked, look, nearest, predicted, short
from precise.regions.aim import line_between, random_points
from precise.regions.climb import steps
from precise.regions.critical_points import CriticalPoint, critical_points
from precise.regions.extremes import Extremes
from precise.regions.float_layers import FloatLayers, to_floats
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import Point, Probe

BATCH = 64  # points climbed to at once
QUIET = 16  # such batches without a surprise, for every incomplete layer, before nothing counts as overlooked
SPREAD = 16  # points that wander from the surprising ones to others
ROUNDS = 32  # of wandering, one query a point
TRIED = 32  # steps of which one is taken that goes, in float64, towards where a further neuron is on
NARROWED = 12  # halvings of the way from a fitting to a surprising point
SHARED = 3  # entries in which two rows agree before they are one neuron's
FEWER = 8  # as many places have to be mended for one that is no longer right
SHARE_POINTS = 4096  # random points that tell on which side a neuron hardly ever is


T = TypeVar("T")
Where = tuple[int, int]  # (layer, neuron), from 0
Copy = Callable[[Sequence[Point]], list[fmpq]]  # what the probe would answer if nothing were missing


@dataclass(frozen=True)
class Overlooked:
    """A neuron that was found, or of which more was found; it is in the known part now."""

    layer: int  # from 0
    neuron: int  # its number there, from 0
    outputs: tuple[OutputRow, ...]  # over the known part as it is now
    fresh: bool  # was nothing of it known before?


class LastSearch:
    """Finds overlooked neurons, one after the other, and puts them into the known part.

    One that is on in several places apart is found in one of them first, and taken without the weights that do not act
    there. What shows it in another one completes it.
    """

    def __init__(
        self,
        probe: Probe,
        known: Known,
        incomplete: Sequence[int],
        lacking: Mapping[Where, Set[int]],
        follow: Follow,
        random: Random,
    ) -> None:
        """Nothing is asked yet.

        Args:
            known: all hidden layers; changed in place when a neuron is found.
            incomplete: the layers, from 0 and in order, that may lack neurons.
            lacking: neurons below whose weight a neuron lacks.
        """
        self._probe = probe
        self._known = known
        self._incomplete = tuple(incomplete)
        self._follow = follow
        self._random = random
        self._generator = np.random.default_rng(random.getrandbits(64))
        self._parts: dict[Where, list[PartialRow]] = {}  # of neurons that lack weights
        self.lacking = {where: frozenset(features) for where, features in lacking.items()}
        self._aimed_at: set[tuple[int, int, int]] = set()  # (layer, neuron, feature) of weights that were aimed at
        self._aim: tuple[int, int, int] | None = None  # the weight that is aimed at
        self._calm = False  # did all unusual points fit, once?
        self._fresh = True  # has the copy changed since?
        self.quiet = False  # was there no point at last where the copy is wrong?

    def next(self, outputs: Sequence[OutputRow]) -> Overlooked | None:
        """The next neuron; None when no point shows that one is missing, or no neuron of these layers explains them.

        Args:
            outputs: right wherever the missing neurons are off.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle.
        """
        probe, known, generator = self._probe, self._known, self._generator
        copy = _copy(known, combined(outputs, probe.choice))
        begun = _surprise(probe, copy, self._places())
        self.quiet = begun is None
        if begun is None:
            return None
        looked, pool = begun
        turns: dict[Where, list[Point]] = {}
        for layer in self._incomplete:
            below = Known(known.inputs, known.layers[:layer])
            more = _spread(probe, copy, below, looked.surprising, pool, generator)
            fitting = looked.fitting + more.fitting
            surfaces: list[CriticalPoint] = []
            for point in more.surprising:
                first = _first(probe, known, copy, nearest(fitting, point), point)
                if first is None:
                    continue
                if first.known is None:
                    surfaces.append(first.at)
                else:
                    turns.setdefault(first.known, []).append(first.at.at)
            found = self._among(surfaces, layer, outputs, _Seen(copy, fitting, more.surprising))
            if found is not None:
                return found
        return next(filter(None, (self._resolved(*turn, outputs) for turn in turns.items())), None)

    def _places(self) -> Iterator[Vector]:
        """Points where the copy may be wrong, the most telling ones first, shape (points, inputs) each."""
        self._aim = None
        if not self._calm:
            yield from self._unusual()
        self._fresh = self._fresh and self._calm
        self._calm = True
        yield from self._aimed()
        if self._fresh:
            yield from self._unusual()

    def _progressed(self) -> None:
        """The copy has changed: what was aimed at may show more."""
        self._fresh = True
        if self._aim is not None:
            self._aimed_at.discard(self._aim)

    def _unusual(self) -> Iterator[Vector]:
        """Points where neurons of the incomplete layers may be on that hardly ever are, shape (points, inputs)."""
        below = [Known(self._known.inputs, self._known.layers[:layer]) for layer in self._incomplete]
        extremes = [Extremes(known, False, self._generator) if known.layers else None for known in below]
        for _ in range(QUIET):
            for known, drawn in zip(below, extremes, strict=True):
                yield drawn.points(BATCH) if drawn else random_points(known, self._generator, BATCH)

    def _aimed(self) -> Iterator[Vector]:
        """Points where a weight acts that is lacking, as far as its neurons are known."""
        for (layer, number), features in sorted(self.lacking.items()):
            row = self._known.layers[layer][number].without(list(features))
            for feature in sorted(features):
                weight = layer, number, feature
                if weight in self._aimed_at:
                    continue
                self._aimed_at.add(weight)
                points = on_together(self._known, layer - 1, feature, row, self._generator)
                if len(points):
                    self._aim = weight
                    yield points
                self._aim = None

    def _resolved(self, where: Where, points: Sequence[Point], outputs: Sequence[OutputRow]) -> Overlooked | None:
        """Solve what the next layer makes of a neuron once more, with places where the copy was wrong behind it."""
        unseen, before = self._lack_it(*where), list(self._known.layers)
        if not unseen:
            return None
        solved = self._solved_again(*where, unseen, outputs, points)
        if len(solved.unseen) >= len(unseen):
            self._known.layers[:] = before
            self._known.changed()
            return None
        self._lacks(where[0] + 1, where[1], solved.unseen)
        self._progressed()
        return Overlooked(*where, solved.outputs, False)

    def _solved_again(
        self, layer: int, neuron: int, unseen: Set[int], outputs: Sequence[OutputRow], points: Sequence[Point]
    ) -> Solved:
        """Solve the weights of a neuron that these neurons of the next layer lack."""
        known = self._known
        known.layers[layer + 1] = [
            row.without([neuron]) if i in unseen else row for i, row in enumerate(known.layers[layer + 1])
        ]
        known.changed()
        return solve_postponed(self._probe, known, outputs, layer, neuron, self._random, points)

    def _lack_it(self, layer: int, neuron: int) -> set[int]:
        """The neurons of the next layer that lack the weight of a neuron."""
        return {i for (at, i), features in self.lacking.items() if at == layer + 1 and neuron in features}

    def _among(
        self, surfaces: Sequence[CriticalPoint], layer: int, outputs: Sequence[OutputRow], seen: _Seen
    ) -> Overlooked | None:
        known, had = self._known, len(self._known.layers[layer])
        search = LayerSearch(
            self._probe,
            Known(known.inputs, [list(rows) for rows in known.layers[:layer]]),
            None,
            0,
            frozenset(),
            self._follow,
            self._random.getrandbits(64),
            Patience(),
            lambda *_: None,
            last=layer == len(known.layers) - 1,
            whole=not any(lower < layer for lower in self._incomplete),
            found=known.layers[layer],
            parts=[part for (at, _), parts in self._parts.items() if at == layer for part in parts],
        )
        search.among(surfaces)
        for number, row in enumerate(search.result.rows[had:], had):
            lacking = frozenset(feature for n, feature in search.result.lacking if n == number)
            same = self._same(layer, row, lacking)
            before, kept = list(known.layers), (self._parts, self.lacking)
            solved = self._taken(layer, row, lacking, same, outputs, [surface.at for surface in surfaces])
            if solved is not None and seen.better(_copy(known, combined(solved, self._probe.choice))):
                neuron = len(known.layers[layer]) - 1 if same is None else same
                self._progressed()
                self._parts[layer, neuron] = search.result.parts.get(number, [])
                return Overlooked(layer, neuron, solved, same is None)
            known.layers[:] = before
            known.changed()
            self._parts, self.lacking = kept
        return None

    def _taken(
        self,
        layer: int,
        row: Row,
        lacking: Set[int],
        same: int | None,
        outputs: Sequence[OutputRow],
        near: Sequence[Point],
    ) -> tuple[OutputRow, ...] | None:
        """Put a row into the known part; the outputs then, unless nothing shows what feeds on it."""
        self._parts = {where: parts for where, parts in self._parts.items() if where[0] <= layer}
        self.lacking = dict(self.lacking)
        if same is not None:
            return self._completed(layer, same, row, lacking, outputs, near)
        likely = _rarely_on(self._known, layer, row, lacking, self._random)
        for tried in (likely, _turned_around(likely, lacking)):
            solved = _appended(self._probe, self._known, outputs, layer, tried, self._random, near)
            if solved is not None:
                neuron = len(self._known.layers[layer]) - 1
                self.lacking[layer, neuron] = frozenset(lacking)
                self._lacks(layer + 1, neuron, solved.unseen)
                return solved.outputs
        return None

    def _completed(
        self,
        layer: int,
        number: int,
        row: Row,
        lacking: Set[int],
        outputs: Sequence[OutputRow],
        near: Sequence[Point],
    ) -> tuple[OutputRow, ...]:
        """Give a neuron the weights that this row of it tells, and solve what was not told without them."""
        known, absent, other = self._known, self.lacking[layer, number], self._known.layers[layer][number]
        joined, scale = _joined(row, lacking, other, absent)
        known.layers[layer] = [joined if n == number else r for n, r in enumerate(known.layers[layer])]
        known.changed()
        self.lacking[layer, number] = absent & lacking
        if layer + 1 == len(known.layers):
            shares = [list(output.weights) for output in outputs]
            for weights in shares:
                weights[number] /= scale
            outputs = tuple(OutputRow(tuple(w), o.bias) for w, o in zip(shares, outputs, strict=True))
        else:
            column = [row.plus[number] / scale for row in known.layers[layer + 1]]
            outputs = with_weights(known, outputs, layer + 1, number, column)
        others = [(layer, number), *((layer - 1, feature) for feature in sorted(absent - lacking))]
        for below, neuron in others:  # what is lacking there was perhaps told together with what was lacking here
            if unseen := self._lack_it(below, neuron):
                solved = self._solved_again(below, neuron, unseen, outputs, near if below == layer else ())
                self._lacks(below + 1, neuron, solved.unseen)
                outputs = solved.outputs
        return tuple(outputs)

    def _lacks(self, layer: int, feature: int, neurons: Sequence[int]) -> None:
        """These neurons of a layer, and no others, lack the weight of this one below."""
        for number in range(len(self._known.layers[layer]) if layer < len(self._known.layers) else 0):
            others = self.lacking.get((layer, number), frozenset()) - {feature}
            self.lacking[layer, number] = others | {feature} if number in neurons else others

    def _same(self, layer: int, row: Row, lacking: Set[int]) -> int | None:
        """The neuron of which some weights were lacking that a row has, up to its scale and what either lacks."""
        for number, other in enumerate(self._known.layers[layer]):
            absent = self.lacking.get((layer, number), frozenset())
            if absent:
                a, b = (each.without([*absent, *lacking]) for each in (row, other))
                if _factors(a, b) is not None:
                    return number
        return None


def _joined(row: Row, lacking: Set[int], other: Row, absent: Set[int]) -> tuple[Row, fmpq]:
    """A row of a neuron with weights that it lacks from another one of it, on whose side it is; its factor over that.

    Args:
        absent: what the other row lacks; of what both lack it has what the other one has instead.
    """
    factors = _factors(row.without([*absent, *lacking]), other.without([*absent, *lacking]))
    assert factors is not None
    weights = [
        w * factors[1] if j in lacking else v * factors[0]
        for j, (v, w) in enumerate(zip(row.plus, other.plus, strict=True))
    ]
    whole = [int(v.p) for v in primitive([*map(fmpq, weights), fmpq(row.bias * factors[0])])]
    joined = replace(row, plus=tuple(whole[:-1]), bias=whole[-1])
    shared = next(j for j, w in enumerate([*other.plus, other.bias]) if w and j not in absent)
    scale = fmpq(whole[shared], [*other.plus, other.bias][shared])
    return (joined, scale) if scale > 0 else (joined.negated(), -scale)


class _Seen:
    """What a copy was right and wrong about."""

    def __init__(self, copy: Copy, fitting: Sequence[Point], surprising: Sequence[Point]) -> None:
        self._fitting, self._surprising = fitting, surprising
        self._right, self._wrong = copy(fitting), copy(surprising)

    def better(self, other: Copy) -> bool:
        """Is another copy right wherever this one was, and not as this one where it was wrong, but for few places?"""
        broken = sum(a != b for a, b in zip(other(self._fitting), self._right, strict=True))
        mended = sum(a != b for a, b in zip(other(self._surprising), self._wrong, strict=True))
        return mended > 0 and broken * FEWER <= mended


def _factors(a: Row, b: Row) -> tuple[int, int] | None:
    """By which two rows are to be multiplied to be one, if there are such and the rows are not 0 in two places."""
    pairs = list(zip([*a.plus, a.bias], [*b.plus, b.bias], strict=True))
    lead = next((pair for pair in pairs if pair[0]), None)
    if lead is None or not lead[1] or sum(bool(v) for v, _ in pairs) < SHARED:
        return None
    return (lead[1], lead[0]) if all(v * lead[1] == w * lead[0] for v, w in pairs) else None


def _copy(known: Known, scalar: OutputRow) -> Copy:
    scale = common_denominator([*scalar.weights, scalar.bias])
    column = fmpz_mat([[int((v * scale).p)] for v in (*scalar.weights, scalar.bias)])
    return partial(predicted, known, column, int(scale))


def _surprise(probe: Probe, copy: Copy, draws: Iterable[Vector]) -> tuple[Looked, Vector] | None:
    """Points with the first surprises and all fitting ones before, and those drawn last; None when there are none."""
    fitting: list[Point] = []
    for points in draws:
        seen = look(probe, points, copy)
        fitting += seen.fitting
        if seen.surprising and fitting:
            return Looked(fitting, seen.surprising), points
    return None


def _spread(
    probe: Probe, copy: Copy, known: Known, surprising: Sequence[Point], pool: Vector, generator: np.random.Generator
) -> Looked:
    """Surprising points at which as many neurons below as can be are on, and points near them that fit.

    Args:
        known: the layers below the neuron's.
        surprising: where it begins.
        pool: points whose differences are the directions of the steps.
    """
    floats = FloatLayers(known) if known.layers else None

    def features(points: Vector) -> Vector:
        return floats.preactivations(points)[-1] if floats else points

    points = to_floats(surprising)[generator.integers(len(surprising), size=SPREAD)]
    sizes = np.median(np.abs(features(pool)), axis=0)
    seen, fitting, kept = np.zeros(len(sizes), dtype=bool), list[Point](), [points]
    for _ in range(ROUNDS):
        wanted = np.flatnonzero(~seen) if not seen.all() else np.arange(len(sizes))
        goals = generator.choice(wanted, size=SPREAD)
        tried = points[:, None] + steps(points, pool, generator, TRIED)
        values = features(tried.reshape(-1, tried.shape[2])).reshape(*tried.shape[:2], -1)
        rows = np.arange(SPREAD)
        start = features(points)[rows, goals]
        better = values[rows, :, goals] > start[:, None]
        best = (better * generator.random(better.shape)).argmax(axis=1)
        ahead = tried[rows, best]
        looked = look(probe, ahead, copy)
        fitting += looked.fitting
        surprises = {tuple(point) for point in looked.surprising}
        moved = np.array([tuple(short(point)) in surprises for point in ahead])
        points = np.where(moved[:, None], ahead, points)
        on = (values[rows, best] > 0) & moved[:, None]
        news = on & ~seen
        kept += [points[news.any(axis=1)]]
        seen |= on.any(axis=0)
    found = {tuple(short(point)) for point in np.concatenate([*kept, points])}
    return Looked(fitting, [list(point) for point in sorted(found)])


@dataclass(frozen=True)
class _Change:
    """Where the copy ceases to be right."""

    at: CriticalPoint
    known: Where | None  # the known neuron that changes its state there, if one does


def _first(probe: Probe, known: Known, copy: Copy, fitting: Point, surprising: Point) -> _Change | None:
    """The first critical point on the way that the copy does not have, else the first one that it has, if seen."""
    low, high = fitting, surprising
    for _ in range(NARROWED):
        middle = [(a + b) >> 1 for a, b in zip(low, high, strict=True)]
        fits = [piece.value for piece in probe.pieces([middle], [])] == copy([middle])
        low, high = (middle, high) if fits else (low, middle)
    found = critical_points(probe, *line_between(low, high))
    if not found:
        return None
    patterns = known.patterns([side for point in found for side in (point.before, point.after)])
    turned = [_changed(*patterns[2 * n : 2 * n + 2]) for n in range(len(found))]
    fresh = [_Change(point, None) for point, where in zip(found, turned, strict=True) if where is None]
    return fresh[0] if fresh else _Change(found[0], turned[0])


def _changed(before: Pattern, after: Pattern) -> Where | None:
    """The first neuron that has another state after."""
    pairs = enumerate(zip(before, after, strict=True))
    changes = ((layer, j) for layer, (a, b) in pairs for j, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    return next(changes, None)


def _appended(
    probe: Probe,
    known: Known,
    outputs: Sequence[OutputRow],
    layer: int,
    row: Row,
    random: Random,
    near: Sequence[Point],
) -> Solved | None:
    """Put a neuron into the known part, and solve what the next layer makes of it; None if nothing shows that.

    Args:
        near: points, some of which are by its surface.
    """
    before, neuron = list(known.layers), len(known.layers[layer])
    known.layers[layer] = [*known.layers[layer], row]
    if layer + 1 < len(known.layers):
        known.layers[layer + 1] = [replace(r, plus=(*r.plus, 0), minus=(*r.minus, 0)) for r in known.layers[layer + 1]]
        known.changed()
        solved = solve_postponed(probe, known, outputs, layer, neuron, random, near)
        if len(solved.unseen) < len(known.layers[layer + 1]):
            return solved
    else:
        known.changed()
        wider = [OutputRow((*output.weights, fmpq(0)), output.bias) for output in outputs]
        last = solve_last(probe, known, wider, neuron, random, near)
        if last is not None:
            return Solved(last, ())
    known.layers[:] = before
    known.changed()
    return None


def _rarely_on(known: Known, layer: int, row: Row, lacking: Set[int], random: Random) -> Row:
    """The row with the side called positive on which random points hardly ever are; what it lacks keeps it off."""
    generator = np.random.default_rng(random.getrandbits(64))
    bare = row.without(list(lacking))
    floats = FloatLayers(Known(known.inputs, [*known.layers[:layer], [bare]]))
    values = floats.preactivations(random_points(known, generator, SHARE_POINTS))
    usual = values[-1][:, 0]
    if lacking:
        apart = (values[-2][:, list(lacking)] <= 0).all(axis=1)
        usual = usual[apart] if apart.any() else usual
    chosen = bare.negated() if (usual > 0).mean() > 1 / 2 else bare
    large = max(abs(w) for w in (*row.plus, row.bias))  # as what is lacking was taken to be
    return replace(chosen, plus=tuple(-large if j in lacking else w for j, w in enumerate(chosen.plus)))


def _turned_around(row: Row, lacking: Set[int]) -> Row:
    """The row with its other side called positive; what it lacks keeps it off all the same."""
    return replace(row.negated(), plus=tuple(w if j in lacking else -w for j, w in enumerate(row.plus)))
