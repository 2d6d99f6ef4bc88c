"""Neurons that the search of their layer did not meet, found at last: where the copy and the oracle differ.

A neuron that is on in one place of ten thousand is not worth waiting for in its layer. Where it is off everything
behind it is found without it, so that at the end the copy is right but where the neuron is on. Climbing to unusual
places finds these, and looking costs one short query where following a candidate costs a hundred. On the way from a
place that fits to one that does not, the first critical point that the copy does not have is the neuron's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq

from precise.equations.partial_rows import PartialRow
from precise.layers.always_active import joined_with_linear
from precise.layers.differing import Copy, Seen, copy_of, first_change, spread, surprise
from precise.layers.first_place import first_places
from precise.layers.hidden_layer import Follow, LayerSearch, Patience
from precise.layers.insertion import appended, kept_off, rarely_on, turned_around
from precise.layers.on_side import completed_where_on
from precise.layers.output_layer import OutputRow, combined
from precise.layers.pieces import factors, joined
from precise.layers.postponed import Solved, on_together, solve_last, solve_postponed, vectors, with_rows, with_weights
from precise.layers.recognition import possible_layers, recognised
from precise.layers.surprise import nearest
from precise.regions.aim import random_points
from precise.regions.critical_points import CriticalPoint
from precise.regions.extremes import Extremes
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point, Probe
from precise.regions.walk import Surface, Walker
from precise.signatures.reach import Where
from precise.signs.exact import Sign

BATCH = 64  # points climbed to at once
CLOSELY = 12  # points where the copy is wrong that are looked at first, before others are looked for around them
CHOSEN_AFTER = 2  # calls that found nothing, before a combination of weights that nothing shows is chosen
FIRST_WITHIN = (4.0, 64.0, 1024.0)  # |x| of the slice in which it is computed where a weight would act first
BESIDE = 8  # random points that are looked at with these: a surprise is followed from where the copy is right
QUIET = 16  # such batches of either kind without a surprise, for every incomplete layer, before none is overlooked


@dataclass(frozen=True)
class Overlooked:
    """A neuron that was found, or of which more was found; it is in the known part now."""

    layer: int  # from 0
    neuron: int  # its number there, from 0
    outputs: tuple[OutputRow, ...]  # over the known part as it is now
    fresh: bool  # was nothing of it known before?
    side: Sign | None = None  # on which the row that was known acts, where that was open
    part_open: bool = False  # is a combination of its weights open that acts nowhere?


@dataclass(frozen=True)
class _Met:
    """A row that a search has met."""

    layer: int  # from 0
    row: Row
    lacking: Set[int]  # features whose weights it has not
    same: int | None  # the known neuron that it is a row of; None: a fresh one
    near: Sequence[Point]  # points by its surface


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
        room: Mapping[int, int],
        lacking: Mapping[Where, Set[int]],
        follow: Follow,
        random: Random,
        within: float = math.inf,
        begin: Vector | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            known: all hidden layers; changed in place when a neuron is found.
            incomplete: the layers, from 0 and in order, that lack neurons, weights of them, or perhaps either.
            room: for those of which the width is known, how many neurons they lack.
            lacking: neurons below whose weight a neuron lacks.
            within: |x| of the points at which it is looked whether the copy is wrong.
            begin: points, shape (points, inputs), at which it is looked first, however far out: the copy is wrong there
                as far as is known.
        """
        self._probe = probe
        self._known = known
        self._within = within
        self._begin = begin
        self._incomplete = tuple(incomplete)
        self._room = dict(room)
        self._follow = follow
        self._random = random
        self._generator = np.random.default_rng(random.getrandbits(64))
        self._parts: dict[int, list[PartialRow]] = {}  # by layer, of neurons that lack weights or are not found
        self.lacking = {where: frozenset(features) for where, features in lacking.items()}
        self._aimed_at: dict[tuple[int, int, int], frozenset[int]] = {}  # (layer, neuron, feature) of weights: what the
        # neuron lacked when they were aimed at
        self._aim: tuple[int, int, int] | None = None  # the weight that is aimed at
        self._in_vain: set[Where] = set()  # neurons that were solved again without a gain since the copy changed last
        self._calm = False  # did all unusual points fit, once?
        self._fresh = True  # has the copy changed since?
        self._fruitless = 0  # calls that found nothing since the copy changed last
        self.quiet = False  # was there no point at last where the copy is wrong?
        self.wrong: list[Point] = []  # where the copy was seen to be wrong since it changed last

    def next(self, outputs: Sequence[OutputRow]) -> Overlooked | None:
        """The next neuron; None when no point shows that one is missing, or no neuron of these layers explains them.

        Args:
            outputs: right wherever the missing neurons are off.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle.
        """
        probe, known, generator = self._probe, self._known, self._generator
        copy = copy_of(known, combined(outputs, probe.choice))
        begun = surprise(probe, copy, self._places_within())
        self.quiet = begun is None
        if begun is None:
            return None
        looked, pool = begun
        self.wrong += looked.surprising
        seen = Seen(copy, looked.fitting, looked.surprising)
        changes, turns = self._changes(copy, looked.surprising[:CLOSELY], looked.fitting)
        surfaces = self._surfaces(changes)
        found = self._recognised(surfaces, outputs) or self._resolved_at(turns, outputs, seen)
        if found is not None:
            return found
        turns = {}
        likely = {layer for surface in surfaces.values() for layer in self._possible(surface)}
        for layer in sorted(likely) or self._incomplete:
            below = Known(known.inputs, known.layers[:layer])
            more = spread(probe, copy, below, looked.surprising, pool, generator)
            fitting = looked.fitting + more.fitting
            changes, others = self._changes(copy, more.surprising, fitting)
            surfaces = self._surfaces(changes)
            for where, points in others.items():
                turns.setdefault(where, []).extend(points)
            found = self._recognised(surfaces, outputs)
            if found is None:
                own = [changes[n] for n, surface in surfaces.items() if layer in self._possible(surface)]
                found = self._among(own, layer, outputs, Seen(copy, fitting, more.surprising)) if own else None
            if found is not None:
                return found
        found = self._resolved_at(turns, outputs, seen)
        self._fruitless += found is None
        return found

    def _changes(
        self, copy: Copy, surprising: Sequence[Point], fitting: Sequence[Point]
    ) -> tuple[list[CriticalPoint], dict[Where, list[Point]]]:
        """Where the copy ceases to be right on the way to these points: at a known neuron's surface, or at none's."""
        surfaces: list[CriticalPoint] = []
        turns: dict[Where, list[Point]] = {}
        for point in surprising:
            first = first_change(self._probe, self._known, copy, nearest(fitting, point), point)
            if first is not None and first.known is None:
                surfaces.append(first.at)
            elif first is not None and first.known is not None:
                turns.setdefault(first.known, []).append(first.at.at)
        return surfaces, turns

    def _places_within(self) -> Iterator[Vector]:
        """The points to begin with, then those of `_places` that are not too far out, shape (points, inputs) each."""
        if self._begin is not None:
            begin, self._begin = self._begin, None
            yield np.concatenate([random_points(self._known, self._generator, BESIDE)[:BESIDE], begin])
        for points in self._places():
            near = points[np.abs(points).max(axis=1) <= self._within]
            if len(near):
                yield near

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
        self._fruitless = 0
        self._in_vain.clear()
        self.wrong.clear()
        if self._aim is not None:
            self._aimed_at.pop(self._aim, None)

    def _unusual(self) -> Iterator[Vector]:
        """Points where neurons of the incomplete layers may be on that hardly ever are, shape (points, inputs)."""
        below = [Known(self._known.inputs, self._known.layers[:layer]) for layer in self._incomplete]
        extremes = [Extremes(known, False, self._generator) if known.layers else None for known in below]
        for _ in range(QUIET):
            for known, drawn in zip(below, extremes, strict=True):
                if drawn is None:
                    yield random_points(known, self._generator, BATCH)
                else:
                    yield drawn.points(BATCH)
                    yield drawn.outermost(BATCH)

    def _aimed(self) -> Iterator[Vector]:
        """Points where a weight acts that is lacking, as far as its neurons are known.

        All weights are aimed at once, then those again whose neurons lack fewer since: others need not be off any more.
        """
        for again in (False, True):
            for (layer, number), features in sorted(self.lacking.items()):
                row = self._known.layers[layer][number].without(list(features))
                for feature in sorted(features):
                    weight = layer, number, feature
                    before = self._aimed_at.get(weight)
                    if before == features or (before is not None) != again:
                        continue
                    self._aimed_at[weight] = features
                    for points in self._acting(layer, number, feature, row):
                        if len(points):
                            self._aim = weight
                            yield points
                    self._aim = None

    def _acting(self, layer: int, number: int, feature: int, row: Row) -> Iterator[Vector]:
        """Points climbed to where a weight acts on a row; then where it would act first, and some other points."""
        yield on_together(self._known, layer - 1, feature, row, self._generator)
        found = [first_places(self._known, layer, number, feature, self.lacking, size) for size in FIRST_WITHIN]
        places = np.concatenate(found)
        others = random_points(self._known, self._generator, BESIDE)[:BESIDE]
        yield np.concatenate([places, others]) if len(places) else places

    def _surfaces(self, changes: Sequence[CriticalPoint]) -> dict[int, Surface]:
        """The surfaces at these critical points, by their numbers: 2 queries each."""
        walker = Walker(self._probe, self._known)
        found = {n: walker.surface(at.before, at.at, at.after) for n, at in enumerate(changes)}
        return {n: surface for n, surface in found.items() if surface is not None}

    def _possible(self, surface: Surface) -> list[int]:
        """The incomplete layers that a surface may belong to."""
        return possible_layers(self._known, surface, self._incomplete)

    def _recognised(self, surfaces: Mapping[int, Surface], outputs: Sequence[OutputRow]) -> Overlooked | None:
        """Give a row the weights that it lacks if one of these surfaces is its own."""
        for surface in surfaces.values():
            for (layer, number), lacking in sorted(self.lacking.items()):
                told = recognised(self._known, surface, layer, self._known.layers[layer][number], lacking)
                if told:
                    near = [other.point for other in surfaces.values()]
                    return Overlooked(layer, number, self._given(layer, number, told, outputs, near), False)
        return None

    def _given(
        self, layer: int, number: int, told: Mapping[int, fmpq], outputs: Sequence[OutputRow], near: Sequence[Point]
    ) -> tuple[OutputRow, ...]:
        """Put weights of a neuron that are known now into its row, and solve what was not told without them."""
        rows = vectors(self._known, outputs, layer)
        for feature, weight in told.items():
            rows[number][feature] = weight
        outputs = with_rows(self._known, outputs, layer, rows)
        self.lacking[layer, number] -= set(told)
        self._progressed()
        return self._told_again([(layer, number), *((layer - 1, feature) for feature in sorted(told))], outputs, near)

    def _resolved_at(
        self, turns: Mapping[Where, Sequence[Point]], outputs: Sequence[OutputRow], seen: Seen
    ) -> Overlooked | None:
        for (layer, neuron), points in turns.items():
            for where in ((layer, n) for n in self._known.crossing(layer, neuron)):
                found = self._resolved(where, points, outputs, seen) if where not in self._in_vain else None
                if found is not None:
                    return found
                self._in_vain.add(where)
        return None

    def _resolved(
        self, where: Where, points: Sequence[Point], outputs: Sequence[OutputRow], seen: Seen
    ) -> Overlooked | None:
        """Solve what the next layer makes of a neuron once more, with places where the copy was wrong behind it."""
        if where[0] + 1 == len(self._known.layers):
            return self._weighed(where[1], points, outputs, seen)
        unseen, before = self._lack_it(*where), list(self._known.layers)
        if not unseen:
            return None
        solved = self._solved_again(*where, unseen, outputs, points)
        fewer = len(solved.unseen) < len(unseen)  # if not, rows are perhaps kept off now that were on
        if not fewer and not seen.better(copy_of(self._known, combined(solved.outputs, self._probe.choice))):
            self._known.layers[:] = before
            self._known.changed()
            return None
        self._lacks(where[0] + 1, where[1], solved.unseen)
        self._progressed()
        return Overlooked(*where, solved.outputs, False)

    def _weighed(
        self, neuron: int, points: Sequence[Point], outputs: Sequence[OutputRow], seen: Seen
    ) -> Overlooked | None:
        """Solve what the outputs make of a neuron that was not seen to act, on the side on which it does."""
        known, last = self._known, len(self._known.layers) - 1
        before, row = known.layers[last], known.layers[last][neuron]
        both = known.crossing(last, neuron)
        if any(output.weights[n] for output in outputs for n in both):
            return None
        silent = Row((0,) * len(row.plus), (0,) * len(row.minus), 0)
        lacking = self.lacking.get((last, neuron), frozenset())
        off = kept_off(row, lacking)
        for side, tried in ((Sign.POSITIVE, off), (Sign.NEGATIVE, turned_around(off, lacking))):
            known.layers[last] = [
                tried if n == neuron else silent if n in both else other for n, other in enumerate(before)
            ]
            known.changed()
            solved = solve_last(self._probe, known, outputs, neuron, self._random, points)
            if solved is not None and seen.better(copy_of(known, combined(solved, self._probe.choice))):
                self._progressed()
                return Overlooked(last, neuron, solved, False, side)
        known.layers[last] = before
        known.changed()
        return None

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
        self, surfaces: Sequence[CriticalPoint], layer: int, outputs: Sequence[OutputRow], seen: Seen
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
            parts=self._parts.get(layer, ()),
        )
        points, tried, left = iter(surfaces), set[Row](), True
        near = [surface.at for surface in surfaces]
        while left:
            left = search.among(points)
            self._parts[layer] = search.parts
            for number, row in enumerate(search.result.rows[had:], had):
                if row in tried:
                    continue
                tried.add(row)
                lacking = frozenset(search.result.lacking_of(number))
                met = _Met(layer, row, lacking, self._same(layer, row, lacking), near)
                if met.same is None and self._room.get(layer, 1) <= 0:
                    continue
                taken = self._mending(met, outputs, seen)
                if taken is not None:
                    self._parts[layer] = [*search.parts, *search.result.parts.get(number, ())]
                    return Overlooked(layer, *taken, met.same is None)
        return self._told_where_on(search, layer, outputs, seen, near)

    def _told_where_on(
        self, search: LayerSearch, layer: int, outputs: Sequence[OutputRow], seen: Seen, near: Sequence[Point]
    ) -> Overlooked | None:
        """Take a row of which a combination of weights acts nowhere on its surface, but where the neuron is on."""
        known = self._known
        for wanted in search.open_rows() if self._room.get(layer, 1) > 0 else ():
            scalar = combined(outputs, self._probe.choice)
            row, told = completed_where_on(self._probe, known, scalar, layer, wanted, seen)
            if row is None or not (told or self._fruitless >= CHOSEN_AFTER):
                continue
            taken = self._mending(_Met(layer, row, frozenset(), None, near), outputs, seen)
            if taken is not None:
                return Overlooked(layer, *taken, True, part_open=not told)
        return None

    def _mending(self, met: _Met, outputs: Sequence[OutputRow], seen: Seen) -> tuple[int, tuple[OutputRow, ...]] | None:
        """Put a row into the known part if that mends the copy; its number and the outputs then."""
        known = self._known
        before, kept = list(known.layers), (self._parts, self.lacking)
        taken = self._taken(met, outputs)
        if taken is not None and seen.better(copy_of(known, combined(taken[1], self._probe.choice))):
            self._progressed()
            if met.same is None and met.layer in self._room:
                self._room[met.layer] -= 1
            return taken
        known.layers[:] = before
        known.changed()
        self._parts, self.lacking = kept
        return None

    def _taken(self, met: _Met, outputs: Sequence[OutputRow]) -> tuple[int, tuple[OutputRow, ...]] | None:
        """Put a row into the known part; its number and the outputs then, unless nothing shows what feeds on it."""
        layer, lacking = met.layer, met.lacking
        self._parts = {at: parts for at, parts in self._parts.items() if at <= layer}
        self.lacking = dict(self.lacking)
        if met.same is not None:
            return met.same, self._completed(met, met.same, outputs)
        likely = rarely_on(self._known, layer, met.row, lacking, self._random)
        for tried in (likely, turned_around(likely, lacking)):
            solved = appended(self._probe, self._known, outputs, layer, tried, self._random, met.near)
            if solved is not None:
                joined = joined_with_linear(self._known, solved.outputs, layer, lacking, set(solved.unseen))
                if joined is not None:
                    return joined
                neuron = len(self._known.layers[layer]) - 1
                self.lacking[layer, neuron] = frozenset(lacking)
                self._lacks(layer + 1, neuron, solved.unseen)
                return neuron, solved.outputs
        return None

    def _completed(self, met: _Met, number: int, outputs: Sequence[OutputRow]) -> tuple[OutputRow, ...]:
        """Give a neuron the weights that this row of it tells, and solve what was not told without them."""
        known, layer, lacking = self._known, met.layer, met.lacking
        absent, other = self.lacking[layer, number], known.layers[layer][number]
        whole, scale = joined(met.row, lacking, other, absent)
        known.layers[layer] = [whole if n == number else r for n, r in enumerate(known.layers[layer])]
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
        return self._told_again(
            [(layer, number), *((layer - 1, feature) for feature in sorted(absent - lacking))], outputs, met.near
        )

    def _told_again(
        self, neurons: Sequence[Where], outputs: Sequence[OutputRow], near: Sequence[Point]
    ) -> tuple[OutputRow, ...]:
        """Solve what lacks the weights of these: it was perhaps told together with what was lacking of the first.

        Args:
            near: points by the first one's surface.
        """
        for layer, neuron in neurons:
            if unseen := self._lack_it(layer, neuron):
                solved = self._solved_again(layer, neuron, unseen, outputs, near if layer == neurons[0][0] else ())
                self._lacks(layer + 1, neuron, solved.unseen)
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
                if factors(a, b) is not None:
                    return number
        return None
