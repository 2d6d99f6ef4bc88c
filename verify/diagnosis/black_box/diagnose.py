"""What is wrong with a recovered network, from an oracle's answers alone.

First the signs, on the supposition that every row is right up to its sign (`sign_search`). If the network so mended
agrees with the oracle at fresh points, that is the diagnosis. If no set of signs fits, numbers are wrong: then rows are
fitted, from the first layer that cannot be right upwards (`row_search`). What is still not explained is compared with
a network that is extracted from the oracle, if that is exact (`by_extraction`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from precise.errors import BudgetExceeded, InputError
from precise.network import Network
from precise.oracle import Oracle
from verify.diagnosis.black_box.answers import Place, Questions, flipped
from verify.diagnosis.black_box.by_extraction import ByExtraction
from verify.diagnosis.black_box.by_refinement import ByRefinement
from verify.diagnosis.black_box.fresh_points import Agreement, agreement, fresh_answers
from verify.diagnosis.black_box.picture_witness import with_pictures
from verify.diagnosis.black_box.row_search import RowSearch
from verify.diagnosis.black_box.sign_search import SignSearch
from verify.diagnosis.black_box.signs import Signs
from verify.diagnosis.fault import Certainty, Diagnosis, Fault, Kind
from verify.verdict import Witness

Progress = Callable[[str], None]


def diagnose_black_box(
    oracle: Oracle,
    recovered: Network,
    max_queries: int | None = None,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Diagnosis:
    """Find what is wrong with a recovered network by asking an oracle.

    Args:
        oracle: of the original; its promise bounds its error.
        recovered: the network in question, with the oracle's inputs and outputs.
        max_queries: the most points to ask; None: as many as are needed.
        seed: every random choice follows from it.
        progress: is told each step in a few words.

    Raises:
        InputError: the network has other inputs or outputs than the oracle, or no hidden layer.
        OracleError: from the oracle.
    """
    given, expected = (recovered.input_width, recovered.output_width), (oracle.input_width, oracle.output_width)
    if given != expected:
        raise InputError(
            f"expected a network with the oracle's {expected[0]} inputs and {expected[1]} outputs, "
            f"not {given[0]} and {given[1]}"
        )
    if len(recovered.layers) < 2:
        raise InputError("expected a network with a hidden layer: without one there are no signs")
    run = _Run(Questions(oracle, max_queries), recovered, seed, progress)
    started = time.perf_counter()
    found = run.everything()
    return Diagnosis(
        **found,  # type: ignore[arg-type]
        queries=run.questions.asked,
        seconds=time.perf_counter() - started,
        seed=seed,
    )


class _Run:
    """One diagnosis."""

    def __init__(self, questions: Questions, recovered: Network, seed: int, progress: Progress) -> None:
        self.questions = questions
        self.recovered = recovered
        self.seed = seed
        self.generator = np.random.default_rng(seed)
        self.progress = progress
        self.search = SignSearch(questions, recovered, self.generator)

    def everything(self) -> dict[str, object]:
        found = self._found()
        faults: Any = found["faults"]
        repaired: Any = found.get("repaired")
        shown = with_pictures(faults, self.recovered, repaired, self.questions, self.generator)
        return {**found, "faults": shown}

    def _found(self) -> dict[str, object]:
        try:
            fresh = agreement(self.recovered, self.questions, fresh_answers(self.questions, self.generator))
            signs = self.search.run(self.progress)
            return self._signs(signs, fresh) or self._rows(signs, fresh)
        except BudgetExceeded as stop:
            return self._stopped(stop)

    # -- signs alone -------------------------------------------------------------------------------------------------

    def _signs(self, signs: Signs, fresh: Agreement) -> dict[str, object] | None:
        """The diagnosis if signs explain everything; None: they do not."""
        fitting = [
            chosen
            for chosen in signs.explanations
            if agreement(flipped(self.recovered, chosen), self.questions, fresh.answers).agree
        ]
        if not fitting:
            return None
        best = fitting[0]
        repaired = flipped(self.recovered, best)
        again = agreement(repaired, self.questions, fresh_answers(self.questions, self.generator))
        if not again.agree:
            return None
        sure = signs.sure and len(fitting) == 1
        witness = fresh.witness(self.questions)
        return {
            "faults": self._sign_faults(signs, best, sure, witness),
            "explained": True,
            "outcome": self._outcome(signs, best, sure, len(fresh.answers) + len(again.answers), len(fitting)),
            "repaired": repaired,
            "alternatives": tuple(self._sign_faults(signs, other, False, None) for other in fitting[1:]),
            "details": self._figures(signs),
        }

    def _sign_faults(
        self, signs: Signs, chosen: frozenset[Place], sure: bool, witness: Witness | None
    ) -> tuple[Fault, ...]:
        return tuple(
            Fault(
                Kind.SIGN,
                place[0],
                (place[1],),
                self._evidence(signs, place, sure),
                Certainty.PROVED if sure or place in signs.proofs else Certainty.LIKELY,
                witness=witness,
            )
            for place in sorted(chosen)
        )

    @staticmethod
    def _evidence(signs: Signs, place: Place, sure: bool) -> str:
        if place in signs.proofs:
            return signs.proofs[place].evidence
        fits = (
            f"With the row of neuron {place[1]} of layer {place[0]} negated, and the other faults mended, the network "
            "gives the oracle's answers within their errors; "
        )
        if not sure:
            return fits + "other sets of signs were not excluded."
        return fits + f"{signs.scope} was refuted by answers that it cannot give ({' and '.join(signs.provers[-2:])})."

    def _outcome(self, signs: Signs, chosen: frozenset[Place], sure: bool, fresh: int, fitting: int) -> str:
        hidden = sum(self.recovered.widths[1:-1])
        agrees = f"the network agrees with the oracle at {fresh} fresh points"
        mended = f"{len(chosen)} of {hidden} signs {'is' if len(chosen) == 1 else 'are'} wrong; mended, {agrees}"
        proof = f"Given that the rows are right up to their signs, {signs.scope} is refuted by {_listed(signs.provers)}"
        if fitting > 1:
            proof = f"{fitting} sets of signs fit, and no point was found that tells them apart"
        elif not sure:
            most = signs.tried.most if signs.tried else 0
            proof = (
                f"No set with at most {most} wrong signs in the layers that no single move decides fits; this one was "
                "found by fitting, and others of its size were not excluded"
            )
        return f"{mended if chosen else f'No fault was found: {agrees}'}. {proof}.{self._open(signs)}"

    @staticmethod
    def _open(signs: Signs) -> str:
        if not signs.open:
            return ""
        named = ", ".join(f"neuron {i} of layer {k}" for k, i in sorted(signs.open)[:6])
        more = f" and {len(signs.open) - 6} more" if len(signs.open) > 6 else ""
        return f" Undecidable: the sign of {named}{more} changes nothing that the oracle shows."

    def _figures(self, signs: Signs) -> dict[str, object]:
        return {
            "oracle": self.questions.promise.statement,
            "slice": [c + 1 for c in self.search.columns],
            "signs_proved_alone": len(signs.proofs),
            "sets_tried": 0 if signs.tried is None else signs.tried.count,
            "uniqueness_by": signs.provers,
            "z3": None if signs.solver is None else signs.solver.to_json(),
            "undecidable": [list(place) for place in sorted(signs.open)],
        }

    # -- numbers -----------------------------------------------------------------------------------------------------

    def _rows(self, signs: Signs, fresh: Agreement) -> dict[str, object]:
        """Wrong rows by fitting; where that explains nothing and the oracle is exact, by an extraction."""
        search = RowSearch(self.questions, self.recovered, signs, self.generator, self.progress)
        extraction = ByExtraction(self.questions, self.recovered, self.seed, self.progress)
        found: dict[str, Any]
        stopped = None
        try:
            found = search.run(fresh)
        except BudgetExceeded as stop:
            found, stopped = {"explained": False}, stop
        if not found["explained"]:
            refinement = ByRefinement(self.questions, self.recovered, self.seed, self.progress)
            found = refinement.run([*search.bases(), self.search.nearest()], fresh) or found
        if not found["explained"] and extraction.possible:
            found = extraction.run(fresh) or _after(extraction, found)
        if stopped is not None and not found["explained"]:
            raise stopped
        details: Any = found.get("details", {})
        return found | {"details": self._figures(signs) | details}

    def _stopped(self, stop: BudgetExceeded) -> dict[str, object]:
        """What is proved when the queries are used up."""
        signs = self.search.signs
        wrong = frozenset(place for place, proof in signs.proofs.items() if proof.sign < 0)
        return {
            "faults": self._sign_faults(signs, wrong, False, None),
            "explained": False,
            "outcome": (
                f"Incomplete: {stop}. Given that the rows are right up to their signs, {len(signs.proofs)} signs were "
                f"proved until then, {len(wrong)} of them wrong; allow more queries."
            ),
            "details": self._figures(signs),
        }


def _after(extraction: ByExtraction, found: dict[str, Any]) -> dict[str, Any]:
    """What was found, with what became of the extraction."""
    if not extraction.said:
        return found
    said = f"An extraction from the oracle does not explain them either: {extraction.said}"
    return found | {"outcome": f"{found.get('outcome', '')} {said}".strip()}


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def as_places(faults: Sequence[Fault]) -> list[Place]:
    """Layer and neuron of every wrong sign among some faults."""
    return [(fault.layer, i) for fault in faults if fault.kind is Kind.SIGN for i in fault.neurons]
