"""The extraction as a whole: layer after layer, from queries alone.

slice -> [critical points -> signatures of layer k -> signs of layer k-1] for every k -> output layer
      -> columns outside the slice -> fresh points
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count, product
from random import Random
from time import perf_counter

import numpy as np
from flint import fmpq

from precise.assemble import DOMAIN, network_from_rows
from precise.comparison import (
    FARTHER,
    FINE_BITS,
    FRESH_POINTS,
    MORE_POINTS,
    SCALES,
    Agreement,
    agreement,
    farther,
    in_slice,
    nearest_difference,
    stated_box,
)
from precise.equations.superfluous import superfluous
from precise.errors import BudgetExceeded, InputError, OracleError, PrecisionError
from precise.executors import Workers
from precise.journal.file import Journal
from precise.journal.oracle import JournaledOracle
from precise.layers.always_active import handed_through, handing_on, without_idle
from precise.layers.differing import copy_of, right_at
from precise.layers.expansion import missing_columns
from precise.layers.hidden_layer import PATIENT, Follow, LayerSearch, Patience
from precise.layers.layer_result import LayerResult
from precise.layers.linear_rest import ToldApart, sides_told, told_apart
from precise.layers.lines import SearchedLine, unexplained
from precise.layers.output_layer import OutputResult, OutputRow, both_sides, combined, solve_outputs
from precise.layers.overlooked import LastSearch
from precise.layers.postponed import solve_postponed
from precise.layers.workers import Shared, shared
from precise.network import Network
from precise.oracle import Oracle
from precise.regions.aim import line_between, random_line, random_points, to_point
from precise.regions.corners import directions
from precise.regions.critical_points import critical_points
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import FRACTION_BITS, Point, Probe
from precise.report import EarlierRun, LayerReport, NeuronReport, Report
from precise.signatures.confirm import varying_sides
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign
from precise.suspicion import suspicion

FIRST_ATTEMPT = 60  # candidates, at least, before neurons missing below are reckoned with
FIRST_TRIES = 4  # and so many for each neuron of the layer
LEFT_OUT = 0.25  # of the output layer's points, where neurons are missing that are hardly ever on
MOST_LEFT_OUT = 0.5  # when nothing else explains the oracle
ORDERS = 64  # in which points are then taken, until those that come first are right
MOST_ROWS = 0.5  # of a layer: more are found without what is missing below only if it hardly ever acts
LAST_ROWS = 0.25  # of the last hidden layer: what of it is missing then is found at the end, or it is searched again
EXPLAINED_LINES = 4  # lines for a layer when all critical points that the search before it met were explained
SETTLED_LINES = 16  # without a critical point that the layers so far do not explain, before these are taken for all
EXPLAINED = f"the layers before explain all that {SETTLED_LINES} lines met"
FRUITLESS = 6  # searches for overlooked neurons that meet none, though the copy is wrong somewhere
BEYOND = 3  # missing neurons, at most, for which larger inputs than any box's are looked at where all was explained
RETURNS = 4  # searches of the last hidden layer, or for overlooked neurons, that follow a point which is not explained
RETURN_LINES = 6  # from that point to places where neurons are known, and as many to random points
LOOKED_AT = 256  # points at which two copies are compared
NEAR = (8.0, 1.0, 0.25)  # boxes around the origin in which a copy is looked for when there is none everywhere
NEAR_SCALES = (0.125, 0.25, *SCALES)  # in which it is compared with the oracle
SMALLEST_SLICE = 8  # inputs: with fewer, a surface has too few slopes to check that it is one neuron's

NARROW = 5  # features or neurons of a layer: surfaces of later ones may meet none of so few neurons
SMALLEST_FIRST = 3  # neurons of the first layer: there surfaces are unbounded, and meet more

UNKNOWN_SLICE = 32  # inputs, when the first layer's width is not known; any number will do, more cost more

Progress = Callable[[str, int, int], None]  # (stage, done, total)


@dataclass(frozen=True)
class Extraction:
    """What came out: the network when nothing is missing, else the layers that are known, and the report."""

    network: Network | None
    known: Known  # rows on the slice `report.slice_inputs`, complete layers first
    report: Report


@dataclass(frozen=True)
class _Supposed:
    """What an attempt to solve the outputs takes for granted; see `solve_outputs` and LayerBelow."""

    missing: int  # neurons of the last layer that are reckoned with
    lacking: frozenset[tuple[int, int]]  # its weights that are
    left_out: float = 0.0
    orders: int = 1
    leave_open: bool = False


@dataclass(frozen=True)
class _Kept:
    """What an attempt at a layer, or at the outputs, may change; restoring it makes no copy, so that it serves once."""

    layers: list[list[Row]]
    reports: list[LayerReport]
    postponed: set[tuple[int, int]]


@dataclass(frozen=True)
class _Stage:
    """The layers up to one, as they were found, and what is missing of it."""

    kept: _Kept
    missing: int
    lacking: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class _Supposing:
    """A layer's search that took what is missing below to be without effect."""

    search: LayerSearch
    width: int
    reckoned: Callable[[], LayerSearch]  # the layer once more, with what is missing reckoned with from the start
    after: _Kept  # how things stood when it had ended, or had gone on


class _Incomplete(Exception):
    """The extraction cannot go on; the message says what is missing and what to try."""


def extract(
    oracle: Oracle,
    widths: Sequence[int] | None,
    seed: int = 0,
    jobs: int = 1,
    patience: Patience | None = None,
    progress: Progress | None = None,
    scheduler: str | None = None,
    journal: Journal | None = None,
    attempts: int = 1,
) -> Extraction:
    """Recover a network from its oracle.

    Args:
        oracle: what is asked; its precision must be None (exact) or enough bits for exact answers.
        widths: (inputs, neurons of each hidden layer ..., outputs); None: they are found as well, each layer counted
            as whole when `patience` meets no further neuron of it.
        seed: every random choice follows from it.
        jobs: processes that follow candidates; the result does not depend on it.
        patience: when a layer counts as having no further neuron that can be found.
        progress: called with (stage, done, total).
        scheduler: address of a Dask cluster whose workers follow candidates; the result does not depend on it.
        journal: keeps every answer and outcome; with one of an unfinished run, that run goes on where it was.
        attempts: at most so many runs, with the seeds from `seed` on, until one does not end without a network.

    Returns:
        The network, or what was found until something was missing, the budget ended or the oracle failed; the
        report's `outcome` says which.

    Raises:
        InputError: the widths do not fit the oracle, the scheduler does not answer, or the journal cannot be written.
    """
    _check(oracle, widths)
    if scheduler is not None and oracle.budget is not None:
        raise InputError("expected a query budget without a scheduler: it is exact only when one process asks")
    if journal is not None:
        oracle = JournaledOracle(oracle, journal)
    patience = patience or (Patience(candidates=150, lines=30) if widths is None else Patience())
    workers, progress = Workers(jobs, scheduler), progress or (lambda *_: None)
    start, earlier = perf_counter(), list[EarlierRun]()
    while True:
        number = seed + len(earlier)
        run = _Run(oracle, widths, number, workers, patience, progress, earlier)
        network, hopeful = run.ended()
        if not hopeful or len(earlier) + 1 >= attempts:
            network = run.near_origin() if hopeful else network
            break
        earlier.append(EarlierRun(number, run.report.outcome, oracle.queries, perf_counter() - start))
    run.report.queries = oracle.queries
    run.report.seconds = perf_counter() - start
    run.report.longest_query_bits = run.probe.longest_bits
    run.report.finish()
    return Extraction(network, run.known, run.report)


def _check(oracle: Oracle, widths: Sequence[int] | None) -> None:
    if widths is None:
        return
    if len(widths) < 3:
        raise InputError(f"widths: expected at least one hidden layer, not {list(widths)}")
    if widths[0] != oracle.input_width or widths[-1] != oracle.output_width:
        raise InputError(
            f"widths: the oracle has {oracle.input_width} inputs and {oracle.output_width} outputs, "
            f"expected the same first and last, not {widths[0]} and {widths[-1]}"
        )


class _Run:
    """The state of one extraction."""

    def __init__(
        self,
        oracle: Oracle,
        widths: Sequence[int] | None,
        seed: int,
        workers: Workers,
        patience: Patience,
        progress: Progress,
        earlier: Sequence[EarlierRun] = (),
    ) -> None:
        self.oracle = oracle
        self.hidden = None if widths is None else tuple(widths[1:-1])
        self.workers = workers if oracle.budget is None else Workers()  # a budget is exact only when one process asks
        self.patience = patience
        self.progress = progress
        self.random = Random(seed)
        size = min(oracle.input_width, max(self.hidden[0], SMALLEST_SLICE) if self.hidden else UNKNOWN_SLICE)
        coordinates = sorted(self.random.sample(range(oracle.input_width), size))
        self.probe = Probe(oracle, coordinates, [self.random.randint(1, 99) for _ in range(oracle.output_width)])
        self.known = Known(size)
        self.report = Report(list(widths or []), seed, oracle.precision, self.workers.jobs, slice_inputs=coordinates)
        self.report.earlier = list(earlier)
        if earlier:
            self.report.spend("earlier runs", earlier[-1].queries, earlier[-1].seconds)
        self.witnesses: list[Point] = []
        self.lacking: frozenset[tuple[int, int]] = frozenset()  # weights of the layer before that are not known
        self.postponed: set[tuple[int, int]] = set()  # (layer, neuron) from 0, whose weights are solved at the end
        self.missing = 0  # neurons of the layer before that were not found
        self.doubted = False  # may rows of the layer before be later layers', though there are rows enough?
        self.whole_below = True  # is everything known of the layers before?
        self.search: LayerSearch | None = None  # of the layer before
        self.supposing: _Supposing | None = None  # if that supposed more to be known than is
        self.latest: LayerResult | None = None  # of the search that goes on, or went on last
        self.accounted: set[tuple[int, int, int]] = set()  # (layer, row, feature); see OutputResult
        self.wrong: list[Point] = []  # where the copy is known to be wrong
        self.settled = False  # do the layers so far explain all, so that no later one is searched?
        self.stages: list[_Stage] = []  # one a layer, as long as nothing behind it is known
        self.explained = False  # did the search of the layer before meet no critical point but those of known neurons?

    def ended(self) -> tuple[Network | None, bool]:
        """The network, if there is one, and whether other random choices might do better."""
        network, hopeful = None, False
        try:
            network = self.everything()
        except (_Incomplete, BudgetExceeded, OracleError, PrecisionError) as stop:
            self.report.outcome = f"Incomplete: {stop}.{suspicion(self.report, self.probe, self.latest)}"
            hopeful = isinstance(stop, _Incomplete)
        except KeyboardInterrupt:
            self.report.outcome, self.report.interrupted = "Incomplete: interrupted.", True
        return (None, False) if self.contradicted() else (network, hopeful)

    def everything(self) -> Network:
        with shared(self.probe, self.workers) as crew:
            if self.hidden is None:
                self.layers_of_unknown_width(crew.follow)
            else:
                for number, width in enumerate(self.hidden, 1):
                    mixed = self.on_a_line and number < len(self.hidden)
                    last = mixed or number == len(self.hidden)
                    if number > 1 and not mixed and self.all_explained(number):
                        self.settled, self.missing, self.whole_below = True, max(1, self.missing), False
                        break
                    self.layer(number, width, crew.follow, last, mixed)
                    self.stages.append(_Stage(self.kept(), self.missing, self.lacking))
                    if mixed:
                        break
            return self.reckoned(crew) if self.supposing else self.finished(crew)

    def finished(self, crew: Shared) -> Network:
        """The network, from the layers that were searched.

        Raises:
            _Incomplete: they do not explain the oracle.
        """
        outputs = self.outputs()
        outputs = self.postponed_weights(self.hand_through(outputs) if self.settled else outputs)
        outputs = self.overlooked(outputs, crew.follow)
        columns, network, agreed = self.whole(outputs, crew)
        for _ in range(RETURNS):
            begin = in_slice(network, self.probe.coordinates, agreed.differing)
            further = self.overlooked(outputs, crew.follow, begin) if len(begin) else outputs
            if further is outputs:
                break
            outputs = further
            columns, network, agreed = self.whole(outputs, crew)
        self.compare(agreed, network, self.assembled(outputs, columns, FARTHER))
        return network

    def reckoned(self, crew: Shared) -> Network:
        """The same where the last layer's search took what is missing below it to be without effect.

        Its rows may be such in the places alone where they were seen: if they do not explain the oracle, it is searched
        again with what is missing reckoned with. If that does no better, the outputs are solved over the first rows
        with ever more points left out.
        """
        with suppress(_Incomplete):
            return self.finished(crew)
        supposing, self.supposing = self.supposing, None
        assert supposing is not None
        with suppress(_Incomplete):
            self.found(supposing.reckoned(), supposing.width)
            return self.finished(crew)
        self.restore(supposing.after)
        self.found(supposing.search, supposing.width)
        return self.finished(crew)

    def near_origin(self) -> Network | None:
        """A copy that is right near the origin alone, where there is none that is right farther out.

        Few neurons of deep layers change their state there. So the first layers may be all that acts, and the outputs
        are solved over these, from points near the origin.
        """
        before, said = self.kept(), self.report.outcome
        try:
            with shared(self.probe, self.workers) as crew:
                for stage, near in product(reversed(self.stages), NEAR):
                    self.restore(deepcopy(stage.kept))
                    self.missing, self.lacking, self.whole_below = stage.missing, stage.lacking, False
                    self.wrong = []
                    with suppress(_Incomplete):
                        network = self.right_near(near, crew)
                        self.report.outcome += f" Farther out: {said}"
                        return network
        except (BudgetExceeded, OracleError, PrecisionError):
            pass  # the outcome says already why there is no network
        except KeyboardInterrupt:
            self.report.interrupted = True
        self.restore(before)
        self.report.outcome = said
        return None

    def right_near(self, near: float, crew: Shared) -> Network:
        """The copy over the layers as they are.

        Raises:
            _Incomplete: it is not right near the origin.
        """
        with self.stage("near the origin"):
            supposed = _Supposed(max(1, self.missing), self.lacking, leave_open=True)
            result, below = self.solve_outputs(supposed, near=near)
        rows = self.noted(result, below)
        for number, report in enumerate(self.report.layers):
            report.lacking = sorted({*report.lacking, *((i + 1, p + 1) for i, p in self.taken_as_zero(number))})
        outputs = self.hand_through(rows, "nothing behind the layer before changes its state near the origin")
        columns, network, agreed = self.whole(outputs, crew, NEAR_SCALES)
        self.compare(agreed, network, self.assembled(outputs, columns, FARTHER))
        return network

    def contradicted(self) -> bool:
        """Whether the oracle answers what it was asked before in another way; then the outcome says so first."""
        if self.report.interrupted:
            return False
        said = ""
        with suppress(BudgetExceeded, OracleError, PrecisionError), self.stage("repeated points"):
            said = self.probe.contradiction()
        if said:
            known = self.report.complete or said in self.report.outcome
            before = "" if known else f" Before that: {self.report.outcome.removeprefix('Incomplete: ')}"
            self.report.complete, self.report.outcome = False, f"Incomplete: {said}.{before}"
        return bool(said)

    def layers_of_unknown_width(self, follow: Follow) -> None:
        """Layer after layer until fresh lines have no critical point that the known neurons do not explain."""
        for number in count(1):
            before = list(self.known.layers)
            result = self.layer(number, None, follow, last=False)
            if not result.rows and result.candidates_since:
                raise _Incomplete(
                    f"layer {number}: {result.candidates} critical points belong to no neuron that was found"
                )
            if not result.rows:
                self.known.layers[:] = before
                self.known.changed()
                self.report.layers.pop()
                break
            self.witnesses = [record.witness for record in result.records]
            report = self.report.layers[-1]
            report.width = len(result.rows)
            after = f"{result.candidates_since} candidates on {result.lines_since} lines"
            report.notes.append(f"{report.width} neurons: after the last one, {after} led to no other")
        found = [layer.rows for layer in self.report.layers]
        if not found:
            raise _Incomplete("the oracle has no critical point on the lines that were searched")
        self.report.widths = [self.oracle.input_width, *found, self.oracle.output_width]

    def layer(self, number: int, width: int | None, follow: Follow, last: bool, mixed: bool = False) -> LayerResult:
        """One layer; what is missing below is at first taken to be without effect, which costs fewer unknowns.

        Args:
            mixed: are the neurons of all later layers taken for this one's?
        """
        self.supposing = None
        candidates, lacking = self.patience.candidates, self.lacking
        whole = not (self.missing or lacking)
        if width is None or mixed or (whole and not self.doubted):
            search = self.attempt(number, None if mixed else width, self.missing, lacking, candidates, follow, last)
            if mixed:
                self.report.layers[-1].through = len(self.hidden or ())
            return self.found(search, width)
        before, missing = self.kept(), max(1, self.missing)  # at least one in the place of a later layer's

        def reckoned() -> LayerSearch:
            self.restore(before)
            self.missing, self.lacking, self.whole_below = missing, lacking, False
            return self.attempt(number, width, missing, lacking, candidates, follow, last)

        fewer = candidates if whole else min(candidates, max(FIRST_ATTEMPT, FIRST_TRIES * width))
        first = self.attempt(number, width, 0, frozenset(), fewer, follow, last)
        if len(first.result.rows) > width * (LAST_ROWS if last else MOST_ROWS) and not first.refuted:
            self.supposing = _Supposing(first, width, reckoned, self.kept())
            return self.found(first, width)
        after, second = self.kept(), reckoned()
        if len(second.result.rows) >= len(first.result.rows):
            return self.found(second, width)
        self.restore(after)
        return self.found(first, width)

    def all_explained(self, number: int) -> bool:
        """Do the layers so far explain all that some lines meet, so that nothing from this layer on changes its state?

        What does so elsewhere is found at the end, as others that were overlooked. What is drawn here depends on
        nothing else, and nothing else on it.
        """
        if self.search is not None and self.search.unexplained:
            return False
        random = Random(f"{self.report.seed}: behind layer {number - 1}")
        generator = np.random.default_rng(random.getrandbits(64))
        with self.stage("layers that change nothing"):
            for _ in range(SETTLED_LINES):
                points = critical_points(self.probe, *random_line(self.known, generator))
                if unexplained(self.known, points, self.postponed):
                    return False
            before = self.kept()
            result, _ = self.solve_outputs(_Supposed(max(1, self.missing), self.lacking), random)
            self.restore(before)
        return bool(result.rows)

    def hand_through(self, outputs: tuple[OutputRow, ...], why: str = EXPLAINED) -> tuple[OutputRow, ...]:
        """Layers that are not searched: they hand on linearly what the layers before do."""
        assert self.hidden is not None
        for width in self.hidden[len(self.known.layers) :]:
            rows, outputs = handed_through(outputs)
            self.known.layers.append(rows)
            report = LayerReport(len(self.known.layers), width, always_active=len(rows))
            report.notes = [f"not searched: {why}"]
            self.report.layers.append(report)
        self.known.changed()
        return outputs

    @property
    def on_a_line(self) -> bool:
        """Does one neuron hand on all there is? Then those of all layers behind it look alike: points on a line."""
        return bool(self.known.layers) and len(self.known.layers[-1]) == 1 and not self.missing

    def acting_side(self) -> set[int]:
        """The side of that neuron on which the oracle varies, 0 the positive and 1 the negative one, if just one is."""
        beside = [point for at in self.witnesses for point in both_sides(self.known, 0, at)]
        generator = np.random.default_rng(self.random.getrandbits(64))
        tests = directions(self.known.inputs, self.random)
        varying = varying_sides(self.probe, self.known, beside, tests, generator)
        return {0 if positive else 1 for positive in varying} if len(varying) == 1 else set()

    def kept(self) -> _Kept:
        return _Kept([list(rows) for rows in self.known.layers], deepcopy(self.report.layers), set(self.postponed))

    def restore(self, kept: _Kept) -> None:
        self.known.layers[:], self.report.layers[:], self.postponed = kept.layers, kept.reports, kept.postponed
        self.known.changed()

    def attempt(
        self,
        number: int,
        width: int | None,
        missing: int,
        lacking: frozenset[tuple[int, int]],
        candidates: int,
        follow: Follow,
        last: bool,
    ) -> LayerSearch:
        name = f"layer {number}"
        lines = min(self.patience.lines, EXPLAINED_LINES) if self.explained else self.patience.lines
        behind = len(self.hidden) - number if self.hidden else 0
        acting = self.acting_side() if self.on_a_line else set[int]()
        search = LayerSearch(
            self.probe,
            self.known,
            width,
            missing,
            lacking,
            follow,
            self.random.getrandbits(64),
            Patience(candidates, lines, self.patience.candidates, PATIENT * (1 + behind)),
            lambda done, total: self.progress(name, done, total),
            last=last,
            ignored=self.missing - missing,
            ignored_lacking=(self.lacking - lacking) | self.taken_as_zero(number - 2),
            avoided=frozenset(self.postponed),
            whole=self.whole_below,
            supposed=(missing, lacking) != (self.missing, self.lacking),
            more=self.neurons_behind(number, width),
        )
        search.below.learn(acting)
        report = LayerReport(number, width)
        self.report.layers.append(report)
        try:
            search.run()
        finally:
            self.latest = search.result
            self._record(search.result, report)
            self._signed(number - 1, search.below)
        return search

    def neurons_behind(self, number: int, width: int | None) -> int:
        """Those of later layers, if surfaces of theirs may meet no neuron of a layer, and so pass for its rows."""
        if width is None or width == 1 or self.hidden is None:  # of one neuron's layer: see `on_a_line`
            return 0
        narrow = width <= SMALLEST_FIRST if number == 1 else min(len(self.known.layers[number - 2]), width) <= NARROW
        return sum(self.hidden[number:]) if narrow else 0

    def taken_as_zero(self, index: int) -> set[tuple[int, int]]:
        """(neuron, feature) of the weights of a layer, counted from 0, that are postponed and not known from before."""
        features = [j for layer, j in self.postponed if layer == index - 1]
        rows = self.known.layers[index] if features else []
        return {(i, j) for i, row in enumerate(rows) for j in features if not row.plus[j]}

    def found(self, search: LayerSearch, width: int | None) -> LayerResult:
        self.search, result = search, search.result
        open_still = [j for j in search.postponed if not all(row.plus[j] for row in result.rows)]
        self.postponed |= {(len(self.known.layers) - 2, neuron) for neuron in open_still}
        doubtful = search.below.doubtful  # where these seem to begin to be on, perhaps nothing does
        below = len(self.known.layers) - 2
        sides = {j: self.known.crossing(below, j) for j in set(doubtful).difference(superfluous(self.known, below))}
        result.lacking |= {
            (i, j)
            for i, row in enumerate(result.rows)
            for j, either in sides.items()
            if not any(row.plus[n] or row.minus[n] for n in either)
        }
        self.lacking = frozenset(result.lacking)
        self.explained = not result.candidates
        if width is None:
            return result
        self.witnesses = [record.witness for record in result.records]
        further = len(result.rows) - width  # of later layers; more of them may be in always-active neurons' places
        self.missing = further + 1 if further > 0 else -further
        self.doubted = further >= 0 and self.neurons_behind(len(self.known.layers), width) > 0
        self.whole_below = self.whole_below and not self.missing and not self.lacking
        notes = self.report.layers[-1].notes = list[str]()
        if further < 0:
            notes.append(
                f"{len(result.rows)} of {width} neurons found; {result.candidates_since} candidates on "
                f"{result.lines_since} lines after the last one met no other, so that the rest is dead, always active, "
                "equal to another, or rare"
            )
        return result

    def _record(self, result: LayerResult, report: LayerReport) -> None:
        name = f"layer {report.layer}"
        lines = result.queries_lines - report.queries_critical_points
        self.report.spend(f"{name}: critical points", lines, result.seconds_lines - report.seconds_critical_points)
        rows = result.queries_rows - report.queries_signatures
        self.report.spend(f"{name}: signatures", rows, result.seconds_rows - report.seconds_signatures)
        report.rows, report.rechecked = len(result.rows), result.rechecked
        report.neurons = [NeuronReport("open", r.tries, r.queries, r.redundant) for r in result.records]
        report.lines, report.candidates, report.ends = result.lines, result.candidates, result.ends
        report.queries_critical_points, report.queries_signatures = result.queries_lines, result.queries_rows
        report.seconds_critical_points, report.seconds_signatures = result.seconds_lines, result.seconds_rows

    def _signed(self, layer: int, below: LayerBelow) -> None:
        """Note what is known of a layer now."""
        if layer == 0:
            return
        report = self.report.layers[layer - 1]
        report.lacking = [(i + 1, p + 1) for i, p in sorted(below.unknown_weights)]
        if below.signs is None:
            return
        for neuron, sign in zip(report.neurons, below.signs, strict=True):
            neuron.sign = "open" if sign is Sign.UNSEEN else sign.name.lower()
        report.opposite_twins, report.always_active = below.twins, below.always_active

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start, asked = perf_counter(), self.oracle.queries
        try:
            yield
        finally:
            self.report.spend(name, self.oracle.queries - asked, perf_counter() - start)

    def outputs(self) -> tuple[OutputRow, ...]:
        for _ in range(RETURNS):
            result, below = self.solved_outputs()
            if result.rows or not self.missing or result.contradicted is None or not self.returned(result.contradicted):
                break
        dear = self.search is not None and self.search.dear
        while not result.rows and dear and self.searched_again(LayerSearch.onward):
            result, below = self.solved_outputs()
        if not (result.rows or self.whole_below):
            result, below = self.tried_outputs(_Supposed(self.missing, self.lacking, LEFT_OUT, ORDERS))
        if not result.rows and self.supposing:  # then there is more to try before more points are left out
            while not result.rows and self.missing and self.searched_again(LayerSearch.onward):
                result, below = self.solved_outputs()
            if not result.rows:
                raise _Incomplete(result.reason)
        for supposed in (
            _Supposed(0, frozenset(), MOST_LEFT_OUT, ORDERS),
            _Supposed(self.missing, self.lacking, leave_open=True),
            _Supposed(self.missing, self.lacking, LEFT_OUT, ORDERS, leave_open=True),
        ):
            if not (result.rows or self.whole_below):
                result, below = self.tried_outputs(supposed)
        return self.noted(result, below)

    def noted(self, result: OutputResult, below: LayerBelow) -> tuple[OutputRow, ...]:
        """The outputs, once what solving them told is noted.

        Raises:
            _Incomplete: they were not solved.
        """
        self.report.output_equations = result.redundant
        self.report.layers[-1].together = sorted((i + 1, p + 1) for i, p in result.together)
        self.accounted = {(len(self.known.layers) - 1, i, p) for i, p in result.accounted}
        if not result.rows:
            raise _Incomplete(result.reason)
        self._signed(len(self.known.layers), below)
        return result.rows

    def solved_outputs(self) -> tuple[OutputResult, LayerBelow]:
        """At first what is missing is taken to be without effect."""
        result, below = self.tried_outputs(_Supposed(0, frozenset(), 0.0 if self.whole_below else LEFT_OUT))
        if not (result.rows or self.whole_below):
            result, below = self.tried_outputs(_Supposed(self.missing, self.lacking))
        return result, below

    def tried_outputs(self, supposed: _Supposed) -> tuple[OutputResult, LayerBelow]:
        """Solve the outputs; if that fails the last layer is again as it was."""
        layer = list(self.known.layers[-1])
        with self.stage("output layer"):
            result, below = self.solve_outputs(supposed)
        if below.contradictory and (supposed.missing, supposed.lacking) != (self.missing, self.lacking):
            result = replace(result, rows=(), reason="more neurons act on both sides than any further ones explain")
        if not result.rows:
            self.known.replace_last(layer)
        return result, below

    def returned(self, contradicted: Point) -> bool:
        """Search the last layer between a point that it does not explain and others; true if that gave a row."""
        return self.searched_again(lambda search: search.across(self.lines_around(contradicted)))

    def lines_around(self, point: Point) -> list[SearchedLine]:
        """From a point to places where neurons of the last layer are known, and to random points."""
        others = [*self.random.sample(self.witnesses, min(len(self.witnesses), RETURN_LINES))]
        generator = np.random.default_rng(self.random.getrandbits(64))
        others += [to_point(p) for p in random_points(self.known, generator, RETURN_LINES)[:RETURN_LINES]]
        return [line_between(point, other) for other in others]

    def searched_again(self, further: Callable[[LayerSearch], object]) -> bool:
        """Search the last layer once more, as its outputs could not be solved; true if that gave a row."""
        assert self.search is not None
        rows, report, number = self.search.result.rows, self.report.layers[-1], len(self.known.layers)
        self.known.replace_last(rows)
        before = len(rows)
        further(self.search)
        self._record(self.search.result, report)
        self._signed(number - 1, self.search.below)
        if self.supposing:
            self.supposing = replace(self.supposing, after=self.kept())
        self.found(self.search, report.width)
        return len(rows) > before

    def solve_outputs(
        self, supposed: _Supposed, random: Random | None = None, near: float | None = None
    ) -> tuple[OutputResult, LayerBelow]:
        random, index = random or self.random, len(self.known.layers) - 1
        missing, lacking = supposed.missing, supposed.lacking
        ignored, ignored_lacking = self.missing - missing, self.lacking - lacking
        below = LayerBelow(self.known, index, missing, random, lacking, ignored, ignored_lacking)
        unknown = {(layer, i, j) for (layer, i), features in self.report.unknown_weights().items() for j in features}
        unknown |= {(index, i, j) for i, j in self.lacking}
        unknown |= {(layer, i, j) for layer in range(1, index + 1) for i, j in self.taken_as_zero(layer)}
        result = solve_outputs(
            self.probe,
            self.known,
            below,
            self.witnesses,
            random,
            supposed.left_out,
            unknown,
            supposed.orders,
            supposed.leave_open,
            near,
        )
        return result, below

    def postponed_weights(self, outputs: Sequence[OutputRow]) -> tuple[OutputRow, ...]:
        """Solve the weights of neurons that are hardly ever on, now that all that lies behind them is known."""
        self.postpone_lacking()
        for layer, neuron in sorted(self.postponed):
            with self.stage("postponed weights"):
                solved = solve_postponed(self.probe, self.known, outputs, layer, neuron, self.random)
            outputs = solved.outputs
            self.report.layers[layer + 1].lacking += [(i + 1, neuron + 1) for i in solved.unseen]
            neurons, acts = self.report.layers[layer].neurons, len(solved.unseen) < len(self.known.layers[layer + 1])
            if acts and len(neurons) == len(self.known.layers[layer]) and neurons[neuron].sign == "open":
                neurons[neuron].sign = "positive"  # on the side that it has in the copy
        for layer in sorted({layer + 1 for layer, _ in self.postponed}):
            outputs = without_idle(self.known, outputs, layer)
            report, rows = self.report.layers[layer], self.known.layers[layer]
            report.always_active = min(report.always_active, len(handing_on(rows)))
            report.lacking = [(i, p) for i, p in report.lacking if i <= len(rows)]
        return tuple(outputs)

    def postpone_lacking(self) -> None:
        """So are those solved that the surfaces of their rows do not meet, but for those that the outputs account for.

        Rows that stand for always-active neurons lose them as well: what was too much of others may be among theirs.
        """
        lacking = self.lacking_weights()
        for layer in {layer for layer, _ in lacking}:
            mixed = set().union(*(features for (at, _), features in lacking.items() if at == layer))
            self.known.layers[layer] = [
                row.without(list(mixed if row.linear else lacking.get((layer, i), ())))
                for i, row in enumerate(self.known.layers[layer])
            ]
        behind = {(layer - 1, j) for (layer, _), features in lacking.items() for j in features}
        self.postponed |= {(layer, j) for layer, j in behind if not self.known.layers[layer][j].linear}
        for number, report in enumerate(self.report.layers):
            report.lacking = [(i, p) for i, p in report.lacking if (number, i - 1, p - 1) in self.accounted]
        self.known.changed()

    def lacking_weights(self) -> dict[tuple[int, int], set[int]]:
        """Rows below whose weight a row lacks, by (layer, row), but for those that the outputs account for."""
        weights = self.report.unknown_weights()
        found = {at: {p for p in features if (*at, p) not in self.accounted} for at, features in weights.items()}
        return {at: features for at, features in found.items() if features}

    def overlooked(
        self, outputs: tuple[OutputRow, ...], follow: Follow, begin: Vector | None = None
    ) -> tuple[OutputRow, ...]:
        """Find neurons that their layers' searches did not meet, until the copy is right wherever it is tried.

        Args:
            begin: points of the slice, shape (points, inputs), at which the copy is known to be wrong.

        Returns:
            The outputs as they are now; the same ones if nothing was found.
        """
        layers = self.report.layers
        room = {n: at.width - at.rows - at.opposite_twins for n, at in enumerate(layers) if at.width is not None}
        incomplete = [number for number, layer in enumerate(layers) if room.get(number, 0) > 0 or layer.lacking]
        lacking = self.report.unknown_weights()
        within = DOMAIN if self.settled and sum(room.values()) > BEYOND else math.inf
        search = LastSearch(self.probe, self.known, incomplete, room, lacking, follow, self.random, within, begin)
        fruitless, before = 0 if incomplete else FRUITLESS, outputs
        with self.stage("overlooked neurons"):
            while not search.quiet and fruitless < FRUITLESS:
                found = search.next(outputs)
                fruitless = fruitless + 1 if found is None else 0
                if found is not None:
                    outputs, layer = found.outputs, layers[found.layer]
                    if found.fresh:
                        layer.neurons.append(NeuronReport("positive"))
                        layer.rows += 1
                        layer.part_open += found.part_open
                        layer.notes = [] if layer.rows == layer.width else layer.notes  # none is missing any more
                        layer.always_active = min(layer.always_active, len(handing_on(self.known.layers[found.layer])))
                    undecided = [neuron for neuron in layer.neurons if neuron.sign == "open"]
                    if found.side is not None and len(undecided) == 1:
                        undecided[0].sign = found.side.name.lower()
                    self.progress("overlooked neurons", layer.rows, layer.width or 0)
        self.wrong = search.wrong
        if begin is not None and outputs is before:
            return outputs
        outputs = self.last_layer_told_apart(outputs, search.lacking)
        for number, layer in enumerate(layers):
            layer.lacking = sorted((n + 1, f + 1) for (at, n), fs in search.lacking.items() if at == number for f in fs)
        return outputs

    def last_layer_told_apart(
        self, outputs: tuple[OutputRow, ...], lacking: dict[tuple[int, int], frozenset[int]]
    ) -> tuple[OutputRow, ...]:
        """Decide signs of the last layer that what it hands on linearly has left open.

        Args:
            lacking: by (layer, row) from 0; changed in place.
        """
        report, last = self.report.layers[-1], len(self.known.layers) - 1
        absent = {n: features for (layer, n), features in lacking.items() if layer == last}
        told = told_apart(self.known, outputs, absent)
        turned = sides_told(self.known, outputs, absent) if told is None else told.negative
        if turned is None or len(turned) != len(report.neurons):
            return outputs
        for neuron, negative in zip(report.neurons, turned, strict=True):
            neuron.sign = "negative" if negative else "positive"
        report.always_active = 0
        if told is None or (told.supposed and not self.as_right(outputs, told)):
            return outputs
        self.known.replace_last(told.rows)
        for where in [where for where in lacking if where[0] == last]:
            del lacking[where]
        lacking.update({(last, n): features for n, features in told.lacking.items()})
        return told.outputs

    def as_right(self, outputs: Sequence[OutputRow], told: ToldApart) -> bool:
        """Is the copy with the last layer told apart right at no fewer of some random points than the copy without?"""
        apart = Known(self.known.inputs, [*self.known.layers[:-1], told.rows])
        both = [(self.known, outputs), (apart, told.outputs)]
        points = random_points(self.known, np.random.default_rng(self.random.getrandbits(64)), LOOKED_AT)
        copies = [copy_of(known, combined(rows, self.probe.choice)) for known, rows in both]
        before, after = right_at(self.probe, points, copies)
        return after >= before

    def whole(
        self, outputs: Sequence[OutputRow], crew: Shared, scales: Sequence[float] = SCALES
    ) -> tuple[Sequence[Sequence[fmpq]], Network, Agreement]:
        """The columns outside the slice, the network with them, and what fresh points show of it."""
        columns = self.columns(outputs, crew)
        network = self.assembled(outputs, columns, DOMAIN)
        with self.stage("fresh points"):
            return columns, network, agreement(network, self.oracle, self.random, self.fresh_points, scales)

    def columns(self, outputs: Sequence[OutputRow], crew: Shared) -> Sequence[Sequence[fmpq]]:
        with self.stage("columns outside the slice"):
            expanded = missing_columns(
                self.probe, self.known, outputs, self.random, crew.read, lambda d, t: self.progress("columns", d, t)
            )
            if expanded is None:
                raise _Incomplete("no point shows enough first-layer neurons to read their other weights")
            columns, unseen = expanded
            if unseen:
                self.report.layers[0].without_columns = [j + 1 for j in unseen]
        return columns

    def assembled(self, outputs: Sequence[OutputRow], columns: Sequence[Sequence[fmpq]], domain: int) -> Network:
        return network_from_rows(
            self.known,
            outputs,
            columns,
            self.probe.coordinates,
            self.oracle.input_width,
            self.lacking_weights(),
            domain,
        )

    def in_all_inputs(self, point: Point) -> list[int]:
        """A point of the slice, in units of 2^-FINE_BITS."""
        row = [0] * self.oracle.input_width
        for coordinate, value in zip(self.probe.coordinates, point, strict=True):
            row[coordinate] = value >> (FRACTION_BITS - FINE_BITS)
        return row

    @property
    def fresh_points(self) -> int:
        """How many fresh points are asked: more where something is not identified."""
        return MORE_POINTS if self.report.unidentified() or self.report.shared() else FRESH_POINTS

    def compare(self, agreed: Agreement, network: Network, wider: Network) -> None:
        """Of what is not identified, state the largest box in which it makes no difference.

        Args:
            agreed: what fresh points have shown.
            wider: the same network, but that its always-active neurons are active in a larger box.
        """
        unidentified, twins = self.report.unidentified(), self.report.shared()
        points = self.fresh_points
        with self.stage("fresh points"):
            differing = [*agreed.differing, *map(self.in_all_inputs, self.wrong)]
            if agreed.scale == DOMAIN and (unidentified or twins):
                differing += farther(wider, self.oracle, self.random)
            sizes = [max(map(abs, point)) / 2.0**FRACTION_BITS for point in self.wrong]
            nearest = min([nearest_difference(wider, self.oracle, differing, self.random), *sizes])
            domain = stated_box(agreed.scale, nearest)
            asked = points * sum(scale <= domain for scale in SCALES) // len(SCALES)
            if domain and not asked:
                asked = points
                domain = agreement(network, self.oracle, self.random, asked, (domain,)).scale
            if domain < DOMAIN:
                unidentified = unidentified or twins
            if not domain or (domain < DOMAIN and not unidentified):
                raise _Incomplete("the recovered network differs from the oracle at a fresh point")
            if nearest < math.inf and not unidentified:
                raise _Incomplete(f"the recovered network differs from the oracle at |x| = {nearest:.3g}")
        self.report.fresh_points = asked
        self.report.complete = not unidentified
        if self.report.complete:
            self.report.outcome = "Complete: every row, sign and column was recovered exactly."
            return
        self.report.domain = domain
        beyond = "" if domain == DOMAIN else f", and differs from it at |x| = {nearest:.3g}"
        self.report.outcome = (
            f"Not all identified: {'; '.join(unidentified)}. What was found answers exactly like the oracle at "
            f"{self.report.fresh_points} fresh points in |x| <= {domain:g}{beyond}."
        )
