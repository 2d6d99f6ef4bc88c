"""When nothing that was tried explains an exact oracle's answers: extract the network, and compare weight by weight.

An extraction knows nothing of the recovered network but its widths, which are tried first; a neuron that is missing or
spurious makes them wrong, so they are found as well if need be. What comes out agrees with the oracle at fresh points
and is not proved to be the oracle's network: so the faults that it shows are called likely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from precise.arithmetic import Batch
from precise.errors import BudgetExceeded
from precise.extract import Extraction, extract
from precise.layers.hidden_layer import Patience
from precise.network import Network
from precise.oracle import Oracle
from precise.oracles.promise import promise_of
from verify.diagnosis.black_box.answers import Questions
from verify.diagnosis.black_box.fresh_points import Agreement, agreement
from verify.diagnosis.fault import Certainty, Diagnosis, Fault
from verify.diagnosis.white_box import diagnose
from verify.verdict import Witness

ENOUGH_BITS = 256  # of an oracle: an exact extraction refuses what rounds more after a few queries
MOST_QUERIES = 200_000  # of the extractions, where the user sets no limit
FEW = 10_000  # queries that are left: then the recovered widths get them all
SHORT = Patience(candidates=150, lines=30)  # with the recovered widths, which may be wrong
SECONDS = 10.0  # for the search of inputs that show the faults

Progress = Callable[[str], None]


class LimitedOracle:
    """A part of an oracle's queries, as an oracle."""

    budget: int | None

    def __init__(self, oracle: Oracle, budget: int) -> None:
        self.input_width, self.output_width = oracle.input_width, oracle.output_width
        self.precision, self.budget, self.queries = oracle.precision, budget, 0
        self.promise = promise_of(oracle)
        self._oracle, self._most = oracle, budget

    def query(self, points: Batch) -> Batch:
        """See `precise.oracle.Oracle`."""
        if self.queries + points.size > self._most:
            raise BudgetExceeded(f"{self.queries} of {self._most} queries are asked, {points.size} more are needed")
        answers = self._oracle.query(points)
        self.queries += points.size
        return answers


class ByExtraction:
    """The diagnosis against a network that was extracted from the oracle."""

    def __init__(
        self, questions: Questions, recovered: Network, seed: int, progress: Progress = lambda _: None
    ) -> None:
        self.questions, self.recovered = questions, recovered
        self.seed, self.progress = seed, progress
        self.said = ""  # what became of the last extraction

    @property
    def possible(self) -> bool:
        """Are the oracle's answers exact enough to read rows off them?"""
        precision = self.questions.oracle.precision
        if self.questions.promise.evaluation is not None:
            return False  # floats, whatever the oracle's precision says
        return precision is None or precision >= ENOUGH_BITS

    def run(self, fresh: Agreement) -> dict[str, object] | None:
        """Faults, outcome and repaired network; None: no network came out that gives the oracle's answers.

        Args:
            fresh: points in all inputs that were asked before, with the answers.

        Raises:
            OracleError: from the oracle.
        """
        before = self.questions.asked
        for found in self._extractions():
            extracted = found.network
            if extracted is None or not agreement(extracted, self.questions, fresh.answers).agree:
                continue
            compared = diagnose(extracted, self.recovered, SECONDS, self.seed, self.progress)
            return self._told(extracted, found, compared, self.questions.asked - before)
        return None

    def _extractions(self) -> Iterator[Extraction]:
        """With the recovered widths, and with none given; the first may use half of the queries, if they are many."""
        start, left = self.questions.asked, min(self.questions.left, MOST_QUERIES)
        first = left // 2 if left > FEW else left
        for widths, patience in ((self.recovered.widths, SHORT), (None, None)):
            most = first if widths else left - (self.questions.asked - start)
            if most < 1:
                return
            told = "with the recovered widths" if widths else "with widths unknown"
            self.progress(f"extraction {told}, at most {most:,} queries")
            oracle = LimitedOracle(self.questions.oracle, most)
            found = extract(oracle, widths, self.seed, patience=patience)
            self.said = found.report.outcome
            yield found

    def _told(self, extracted: Network, found: Extraction, compared: Diagnosis, asked: int) -> dict[str, object]:
        faults = tuple(self._likely(fault) for fault in compared.faults)
        shape = "-".join(map(str, extracted.widths))
        complete = "" if found.report.complete else f" ({found.report.outcome})"
        return {
            "faults": faults,
            "explained": compared.explained,
            "outcome": (
                f"Neither signs nor a few wrong rows explain the answers, so a network {shape} was extracted from the "
                f"oracle with {asked:,} queries{complete}; at fresh points it gives the oracle's answers. Against it, "
                f"with its neurons numbered as it has them: {compared.outcome}"
            ),
            "repaired": compared.repaired,
            "alternatives": tuple(tuple(map(self._likely, other)) for other in compared.alternatives),
            "details": {**compared.details, "extracted_widths": list(extracted.widths), "extraction_queries": asked},
        }

    def _likely(self, fault: Fault) -> Fault:
        return replace(fault, certainty=Certainty.LIKELY, witness=self._asked(fault.witness))

    def _asked(self, witness: Witness | None) -> Witness | None:
        """The witness with the oracle's own answer, if that may be asked and refutes the recovered network."""
        if witness is None or self.questions.left < 1:
            return None
        points = Batch.from_rows([list(witness.point)])
        answer = self.questions.oracle.query(points)
        radii = self.questions.promise.radii(points, answer)[0]
        first = tuple(answer.rows()[0])
        gaps = zip(first, witness.second, radii, strict=True)
        return Witness(witness.point, first, witness.second) if any(abs(a - b) > r for a, b, r in gaps) else None
