"""Extraction under rounding error as a whole; nothing is concluded that a ball does not prove or several places
confirm.

slice -> [sampled lines -> partial signatures -> matching, targeted search, confirmation -> signs] for every layer
      -> output layer -> more digits -> columns outside the slice -> fresh points

What is proved: every enclosure, given that each bend that was used belongs to one neuron. What is confirmed: that
premise, by independent places that agree to 2^-40 or better and by surfaces that are where the row predicts them. What
is checked at the end: that the enclosed network and the oracle agree at fresh points within both errors.

A neuron of layer 3 or deeper whose whole surface lies where layer 2 does not change state cannot be told from a neuron
of layer 2 by its surface. In networks of three and more hidden layers the rows above the first layer are therefore
provisional, and not claimed, until the whole network stands and agrees with the oracle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from flint import arb, fmpq
from threadpoolctl import threadpool_limits

from precise.errors import BudgetExceeded, InputError, OracleError
from precise.journal.file import Journal
from precise.journal.oracle import JournaledOracle
from precise.matching.columns import other_columns, widened
from precise.matching.layer import Patience, match_layer
from precise.matching.outputs import output_rows
from precise.matching.rationals import MANTISSAS, exact_row
from precise.matching.refine import refine
from precise.matching.report import MatchedLayer, MatchReport
from precise.matching.survey import Survey
from precise.oracle import Oracle
from precise.rounding.balls import Floats, Vector, digits, middle, working_precision
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.view import View
from precise.signs.methods import METHODS
from precise.signs.question import SignQuestion

SPARE_INPUTS = 2  # of the slice beyond the first layer's width: equations that a wrong row breaks
FRESH_POINTS = 16
Progress = Callable[[str, int, int], None]  # (stage, done, total)


@dataclass
class Matched:
    """What came out: rows as balls, exact rationals where certified, and the report."""

    report: MatchReport
    layers: list[list[KnownRow]] = field(default_factory=list)  # hidden layers on the slice, the last perhaps in part
    first: list[Vector] = field(default_factory=list)  # first-layer weights on all inputs, if the run is complete
    outputs: list[Vector] = field(default_factory=list)  # (weights ..., bias) of every output
    exact: dict[tuple[int, int], list[fmpq]] = field(
        default_factory=dict
    )  # (layer from 1, row from 1) -> weights, bias

    @property
    def parameters(self) -> list[tuple[list[Vector], Vector]]:
        """(weights, biases) of every layer of a complete network."""
        hidden = [(list(map(list, (r.weights for r in rows))), [r.bias for r in rows]) for rows in self.layers]
        hidden[0] = (self.first, hidden[0][1])
        return [*hidden, ([row[:-1] for row in self.outputs], [row[-1] for row in self.outputs])]


class _Incomplete(Exception):
    """The extraction cannot go on; the message says what is missing and what to try."""


def extract_by_matching(
    oracle: Oracle,
    widths: Sequence[int],
    seed: int = 0,
    signs: str = "exact",
    patience: Patience | None = None,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> Matched:
    """Recover a network from an oracle that rounds.

    Args:
        oracle: what is asked; its promise bounds its error.
        widths: (inputs, neurons of each hidden layer ..., outputs).
        seed: every random choice follows from it.
        signs: a name of `precise.signs.methods.METHODS`.
        patience: when a layer counts as having no further neuron that can be told.
        progress: called with (stage, done, total).
        journal: keeps every answer; with one of an unfinished run, that run goes on where it was.

    Raises:
        InputError: the widths do not fit the oracle, there is no such method, or the journal cannot be written.
    """
    if signs not in METHODS:
        raise InputError(f"signs {signs!r}: expected one of {', '.join(METHODS)}")
    if len(widths) < 3 or widths[0] != oracle.input_width or widths[-1] != oracle.output_width:
        raise InputError(
            f"widths: expected {oracle.input_width} inputs, hidden layers and {oracle.output_width} outputs, "
            f"not {list(widths)}"
        )
    if journal is not None:
        oracle = JournaledOracle(oracle, journal)
    run = _Run(oracle, tuple(widths), seed, signs, patience or Patience(), progress or (lambda *_: None))
    start = perf_counter()
    try:
        with working_precision(), threadpool_limits(1):  # one thread: the same sums on every run
            run.everything()
    except (_Incomplete, BudgetExceeded, OracleError) as stop:
        run.report.outcome = f"Incomplete: {stop}."
    except KeyboardInterrupt:
        run.report.outcome, run.report.interrupted = "Incomplete: interrupted.", True
    run.report.queries, run.report.seconds = oracle.queries, perf_counter() - start
    return run.found


class _Run:
    """The state of one extraction."""

    def __init__(
        self, oracle: Oracle, widths: tuple[int, ...], seed: int, signs: str, patience: Patience, progress: Progress
    ) -> None:
        self.oracle, self.widths, self.signs = oracle, widths, signs
        self.patience, self.progress = patience, progress
        self.random = Random(seed)
        size = min(widths[0], widths[1] + SPARE_INPUTS)
        coordinates = sorted(self.random.sample(range(widths[0]), size))
        combination = [1] if widths[-1] == 1 else [self.random.randint(1, 7) for _ in range(widths[-1])]
        self.view = View(oracle, coordinates, combination)
        self.survey = Survey(self.view, self.random)
        self.known = KnownLayers()
        self.report = MatchReport(list(widths), seed, self.view.promise.statement, "match", signs)
        self.report.slice_inputs = coordinates
        self.found = Matched(self.report)
        self.combination = combination

    def everything(self) -> None:
        depth = len(self.widths) - 2
        for number in range(1, depth + 1):
            self.layer(number, last=number == depth)
        self.outputs()
        self.columns()
        self.compare()

    def layer(self, number: int, last: bool) -> None:
        inputs = self.view.width if number == 1 else self.widths[number - 1]
        report = MatchedLayer(number, self.widths[number])
        report.provisional = number > 1 and len(self.widths) > 4
        self.report.layers.append(report)
        name = f"layer {number}"
        with self.stage(f"{name}: signatures"):
            result = match_layer(
                self.survey,
                self.known,
                inputs,
                report.width,
                last,
                self.patience,
                lambda done, total: self.progress(f"{name}: signatures", done, total),
            )
        report.rows, report.partial_rows = len(result.rows), len(result.open_entries)
        report.bits = [row_bits(row.entries) for row in result.rows]
        report.lines, report.partial_signatures, report.groups = result.lines, result.partials, result.groups
        report.told_bits = result.told_bits
        self.found.layers.append(result.rows)
        if report.rows + report.partial_rows > report.width:
            raise _Incomplete(f"{name}: {report.rows + report.partial_rows} rows were confirmed, more than declared")
        self._rational(number, result.rows)
        if report.rows < report.width:
            missing = f", {report.partial_rows} more in part" if report.partial_rows else ""
            raise _Incomplete(
                f"{name}: {report.rows} of {report.width} rows could be told at this precision{missing}; "
                "try another seed, more bits, or a network of fewer layers"
            )
        self.known = self.known.with_layer(result.rows)
        self.sign(number, report, last)

    def _rational(self, number: int, rows: Sequence[KnownRow]) -> None:
        """Rows as exact rationals, where the radius certifies them; an entry of layer k is a product of k floats."""
        for bits in MANTISSAS:
            exact = {(number, i + 1): exact_row(row.entries, number * bits) for i, row in enumerate(rows)}
            certified = {key: values for key, values in exact.items() if values is not None}
            if certified:
                self.found.exact |= certified
                self.report.mantissa = bits
                self.report.layers[number - 1].exact_rows = len(certified)
                return

    def sign(self, number: int, report: MatchedLayer, last: bool) -> None:
        with self.stage(f"layer {number}: signs"):
            question = SignQuestion(self.view, self.known, self.survey.regions, self.random, last)
            decisions = METHODS[self.signs](question)
        report.signs = [d.sign for d in decisions]
        report.certain_signs = sum(d.certain and d.sign != 0 for d in decisions)
        if 0 in report.signs:
            told = sum(s != 0 for s in report.signs)
            raise _Incomplete(
                f"layer {number}: {told} of {report.width} signs could be told by the method {self.signs}; "
                "try another method, or more bits"
            )
        self.known = self.known.signed(report.signs)
        self.found.layers[-1] = list(self.known.layers[-1])

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start, asked = perf_counter(), self.oracle.queries
        try:
            yield
        finally:
            self.report.spend(name, self.oracle.queries - asked, perf_counter() - start)

    def outputs(self) -> None:
        with self.stage("output layer"):
            rows = output_rows(self.view, self.known, self.survey.regions, self.widths[-1])
        if rows is None:
            raise _Incomplete("the output layer: no row fits all answers, so that a row or a sign below is wrong")
        with self.stage("more digits"):
            refined = refine(self.view, self.known, rows, self.random)
        if refined is None:
            raise _Incomplete("the answers contradict the recovered network, so that a row or a sign is wrong")
        self.known, rows = refined.known, refined.outputs
        self.found.layers = [list(layer) for layer in self.known.layers]
        for number, layer in enumerate(self.known.layers, 1):
            self.report.layers[number - 1].bits = [row_bits(row.entries) for row in layer]
            self.report.layers[number - 1].expected_bits = expected_bits(layer, refined.spread[number - 1])
            self._rational(number, layer)
        self.found.outputs = rows
        self.report.output_bits = min(row_bits(row) for row in rows)

    def columns(self) -> None:
        combined = [
            sum((row[j] * c for row, c in zip(self.found.outputs, self.combination, strict=True)), arb(0))
            for j in range(self.widths[-2] + 1)
        ]
        with self.stage("columns outside the slice"):
            outside = other_columns(
                self.view,
                self.known,
                self.survey.regions,
                combined,
                self.random,
                lambda d, t: self.progress("columns", d, t),
            )
        if outside is None:
            raise _Incomplete("the first layer's weights outside the slice could not be told at this precision")
        rows = [list(row.weights) for row in self.known.layers[0]]
        self.found.first = widened(rows, self.view.coordinates, outside)
        self.report.columns_bits = min(row_bits(row) for row in self.found.first)

    def compare(self) -> None:
        """The enclosed network and the oracle at fresh points in all inputs."""
        size = 1 << self.view.grid
        points = [
            [round(self.random.gauss(0, scale) * size) for _ in range(self.widths[0])]
            for scale in (0.25, 1.0, 2.0, 4.0)
            for _ in range(FRESH_POINTS // 4)
        ]
        with self.stage("fresh points"):
            answers = self.view.ask_wide(points, range(self.widths[0]))
            predicted = [self.predicted(self.view.balls(p)) for p in points]
        pairs = zip(answers, predicted, strict=True)
        if not all(a.overlaps(p) for given, expected in pairs for a, p in zip(given, expected, strict=True)):
            raise _Incomplete("the recovered network contradicts the oracle at a fresh point")
        self.report.fresh_points = len(points)
        self.report.complete = True
        for layer in self.report.layers:
            layer.provisional = False
        uncertain = sum(layer.width - layer.certain_signs for layer in self.report.layers)
        signs = (
            f"{uncertain} signs rest on the method {self.signs}, not on a proof" if uncertain else "every sign proved"
        )
        bits = min([*(b for layer in self.report.layers for b in layer.bits), self.report.output_bits])
        self.report.outcome = (
            f"Complete: every row is enclosed to {min(bits, self.report.columns_bits):.1f} bits or better, {signs}; "
            f"the enclosure agrees with the oracle at {len(points)} fresh points."
        )

    def predicted(self, point: Vector) -> Vector:
        values = point
        for number, (weights, biases) in enumerate(self.found.parameters):
            held = [v.max(arb(0)) for v in values] if number else values
            values = [
                sum((w * h for w, h in zip(row, held, strict=True)), bias)
                for row, bias in zip(weights, biases, strict=True)
            ]
        return values


def expected_bits(rows: Sequence[KnownRow], spread: Sequence[Floats]) -> list[float]:
    """-log2 of the largest expected error of each row, in units of its largest entry; none if it was not estimated."""
    sizes = [
        (float(part.max()), max(abs(middle(e)) for e in row.entries)) for row, part in zip(rows, spread, strict=True)
    ]
    return [math.log2(largest / error) for error, largest in sizes if error > 0]


def row_bits(entries: Sequence[arb]) -> float:
    """-log2 of the largest radius of a row, in units of its largest entry."""
    largest = max(abs(middle(e)) for e in entries)
    return min(digits(e, largest) for e in entries)
