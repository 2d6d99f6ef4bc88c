"""All rows of one hidden layer, and with them the signs of the layer below.

Candidates are critical points on random lines that no known neuron explains. Some are followed at a time, by as many
workers as there are. Their outcomes are merged in the order in which they were begun, and how many are ahead of the
merging depends on what was merged alone, so that the result does not depend on the number of workers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from time import perf_counter

import numpy as np
from flint import fmpq

from precise.arithmetic import primitive
from precise.equations.open_row import OpenRow, open_row
from precise.equations.partial_rows import Equations, PartialRow, PartialRows, all_but
from precise.equations.superfluous import superfluous
from precise.errors import OracleError
from precise.layers.candidate import CONFIRMATIONS, Assembled, Candidate, Outcome, Task, Unfinished
from precise.layers.layer_result import LayerResult, RowRecord
from precise.layers.lines import CandidateLines, SearchedLine
from precise.layers.pieces import factors, joined
from precise.layers.unseen_sides import unseen_sides, with_sides
from precise.regions.critical_points import CriticalPoint
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point, Probe
from precise.regions.seldom import seldom_sides, shares_on
from precise.signatures.completion import MOST_CLOSED, completable, nearly_whole
from precise.signatures.shares import behind, independent, parallel, spurious
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign

AHEAD = 4  # candidates under way, at least: fewer keep workers waiting, more are followed to neurons found meanwhile
SHARE = 8  # and as many as this part of the neurons that are missing
RECHECKED_AT = 48  # and again when the layer stands: a surface of a deeper layer may differ at few places only
RECHECKS = 3  # searches that follow one in which a row was dropped

PATIENT = 96  # candidates without a row, at least, before a layer is left to what is found at the end
RARER = 6  # and so many times the most that one of its rows has taken
LATER = 8192  # queries without a row after which those that the last layer lacks are found at less cost at the end
FIRST_DOUBT = 16  # candidates without a row before points are asked again, then twice as many and so on
FEW = 2  # weights that nothing shows, in a row that is taken without them
WITHOUT_WHEN_DRY = 32  # candidates without a row before rows are taken without weights that nothing shows
DRY = 16  # candidates in a row without a new neuron, after which lines are also sparse ones


@dataclass(frozen=True)
class Patience:
    """When a layer counts as having no further neuron that can be found."""

    candidates: int = 400  # followed in a row without a new one
    lines: int = 60  # searched in a row without any candidate
    later: int | None = None  # candidates once a first neuron was found, where these are others
    least: int = PATIENT  # candidates, where those above are not fewer: a missing neuron costs in all layers behind


BEYOND = Patience(candidates=24, lines=8, least=24)  # when all places are taken, perhaps by neurons of later layers

# Outcomes in the order of the tasks, each taken when fewer than so many are ahead; None: none before the next outcome.
Follow = Callable[[Iterable[Task | None], Callable[[], int]], Iterator[Outcome]]


class LayerSearch:
    """Finds the rows of the first unknown layer and appends them to the known part."""

    def __init__(
        self,
        probe: Probe,
        known: Known,
        width: int | None,
        missing: int,
        lacking: frozenset[tuple[int, int]],
        follow: Follow,
        seed: int,
        patience: Patience,
        progress: Callable[[int, int], None],
        last: bool = False,
        ignored: int = 0,
        ignored_lacking: Set[tuple[int, int]] = frozenset(),
        avoided: Set[tuple[int, int]] = frozenset(),
        whole: bool = True,
        supposed: bool = False,
        found: Sequence[Row] | None = None,
        parts: Sequence[PartialRow] = (),
        more: int = 0,
    ) -> None:
        """For one layer.

        Args:
            missing, lacking, ignored, ignored_lacking: what was not found of the layer below; see LayerBelow.
            avoided: (layer, neuron) whose weights are postponed; where one is on, the known part is not right.
            whole: is everything below known?
            supposed: is what is not known there taken to be without effect?
            found: rows of an earlier search, once the signs of the layer below are known; of further ones the caller
                sees whether they are the layer's.
            parts: of rows that are not among them as they are.
            more: rows beyond its width that are taken, as neurons of later layers may pass for this one's.
        """
        self._last = self._thrifty = last
        self._avoided = set(avoided)
        self._seldom: tuple[bool, dict[int, bool]] | None = None  # see `_rare`, with separate sides or without
        self.postponed: list[int] = []  # neurons below whose weights are taken as 0 for now
        self._anew = DRY  # candidates without a row before open parts are searched for anew, then twice as many
        self._whole = whole
        self._supposed = supposed
        self._evident = found is not None
        self._empty = 0  # lines in a row without a candidate
        self._probe = probe
        self._known = known
        self._width = sys.maxsize if width is None else width
        self._room = self._width  # rows that are taken
        self._more = more
        self._follow = follow
        self._random = Random(seed)
        self._generator = np.random.default_rng(self._random.getrandbits(64))
        self._patience = patience
        self._progress = progress
        self._since = 0
        self._spent = 0  # queries when the latest row was found
        self._doubt = FIRST_DOUBT
        self._given: list[SearchedLine] | None = None  # lines to search, and no others
        self.result = LayerResult(list(found or []))
        below = -1 if found is not None else len(known.layers) - 1  # of the inputs no sign is open
        own = Random(self._random.getrandbits(64))
        self.below = LayerBelow(known, below, missing, own, lacking, ignored, ignored_lacking)
        known.layers.append(self.result.rows)
        may_be_last = last or width is None
        self._lines = CandidateLines(
            probe, known, self.result, self.below, self._random, self._generator, may_be_last, self._avoided
        )
        self._partial = self._no_parts()
        for part in parts:
            self._partial.add(part)
        self._attempted: set[Equations] = set()
        self._waiting: list[CriticalPoint] = []  # candidates of lines
        self._suggested: list[Candidate] = []  # by the walks so far
        self._fresh = True  # may there be further suggestions?
        self._under_way = 0  # candidates whose outcomes are not merged
        self._due = False  # can signs be decided, once the outcomes of what is under way are there?
        self._refuted: list[Row] = []  # surfaces of deeper layers that passed for rows of this one
        self._independent = False  # were combinations of other rows seen to be deeper surfaces?
        self._behind: list[tuple[Row, Row]] = []  # such ones, and the only neuron of this layer that feeds them
        self._spare: list[Assembled] = []  # rows that passed when there were enough
        self._doubtful: list[Assembled] = []  # rows that are this layer's if nothing else is left
        self._unopposed: list[Assembled] = []  # those of them that nothing speaks against, to be asked at more places

    def run(self) -> LayerResult:
        """Search until all rows are known or patience ends.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle; `result` keeps what was found.
        """
        self._search_until_confirmed()
        if self._more and len(self.result.rows) >= self._width:
            self._search_beyond()
        self._followed(self._doubted_rows())
        open_before = self.below.signs is None
        self._decide(final=True)
        if open_before and self.below.signs is not None and len(self.result.rows) < self._width:
            self._begin_again()  # with the signs, rows have half as many unknowns
            self._search()
        if len(self.result.rows) < self._width and not self.below.separate:
            before = len(self.result.rows)
            if self.below.signs is None:
                self._part_sides()
            self._followed(self._unfinished(close=True))
            self._followed(entry for entry in self._doubted_rows() if entry.lacking)
            if len(self.result.rows) > before:
                self._recheck()
        if not self.below.separate:
            self._followed(self._lacking_again())
        if self.below.loose:
            self._release()
        if idle := self.below.idle_sides(self.result.rows):
            self._leave_out(idle)
        self._turn_idle()
        return self.result

    def _search_until_confirmed(self, enough: int | None = None) -> None:
        """Search, and search on as long as rows are dropped that turn out not to be the layer's."""
        self._search(enough)
        for _ in range(RECHECKS):
            if not self._recheck():
                break
            self._search(enough)

    def _search_beyond(self) -> None:
        """Search on though there are rows enough: surfaces of later layers that meet no neuron of this one look alike.

        Where such a one is taken for a row, the function stays the same; where it has a true row's place, it does not.
        """
        self._room = self._width + self._more
        self._suggested += [entry for entry in self._spare if self._new(entry.row)]
        self._spare, self._fresh = [], True
        self._begin_again()
        patience, self._patience = self._patience, BEYOND
        self._search_until_confirmed(self._room)
        self._patience = patience

    def _part_sides(self) -> None:
        """Add features for negative sides below, where that makes weights of all that is open in some rows."""
        layer, parts = self._known.layers[-2], self._partial.rows
        opened = [open_row(part, self.features, MOST_CLOSED) for part in parts]
        unseen = [unseen_sides(row, layer) if row else None for row in opened]
        neurons = sorted({j for sides in unseen for j, positive in sides or () if not positive})
        if not neurons:
            return
        more = (0,) * len(neurons)
        self.below.keep_both(neurons)
        self.result.rows[:] = [replace(row, plus=row.plus + more, minus=row.minus + more) for row in self.result.rows]
        self.result.parts, self._partial, self._seldom = {}, self._no_parts(), None
        told = [(part, sides) for part, sides in zip(parts, unseen, strict=True) if sides]
        told.sort(key=lambda each: len(each[1]))
        self._partial.rows = [with_sides(part, layer, neurons, sides) for part, sides in told]
        self._changed()

    def _doubted_rows(self) -> Iterator[Assembled]:
        """The rows of which it was not clear whether they are this layer's, those first that were met most often.

        A row of this layer is the same in all regions, a deeper surface is another one in each.
        """
        for entry in sorted(self._doubtful, key=lambda entry: -entry.doubted):
            if len(self.result.rows) < self._width < sys.maxsize and self._new(entry.row):
                yield entry

    def _turn_idle(self) -> None:
        """Turn around neurons below that are mostly on, though no row acts there: what nothing shows is seldom."""
        idle = self.below.idle(self.result.rows)
        if idle:
            shares = shares_on(Known(self._known.inputs, self._known.layers[:-1]), self._generator)
            self.below.turn_around([p for p in idle if shares[p] > 0.5])
            self._changed()

    def _leave_out(self, idle: Sequence[int]) -> None:
        """Give up the coefficients of sides below that do not act, all of which are 0."""
        kept = [p for p in range(len(self.result.rows[0].plus)) if p not in idle]
        self.result.rows[:] = [
            replace(row, plus=tuple(row.plus[p] for p in kept), minus=tuple(row.minus[p] for p in kept))
            for row in self.result.rows
        ]
        self._renumber(kept)

    def _renumber(self, kept: Sequence[int]) -> None:
        """Of what the layer below hands on, these features are left."""
        place = {p: n for n, p in enumerate(kept)}
        self.result.lacking = {(i, place[p]) for i, p in self.result.lacking if p in place}
        self.postponed = [place[p] for p in self.postponed if p in place]
        below = len(self._known.layers) - 2
        avoided = [(at, place.get(p) if at == below else p) for at, p in self._avoided]
        self._avoided.clear()  # the lines have the same set
        self._avoided.update((at, p) for at, p in avoided if p is not None)
        self._seldom = None
        self.result.parts, self._partial = {}, self._no_parts()
        self._changed()

    def _begin_again(self) -> None:
        """Be as patient as at first."""
        self._since = self._empty = 0
        self._spent = self.result.queries

    def _release(self) -> None:
        """Give up the coefficients of neurons that stand for weights which the layer below lacks."""
        kept = [p for p in range(self.features) if p not in self.below.loose]
        self.result.rows[:] = self.below.released(self.result.rows)
        self._renumber(kept)

    def onward(self) -> None:
        """Search on for one more row with all patience, once the search has ended.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle; `result` keeps what was found.
        """
        self._thrifty = False
        if self._since >= self._most or self._empty >= self._patience.lines:
            self._begin_again()
        self._search(min(self._width, len(self.result.rows) + 1))
        self._decide(final=True)
        self._followed(self._unfinished(close=True))

    def across(self, lines: Sequence[SearchedLine]) -> None:
        """Follow what these lines meet, once the search has ended without all rows.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle; `result` keeps what was found.
        """
        self._begin_again()
        self._given = list(lines)
        self._search()
        self._given = None
        self._decide(final=True)

    def among(self, points: Iterator[CriticalPoint]) -> bool:
        """Follow these until one gives a further row, and no others; false when none is left.

        At the end rows are taken without weights that their surfaces do not meet.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle; `result` keeps what was found.
        """
        before = len(self.result.rows)
        self._followed(self._until_more(before, points))
        if len(self.result.rows) > before:
            return True
        self._followed(self._assembled())
        rows = [self._vector(row) for row in self.result.rows]
        fresh = (c for c in self._unfinished(close=True) if not any(c.partial.met_by(row) for row in rows))
        self._followed(replace(candidate, supposed=True) for candidate in fresh)
        return False

    def _until_more(self, rows: int, points: Iterator[CriticalPoint]) -> Iterator[Candidate]:
        """These points, and rows that become whole by them, until there are more rows than so many."""
        while len(self.result.rows) == rows:
            if self._fresh:
                self._suggested += self._further()
                self._fresh = False
            following = self._suggested.pop(0) if self._suggested else next(points, None)
            if following is None:
                return
            yield following

    @property
    def parts(self) -> list[PartialRow]:
        """What is known of rows that are not whole."""
        return self._partial.rows

    def open_rows(self) -> list[OpenRow]:
        """The rows of which few combinations are open, once the signs of the layer below are known."""
        found = [completable(partial, self.features) for partial in self._partial.rows]
        return [row for row in found if row is not None]

    def _search(self, enough: int | None = None) -> None:
        """Search until patience ends, or until there are so many rows: the whole layer's, if nothing else is said."""
        start, lines = perf_counter(), self.result.seconds_lines
        again = True
        try:
            while again:
                self._due = False
                self._followed(self._wanted(self._width if enough is None else enough))
                self._decide(final=False)
                again = self._due
        finally:
            self.result.seconds_rows += perf_counter() - start - (self.result.seconds_lines - lines)

    def _wanted(self, enough: int) -> Iterator[Candidate | None]:
        """What to follow next, as things stand when it is asked for, until a decision is due or patience ends."""
        while len(self.result.rows) < enough and not self.refuted:
            self._doubted()
            self._dry_spell()
            if self._fresh and not self._due:
                self._suggested += self._further()
                self._fresh = False
            if self._suggested:
                yield self._suggested.pop(0)
            elif self._due or self._since >= self._most or self._empty >= self._patience.lines or self.dear:
                return
            elif self._waiting:
                yield self._waiting.pop(0)
            elif self._given == []:
                return
            else:
                self._waiting = (
                    self._lines.candidates(self._dry, self._empty)
                    if self._given is None
                    else self._lines.met_by([self._given.pop(0)])
                )
                self._empty = 0 if self._waiting or self._given is not None else self._empty + 1
                while self._under_way:  # the points of one line are of different neurons, those of the next are not
                    yield None

    def _doubted(self) -> None:
        """Ask points of the whole run again when candidates lead to no row: the oracle may be what does not fit."""
        if self._since >= self._doubt:
            self._doubt *= 2
            if said := self._probe.contradiction():
                raise OracleError(said)

    def _dry_spell(self) -> None:
        """Now and then, search anew for the open parts of rows, and go on without what keeps rows from being whole.

        Rows that nothing speaks against are asked at more places first: a neuron that is rarely on passes few others.
        """
        if self._dry:
            self._suggested += [entry for entry in self._unopposed if self._new(entry.row)]
            self._unopposed = []
        if self._since >= WITHOUT_WHEN_DRY and self.below.separate and not self._due:
            self._assume()
        if self._since < self._anew:
            return
        self._anew *= 2
        self._attempted.clear()
        self._fresh = True
        if self.below.free and self.below.signs is None:
            self.below.learn_parts(self._partial.rows)
            self._due = self._due or self.below.ready(self._vectors())
        if self._since >= WITHOUT_WHEN_DRY and not self.below.separate and not self._postpone() and self._accounted():
            self._suggested += self._unfinished(close=True, most=FEW)

    def _assume(self) -> None:
        """Signs that only neurons hardly ever on one of their sides leave open: they act there, where nothing is seen.

        On the other side, where they nearly always are, they would have been seen to act.
        """
        unseen = self.below.unseen()
        rare = self._rare() if unseen else {}
        if unseen and all(j in rare for j in unseen):
            self.below.assume({j: Sign.POSITIVE if rare[j] else Sign.NEGATIVE for j in unseen})
            self._due = self.below.ready(self._vectors())

    def _postpone(self) -> bool:
        """Take the open weights of neurons below that are hardly ever on as 0 for now; is there any?"""
        if len(self._known.layers) < 2:
            return False
        absent = set(chain(*nearly_whole(self._partial.rows, self.features))) - set(self.postponed)
        return self._without(j for j in absent if self._rare().get(j))

    def _without(self, neurons: Iterable[int]) -> bool:
        """Take the weights of these neurons below as 0 for now; are there any?"""
        fresh = sorted(neurons)
        if fresh:
            self.postponed += fresh
            self._avoided |= {(len(self._known.layers) - 2, j) for j in fresh}
            self._partial = self._partial.with_zeros(fresh)
        return bool(fresh)

    @property
    def _unmet(self) -> list[int]:
        """What stands for weights below that act only where the known part is not right, so that nothing tells it."""
        below = len(self._known.layers) - 3

        def avoided(handing: Row) -> bool:
            return all((below, p) in self._avoided for p, w in enumerate(handing.plus) if w)

        return [n for n in self.below.loose if avoided(self._known.layers[-2][n])]

    def _rare(self) -> dict[int, bool]:
        """Neurons below that are hardly ever on one side, which may be the positive one."""
        if self._seldom is None or self._seldom[0] != self.below.separate:
            below = Known(self._known.inputs, self._known.layers[:-1])
            self._seldom = (self.below.separate, seldom_sides(below, self._generator))
        return self._seldom[1]

    def _accounted(self) -> bool:
        """Is every row found, but for few weights? Surfaces of deeper layers leave more open."""
        few = [absent for absent in nearly_whole(self._partial.rows, self.features) if len(absent) <= FEW]
        return len(self.result.rows) + len(few) >= self._width

    def _ahead(self) -> int:
        missing = 0 if self._room == sys.maxsize else self._room - len(self.result.rows)
        return max(AHEAD, missing // SHARE)

    def _recheck(self) -> bool:
        """Ask every row for fresh predicted points once more, now that the layer stands; true if one was dropped."""
        start = perf_counter()
        found = zip(self.result.rows, self.result.records, strict=True)
        checks = CONFIRMATIONS if self._last else RECHECKED_AT
        known = [
            Assembled(row, record.witness, checks, self.result.lacking_of(number), record.doubted, record.doubted > 0)
            for number, (row, record) in enumerate(found)
        ]
        outcomes = list(self._follow(self._tasks(known, again=True), lambda: len(known)))
        self._under_way = 0
        self.result.queries_rows += sum(outcome.queries for outcome in outcomes)
        deeper = self._deeper()
        kept = [n for n, outcome in enumerate(outcomes) if outcome.confirmed and n not in deeper]
        for outcome in outcomes:
            self._doubt_row(outcome)
        dropped = len(kept) < len(known)
        self.result.rechecked = len(known)
        if dropped:
            refuted = [row for number, row in enumerate(self.result.rows) if number not in kept]
            self._refuted += [row for row in refuted if self._doubted_before(row) is None]
            self.result.keep(kept)
            self._begin_again()
            self._fresh = True
            self._changed()
        self.result.seconds_rows += perf_counter() - start
        return dropped

    def _deeper(self) -> list[int]:
        """The rows that are surfaces behind a single neuron of this layer, which may have found no place any more."""
        if self.features == 1 or self.result.lacking:
            return []
        rows = [*self.result.rows, *(entry.row for entry in self._spare)]
        layers = [*self._known.layers[:-1], rows]
        deeper = behind(self._probe, Known(self._known.inputs, layers), self._generator)
        self._behind += [(rows[number], rows[feeding]) for number, feeding in deeper.items()]
        self._suggested += [entry for entry in self._spare if self._new(entry.row)]
        self._spare = []
        others = spurious(self._probe, self._known, self._generator)
        self._independent = self._independent or bool(others)
        return [number for number in {*deeper, *others} if number < len(self.result.rows)]

    @property
    def _most(self) -> int:
        """Candidates that are followed without a new row before the search ends."""
        later = self._patience.later if self.result.rows else None
        most = self._patience.candidates if later is None else later
        tries = [record.tries for record in self.result.records]
        if not tries or self._width == sys.maxsize or self._lines.rays_left:
            return most
        return min(most, max(self._patience.least, RARER * max(tries)))

    @property
    def dear(self) -> bool:
        """Would the last hidden layer's next row cost more here than at the end?"""
        known = self._thrifty and self._width < sys.maxsize and bool(self.result.rows)
        return known and self.result.queries - self._spent >= LATER

    @property
    def refuted(self) -> bool:
        """Does what is missing below act, though it was taken to be without effect?"""
        return self._supposed and self.below.contradictory

    @property
    def unexplained(self) -> bool:
        """Were critical points met that no row explains, and not followed, for there were rows enough?"""
        return bool(self._waiting)

    @property
    def _dry(self) -> bool:
        return bool(self._empty) or self._since >= DRY

    @property
    def features(self) -> int:
        """What feeds the layer: inputs, or rows of the layer below."""
        return len(self._known.layers[-2]) if len(self._known.layers) > 1 else self._known.inputs

    @property
    def _unknowns(self) -> int:
        return self.features * (2 if self.below.separate else 1) + 1

    def _no_parts(self) -> PartialRows:
        narrowest = min([self._known.inputs, *map(len, self._known.layers[:-1])])
        return PartialRows(self._unknowns, narrowest, len(superfluous(self._known, len(self._known.layers) - 2)))

    # -- outcomes --------------------------------------------------------------------------------------------------

    def _further(self) -> list[Candidate]:
        """What the walks so far suggest."""
        return [*self._assembled(), *self._unfinished()]

    def _assembled(self) -> list[Assembled]:
        whole = [Assembled(Row.of(row, self.features), at) for row, at in self._partial.complete()]
        return [entry for entry in whole if self._new(entry.row)]

    def _unfinished(self, close: bool = False, most: int | None = None) -> list[Unfinished]:
        """Partial rows of which little is open (or at most so much), each tried once and closed at the end."""
        if len(self._known.layers) == 1:
            return []
        found = []
        for partial in self._partial.rows:
            fresh = close or partial.equations not in self._attempted
            few = most is None or partial.open <= most
            if fresh and few and completable(partial, self.features, close):
                self._attempted.add(partial.equations)
                found.append(Unfinished(partial, close))
        return found

    def _lacking_again(self) -> Iterator[Unfinished]:
        """The rows without what they lack or have postponed weights of: these were not searched for in every row."""
        for number, record in enumerate(self.result.records):
            row = self.result.rows[number]
            absent = sorted({*self._absent(row, self.result.lacking_of(number))}.difference(self.below.loose))
            if 0 < len(absent) <= MOST_CLOSED:
                part = all_but(self._vector(row), absent, record.witness)
                if part is not None:
                    yield Unfinished(part, close=True)

    def _followed(self, candidates: Iterable[Candidate | None]) -> None:
        for outcome in self._follow(self._tasks(candidates), self._ahead):
            self._under_way -= 1
            self._probe.adopt(outcome.calibration)
            self.result.queries_rows += outcome.queries
            found = self._merge(outcome)
            if found:
                self._changed()
                self._waiting = self._lines.unknown(self._waiting)
            if found or self.below.separate:
                self._due = self._due or self.below.ready(self._vectors())

    def _tasks(self, candidates: Iterable[Candidate | None], again: bool = False) -> Iterator[Task | None]:
        for candidate in candidates:
            if candidate is None:
                yield None
                continue
            self._under_way += 1
            known = tuple(tuple(rows) for rows in self._known.layers)
            separate, calibration = self.below.separate, self._probe.calibration
            seed = self._random.getrandbits(64)
            absent = (*self.postponed, *self._unmet)
            only = self._width == 1
            whole = self._whole or (self._supposed and not again)  # what is missing bends rows as well, in some places
            evident = self._evident
            yield Task(known, separate, self._last, whole, only, absent, candidate, seed, calibration, evident)

    def _merge(self, outcome: Outcome) -> bool:
        self.result.candidates += 1
        self._since += 1
        self.result.candidates_since = self._since
        self.below.learn(outcome.acting)
        if outcome.row is None or outcome.witness is None or not outcome.confirmed:
            self._count(outcome.end)
            self._doubt_row(outcome)
            if outcome.bent and outcome.row is not None and self._new(outcome.row):
                self._refuted.append(outcome.row)  # other checks of it may be luckier
            if outcome.partial and not any(outcome.partial.met_by(self._vector(row)) for row in self.result.rows):
                kept = self._partial.add(outcome.partial)
                if kept is not outcome.partial and self.below.separate:
                    self.below.learn_part(kept)
                self._fresh = True
            return False
        if self._of_below(outcome.row, outcome.lacking):
            self._count("a neuron of the layer below")
            return False
        if not self._further_row(outcome.row, outcome.lacking, outcome.witness):
            self._count("found twice")
            return False
        self._note_lacking(len(self.result.rows), outcome.row, outcome.lacking)
        self.result.rows.append(outcome.row)
        record = RowRecord(outcome.queries, self._since, outcome.redundant, outcome.witness, outcome.doubted)
        self.result.records.append(record)
        self._partial.drop(self._vector(outcome.row))
        self._since = self.result.candidates_since = self.result.lines_since = 0
        self._spent = self.result.queries
        self._anew = DRY
        self._progress(len(self.result.rows), self._width if self._width < sys.maxsize else 0)
        return True

    def _further_row(self, row: Row, lacking: Sequence[int], witness: Point) -> bool:
        """Is this a neuron's that is not known, and is there room for it? Else what it tells is kept."""
        if not self._new(row):
            return False
        numbers = range(len(self.result.rows))
        alike = next((n for n in numbers if self._alike(n, row, lacking)), None)
        if alike is not None:
            self._replace(alike, row, lacking)
            return False
        room = len(self.result.rows) < self._room
        if not (room or lacking):
            self._spare.append(Assembled(row, witness))
        return room

    def _doubt_row(self, outcome: Outcome) -> None:
        """Keep a row that may be this layer's for the end."""
        if not (outcome.doubtful and outcome.row and outcome.witness):
            return
        number = self._doubted_before(outcome.row)
        if number is None:
            entry = Assembled(outcome.row, outcome.witness, RECHECKED_AT, outcome.lacking, doubted=1)
            self._doubtful.append(entry)
            self._unopposed += [entry] if outcome.unopposed else []
        else:
            self._doubtful[number] = replace(self._doubtful[number], doubted=self._doubtful[number].doubted + 1)

    def _doubted_before(self, row: Row) -> int | None:
        either = (row, row.negated())
        return next((number for number, entry in enumerate(self._doubtful) if entry.row in either), None)

    def _note_lacking(self, number: int, row: Row, lacking: Sequence[int]) -> None:
        if lacking:
            self.result.lacking |= {(number, feature) for feature in lacking}
            self.result.parts[number] = [other for other in self._partial.rows if other.met_by(self._vector(row))]

    def _alike(self, number: int, row: Row, lacking: Sequence[int]) -> bool:
        """Is a row the same as the one of this number but for what either lacks, or for what is doubtful as well?"""
        known = self.result.rows[number]
        either = [*self._absent(known, self.result.lacking_of(number)), *self._absent(row, lacking)]
        unknown = [part for part in (either, [*self.below.doubtful, *either]) if part]
        return any(factors(known.without(part), row.without(part)) is not None for part in unknown)

    def _absent(self, row: Row, lacking: Sequence[int]) -> list[int]:
        """The features of which a row has no weight: a number stands for it, or 0 as long as it is postponed."""
        return [*self.below.loose, *lacking, *(j for j in self.postponed if not row.plus[j])]

    def _unknown(self, row: Row, lacking: Sequence[int]) -> int:
        """How many of a row's weights are not known, or 0 only where what they belong to is not known either."""
        absent = self._absent(row, lacking)
        return len({*absent, *(j for j in self.below.doubtful if not (row.plus[j] or row.minus[j]))})

    def _replace(self, number: int, row: Row, lacking: Sequence[int]) -> None:
        """Take a row in the place of one of the same neuron of which less is known, with all that either has."""
        row, lacking = self._completed(number, row, lacking)
        before = self._unknown(self.result.rows[number], self.result.lacking_of(number))
        if self._unknown(row, lacking) < before:
            self.result.lacking = {(i, feature) for i, feature in self.result.lacking if i != number}
            self.result.parts.pop(number, None)
            self._note_lacking(number, row, lacking)
            self.result.rows[number] = row
            self._changed()

    def _completed(self, number: int, row: Row, lacking: Sequence[int]) -> tuple[Row, Sequence[int]]:
        """A row with what it has no weight of from the row of this number, if that has the same weights otherwise."""
        known, stood_for = self.result.rows[number], self.result.lacking_of(number)
        absent, own = set(self._absent(row, lacking)), set(self._absent(known, stood_for))
        both, neither = [*(absent | own)], absent & own
        if absent <= own or factors(row.without(both), known.without(both)) is None:
            return row, lacking
        left = sorted(set(lacking).intersection(stood_for))
        whole, _ = joined(row, absent, known, own)
        return whole.without([*neither.difference(left, self.below.loose)]), left  # 0 what is postponed in one of them

    def _distinct(self) -> list[int]:
        """One row of each neuron, the one of which most is known."""
        rows, kept = self.result.rows, list[int]()
        for n in sorted(range(len(rows)), key=lambda n: self._unknown(rows[n], self.result.lacking_of(n))):
            if not any(self._alike(m, rows[n], self.result.lacking_of(n)) for m in kept):
                kept.append(n)
        return sorted(kept)

    def _count(self, end: str) -> None:
        self.result.ends[end] = self.result.ends.get(end, 0) + 1

    def _new(self, row: Row) -> bool:
        fresh = all(row not in rows and row.negated() not in rows for rows in (self.result.rows, self._refuted))
        if not fresh or (self._independent and not independent([*self.result.rows, row])):
            return False
        return not any(
            parallel(row, feeding) and (parallel(row, other) or other in (row, row.negated()))
            for other, feeding in self._behind
        )

    def _of_below(self, row: Row, lacking: Sequence[int]) -> bool:
        """Is this the surface of a neuron below, where a weight acts that it lacks? A row that it feeds has a bias."""
        if len(self._known.layers) < 2 or row.bias:
            return False
        acting = {p for p, w in enumerate(row.plus) if w}.difference(self._absent(row, lacking))
        return len(acting) == 1 and not any(row.minus) and not self._known.layers[-2][acting.pop()].linear

    def _vector(self, row: Row) -> list[int]:
        return [*row.plus, *(row.minus if self.below.separate else ()), row.bias]

    def _whole_rows(self) -> list[int]:
        """The rows that tell of the signs: with a free linear part, those that lack nothing."""
        return [n for n in range(len(self.result.rows)) if not (self.below.free and self.result.lacking_of(n))]

    def _vectors(self) -> list[list[fmpq]]:
        return [[fmpq(v) for v in self._vector(self.result.rows[number])] for number in self._whole_rows()]

    def _changed(self) -> None:
        self._known.changed()
        self._lines.known_changed()

    def _decide(self, final: bool) -> None:
        """Decide the signs of the layer below as soon as they are seen (at the end: as far as they are seen)."""
        if final and self.below.free:  # with separate sides, every part was learned from when it was put together
            for part in self._partial.rows:
                self.below.learn_part(part)
            self.below.learn_parts(self._partial.rows)
        whole_rows, vectors = self._whole_rows(), self._vectors()
        decision = self.below.decide(vectors, final, len(vectors) >= self._width)
        if decision is None:
            return
        for number in set(self.result.parts).difference(whole_rows):  # with the signs, perhaps they lack nothing
            for part in self.result.parts[number]:
                self._partial.add(part)
        self.result.keep(whole_rows)
        whole = [[int(v.p) for v in primitive(vector)] for vector in decision.vectors]
        self.result.rows[:] = [Row.of(vector, self.features) for vector in whole]
        self.result.keep(self._distinct())
        self._suggested, self._spare, self._doubtful, self._unopposed, self._fresh = [], [], [], [], True
        self._partial = self._partial.substituted(decision.substitution)
        for vector in whole:
            self._partial.drop(vector)
        if not final:
            self._without(self.below.rows_assumed)
            if unmet := self._unmet:
                self._partial = self._partial.with_zeros(unmet)
        self._changed()
