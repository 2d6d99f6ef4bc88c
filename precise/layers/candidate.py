"""One candidate for a row of a hidden layer, followed to a confirmed row or to the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from precise.equations.partial_rows import PartialRow
from precise.regions.critical_points import CriticalPoint
from precise.regions.local_map import Known, Row
from precise.regions.probe import Calibration, Point, Probe
from precise.regions.walk import Walker
from precise.signatures.completion import completed
from precise.signatures.confirm import WAYS, confirm
from precise.signatures.rows import RowSearch, Trail

CONFIRMATIONS = 8  # fresh predicted points that a new row is checked at

OFTEN = 3  # times that a row is met before it may be taken though it is absent at most places
LEAST_PRESENT = 4  # of them at which it is present then
SILENT = 2  # times as many places as others may be silent then
MORE_WAYS = 16  # on which it is followed to where it is not

PREDICTION_FAILED = "the row's prediction failed"  # the end of a candidate


@dataclass(frozen=True)
class Assembled:
    """A row put together from several walks, or one that is looked at again."""

    row: Row
    witness: Point
    checks: int = CONFIRMATIONS
    lacking: tuple[int, ...] = ()  # neurons below whose weight it lacks
    doubted: int = 0  # how often it was met and may have been a deeper layer's; if it was, nothing else is left
    taken: bool = False  # was it taken before, for all doubt, as it was seen to pass another row?


@dataclass(frozen=True)
class Unfinished:
    """A partial row of which only a few combinations are open."""

    partial: PartialRow
    close: bool = False  # take the row without coefficients of neurons that it cannot be shown to meet
    supposed: bool = False  # take it also where it predicts nothing that could be asked: the caller has other evidence


Candidate = CriticalPoint | Assembled | Unfinished


@dataclass(frozen=True)
class Task:
    """One candidate to follow, or one row to confirm or to finish, with all that a worker needs."""

    known: tuple[tuple[Row, ...], ...]
    separate: bool  # are there unknowns for both sides of every neuron below?
    last: bool  # is the wanted layer the last hidden one?
    whole: bool  # is every neuron of the layers below known, or taken to be?
    only: bool  # is one neuron the whole layer?
    postponed: tuple[int, ...]  # neurons below whose weights are taken as 0 for now
    candidate: Candidate
    seed: int
    calibration: Calibration
    evident: bool = False  # will the caller see whether a row is the layer's?


@dataclass(frozen=True)
class Outcome:
    """What following one candidate gave."""

    row: Row | None
    confirmed: bool
    end: str  # why there is no confirmed row
    redundant: int  # equations that held beyond full rank
    queries: int
    calibration: Calibration
    witness: Point | None = None  # a point on the row's surface
    partial: PartialRow | None = None
    acting: frozenset[int] = frozenset()  # sides of neurons below that are certain to act
    lacking: tuple[int, ...] = ()  # features whose weight in the row is not known, only its sign where it is large
    doubtful: bool = False  # does nothing but a bend that may be another's speak against the row?
    unopposed: bool = False  # or does nothing at all, but that it passes no other row where it was asked?
    bent: bool = False  # does a row of its own layer bend its surface, so that it is a deeper layer's?
    doubted: int = 0  # see `Assembled`


@dataclass(frozen=True)
class _Judged:
    """Whether a row is its layer's; see `Outcome`."""

    confirmed: bool = False
    doubtful: bool = False
    unopposed: bool = False
    bent: bool = False


class Follower:
    """Follows candidates with one oracle; a worker keeps one and rebuilds its known part when that changed."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._walker: Walker | None = None
        self._known: tuple[tuple[Row, ...], ...] = ()  # the walker's, as it was handed in
        self._last = False

    def __call__(self, task: Task) -> Outcome:
        """Follow one candidate to a confirmed row or to the reason why there is none."""
        asked = self._probe.queries
        self._probe.adopt(task.calibration)
        random = Random(task.seed)
        walker = self._prepared(task, random)
        trail = self._trail(walker, task, random)
        entry = task.candidate if isinstance(task.candidate, Assembled) else None
        judged = self._judged(walker, trail, entry, task, random)
        return Outcome(
            trail.row,
            judged.confirmed,
            PREDICTION_FAILED if trail.row and not judged.confirmed else trail.end,
            trail.system.redundant if trail.system else 0,
            self._probe.queries - asked,
            self._probe.calibration,
            trail.witness,
            trail.partial,
            trail.acting,
            trail.lacking,
            judged.doubtful,
            judged.unopposed,
            judged.bent,
            entry.doubted if entry else 0,
        )

    @staticmethod
    def _trail(walker: Walker, task: Task, random: Random) -> Trail:
        if isinstance(task.candidate, Assembled):
            return Trail(row=task.candidate.row, witness=task.candidate.witness, lacking=task.candidate.lacking)
        if isinstance(task.candidate, Unfinished):
            return completed(walker, task.candidate.partial, task.separate, task.candidate.close, random)
        surface = walker.surface(task.candidate.before, task.candidate.at, task.candidate.after)
        if surface is None:
            return Trail(end="the critical point was not confirmed")
        return RowSearch(walker, task.separate, random, task.postponed).follow(surface)

    def _prepared(self, task: Task, random: Random) -> Walker:
        if self._walker is None or self._known[:-1] != task.known[:-1] or self._last != task.last:
            self._walker = Walker(self._probe, Known(self._probe.width, [list(rows) for rows in task.known]))
            if task.last:
                self._walker.watched -= 1  # neurons of one layer do not bend each other, and none is deeper
        elif self._known[-1] != task.known[-1]:
            self._walker.replace_last(list(task.known[-1]))
        self._known, self._last = task.known, task.last
        self._walker.draw_tests(random)
        return self._walker

    @staticmethod
    def _judged(walker: Walker, trail: Trail, entry: Assembled | None, task: Task, random: Random) -> _Judged:
        """Is the row this layer's?"""
        if trail.row is None or trail.witness is None:
            return _Judged()
        generator = np.random.default_rng(random.getrandbits(64))
        lacking = (*trail.lacking, *task.postponed)
        checks, doubted, taken = (entry.checks, entry.doubted, entry.taken) if entry else (CONFIRMATIONS, 0, False)
        ways = MORE_WAYS if doubted else WAYS
        seen = confirm(walker, trail.row, trail.witness, checks, task.whole, generator, lacking, task.only, ways)
        supposed = isinstance(task.candidate, Unfinished) and task.candidate.supposed and not seen.absent
        mostly = supposed or seen.present > len(seen.absent)
        known = mostly or (doubted >= OFTEN and seen.present >= LEAST_PRESENT)
        seldom = seen.silent > SILENT * (seen.present + len(seen.absent))  # too little varies to settle a doubt
        unopposed = bool(seen.present) and not (seen.absent or seen.silent or seen.deeper)
        passed = seen.passed or taken or task.evident or len(trail.lacking) == 1
        passed = passed or (doubted > 0 and seen.alone and unopposed)  # then nothing could tell more
        taken = known and passed and not seen.deeper and (not seldom if doubted else not seen.doubtful)
        doubtful = bool(seen.present) and not seen.deeper and not taken
        return _Judged(taken, doubtful, doubtful and unopposed, seen.bent)
