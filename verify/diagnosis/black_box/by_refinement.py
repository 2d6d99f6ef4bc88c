"""A network that is right in structure and imprecise in all its rows: refined from the oracle, and compared with that.

Only tried where the outputs are nearly the answers. The refined network (`precise.refinement`) must give the oracle's
answers at the fresh points; which layers had lost precision, and to how many bits they were right, is then read off
row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flint import fmpq

from precise.errors import BudgetExceeded, InputError, PrecisionError
from precise.network import Network
from precise.refinement import Refinement, refine_network
from verify.diagnosis.agreement_map import compared
from verify.diagnosis.black_box.answers import Place, Questions, flipped
from verify.diagnosis.black_box.by_extraction import LimitedOracle
from verify.diagnosis.black_box.fresh_points import Agreement, agreement
from verify.diagnosis.fault import Certainty, Fault, Kind
from verify.verdict import Witness

NEARLY = fmpq(1, 1 << 5)  # of the largest answer: outputs that are farther off are not those of imprecise rows
MOST_QUERIES = 100_000  # where the user sets no limit

Progress = Callable[[str], None]


class ByRefinement:
    """The diagnosis against the recovered network's own refinement."""

    def __init__(self, questions: Questions, recovered: Network, seed: int, progress: Progress) -> None:
        self.questions, self.recovered, self.seed, self.progress = questions, recovered, seed, progress

    def run(self, bases: Sequence[frozenset[Place]], fresh: Agreement) -> dict[str, object] | None:
        """Faults, outcome and repaired network; None: no refinement gives the answers.

        Args:
            bases: sets of wrong signs to start from.
            fresh: points in all inputs that were asked before, with the answers.

        Raises:
            OracleError: from the oracle.
        """
        for turned in bases:
            base = flipped(self.recovered, turned)
            if not _nearly(agreement(base, self.questions, fresh.answers)):
                continue
            self.progress("last digits, from the oracle")
            before = self.questions.asked
            found = self._refined(base)
            if found is not None and agreement(found.network, self.questions, fresh.answers).agree:
                return self._told(turned, found, fresh, self.questions.asked - before)
        return None

    def _refined(self, base: Network) -> Refinement | None:
        oracle = LimitedOracle(self.questions.oracle, min(self.questions.left, MOST_QUERIES))
        try:
            return refine_network(oracle, base, self.seed)
        except (PrecisionError, BudgetExceeded, InputError):
            return None

    def _told(self, turned: frozenset[Place], found: Refinement, fresh: Agreement, asked: int) -> dict[str, object]:
        witness = fresh.witness(self.questions)
        layers = compared(found.network, self.recovered, ())
        signs = [Fault(Kind.SIGN, k, (i,), _SIGN, Certainty.LIKELY, witness=witness) for k, i in turned]
        lost = [fault for layer in layers for fault in _lost(layer, witness)]
        faults = tuple(sorted([*lost, *signs], key=lambda fault: fault.place))
        return {
            "faults": faults,
            "explained": True,
            "outcome": (
                f"The network is imprecise, first in layer {min((fault.layer for fault in lost), default=1)}: its rows "
                f"were refined from the oracle with {asked:,} queries. {found.exact_rows} of {found.rows} are "
                "certified as exact now, given that weights are floats; the refined network gives the oracle's answers "
                "at fresh points."
            ),
            "repaired": found.network,
            "details": {"layers": layers, "refined_rows": found.exact_rows, "refinement_queries": asked},
        }


_SIGN = "With this row negated and all rows refined, the network gives the oracle's answers within their errors."


def _lost(layer: dict[str, Any], witness: Witness | None) -> Iterator[Fault]:
    """The precision loss of one layer of an agreement map, if there is any."""
    bits = [neuron["bits"] for neuron in layer["neurons"] if neuron["bits"] is not None]
    if bits:
        name = "the output layer" if layer["output"] else f"layer {layer['layer']}"
        text = (
            f"{len(bits)} of the {len(layer['neurons'])} rows of {name} are the refined network's to some bits only: "
            f"the worst of them is off by 2^-{min(bits)} of its largest entry."
        )
        yield Fault(Kind.PRECISION, layer["layer"], (), text, Certainty.LIKELY, bits=min(bits), witness=witness)


def _nearly(seen: Agreement) -> bool:
    """Are the outputs off by little, at all points that were asked?"""
    pairs = list(zip(seen.predicted, seen.answers.exact, strict=True))
    largest = max((abs(v) for _, answers in pairs for v in answers), default=fmpq(0))
    return all(abs(a - b) <= NEARLY * largest for mine, answers in pairs for a, b in zip(mine, answers, strict=True))
