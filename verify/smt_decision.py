"""A claim decided by Z3 [DMB08] over the rationals: an independent decision procedure for small networks.

It gets the networks as they are (`smt_lib`), with no pairing of neurons and none of the search's bounds. A model
is a rational input and counts as a witness only after exact replay. `unsat` is taken at Z3's word: it comes
with no certificate, unless one of ours can be grown afterwards by splitting every undecided neuron.
"""

from __future__ import annotations

import time

import z3
from flint import fmpq

from precise.arithmetic import rational, to_text
from precise.network import Network
from verify.certificate import MANTISSA, Certificate, assemble, sealed
from verify.checker.check import evaluate, targets
from verify.decision import Decision, Effort, Engine, refuted
from verify.differential.finish import MOST_INPUTS, finish
from verify.differential.pairing import pair_neurons
from verify.properties.claim import Claim, Within, is_equality, replay, short
from verify.properties.domain import Domain
from verify.smt_lib import script
from verify.verdict import Outcome, Verdict, Witness

NO_TIME = "the time was over; give more, or a smaller domain"


def decide_by_z3(
    first: Network, second: Network, domain: Domain, claim: Claim, effort: Effort, certify: bool = True
) -> Decision:
    """Decide a claim about two networks f and g on a domain by Z3 alone.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: of the inputs.
        claim: any of the claims.
        effort: its time is for solver and certificate together; Z3 uses one process.
        certify: try to grow a certificate where the claim holds.

    Raises:
        InputError: the networks do not fit the domain or each other, or are too large for any solver.
    """
    return _Question(first, second, domain, effort, certify).decide(claim)


def maximum_by_z3(first: Network, second: Network, domain: Domain, effort: Effort, certify: bool = True) -> Decision:
    """The maximum of |g - f| over all outputs and a domain, exactly: attained at a point, and proved to be the largest.

    The verdict is `equal` (it is 0), `equivalent` (|g - f| is at most what is attained) or `unknown`; its details
    hold `attained` and `proved` as far as they are known. Arguments and errors are those of `decide_by_z3`.
    """
    return _Question(first, second, domain, effort, certify).maximum()


class _Question:
    def __init__(self, first: Network, second: Network, domain: Domain, effort: Effort, certify: bool) -> None:
        self.first, self.second, self.domain, self.effort, self.certify = first, second, domain, effort, certify
        self.begun = time.monotonic()

    def decide(self, claim: Claim) -> Decision:
        answer, point, why = self.asked(claim)
        if answer == z3.sat:
            witness = replay(claim, self.domain, self.first, self.second, point)
            if witness is not None:
                return self.different(claim, witness)
            why = "its point does not refute the claim in exact arithmetic"
        if answer == z3.unsat:
            same = is_equality(claim)
            return self.proved(claim, Outcome.EQUAL if same else Outcome.EQUIVALENT, "", {})
        return self.unknown(claim.describe(), f"Z3 gave up: {why}", {})

    def maximum(self) -> Decision:
        """Z3's optimum, replayed at its point; that nothing is larger is then asked as a claim of its own."""
        point, why = self.optimum()
        if point is None or not self.domain.contains(point):
            return self.unknown("the maximum of |g(x) - f(x)|", f"Z3 gave up: {why}", {})
        outputs = zip(self.first(point), self.second(point), strict=True)
        largest = max(abs(b - a) for a, b in outputs)
        claim = Within((largest,) * self.first.output_width)
        details: dict[str, object] = {"attained": to_text(largest), "point": [to_text(v) for v in point]}
        answer, _, why = self.asked(claim)
        if answer != z3.unsat:
            text = f"attained {short(largest)}; Z3 did not prove that nothing is larger: {why}"
            return self.unknown(claim.describe(), text, details)
        text = f"attained {short(largest)}, and nothing is larger: "
        return self.proved(
            claim, Outcome.EQUIVALENT if largest else Outcome.EQUAL, text, details | {"proved": to_text(largest)}
        )

    def asked(self, claim: Claim) -> tuple[z3.CheckSatResult, list[fmpq], str]:
        """(sat: a point refutes the claim, unsat: none does, unknown), the point, why not."""
        self.effort.tracer("Z3 on the networks as they are")
        solver = z3.SolverFor("QF_LRA")
        solver.from_string(script(self.first, self.second, self.domain, claim, facts=True))
        if (left := self.left()) <= 0:
            return z3.unknown, [], NO_TIME
        solver.set("timeout", left)
        answer = solver.check()
        point = self.point_of(solver.model()) if answer == z3.sat else []
        return answer, point, self.why(solver) if answer == z3.unknown else "it found a larger difference"

    def optimum(self) -> tuple[list[fmpq] | None, str]:
        """A point with the greatest difference, if Z3 finds it; else why not."""
        self.effort.tracer("Z3 maximises over the networks as they are")
        solver = z3.Optimize()
        solver.from_string(script(self.first, self.second, self.domain, None, facts=True))
        if (left := self.left()) <= 0:
            return None, NO_TIME
        solver.set("timeout", left)
        if solver.check() != z3.sat:
            return None, self.why(solver)
        return self.point_of(solver.model()), ""

    def point_of(self, model: z3.ModelRef) -> list[fmpq]:
        names = (z3.Real(f"x{number}") for number in range(1, self.domain.inputs + 1))
        return [rational(model.eval(name, model_completion=True).as_string()) for name in names]

    def proved(self, claim: Claim, outcome: Outcome, text: str, details: dict[str, object]) -> Decision:
        spent = time.monotonic() - self.begun
        certificate, witness = self.certified(claim) if self.certify and self.left() > 0 else (None, None)
        if witness is not None:  # Z3 was wrong: an exact replay outweighs its word
            return self.different(claim, witness)
        text += "proved by Z3 over the rationals"
        if certificate is None:
            text += ", without a certificate: Z3's word is all there is"
        else:
            text += ", and by a certificate, checked in exact arithmetic"
        details = details | {"engine": Engine.Z3.value, "seconds": round(spent, 3)}
        return Decision(Verdict(outcome, self.domain.describe(), claim.describe(), text, None, details), certificate)

    def different(self, claim: Claim, witness: Witness) -> Decision:
        spent = time.monotonic() - self.begun
        return refuted(claim, self.domain, self.first, self.second, witness, Engine.Z3, spent)

    def certified(self, claim: Claim) -> tuple[Certificate | None, Witness | None]:
        """A certificate of a claim that Z3 has proved, or an input that refutes it all the same; neither: no time."""
        if self.domain.inputs > MOST_INPUTS:
            return None, None
        self.effort.tracer("growing a certificate")
        exact = is_equality(claim)
        pairs = pair_neurons(self.first, self.second)
        tighten = [{"layer": layer, "of": "zdg"} for layer in range(2, len(pairs) + 1)]
        wanted = targets(claim.to_json(), self.first.output_width)
        trees: list[list[dict[str, object]]] = [[{"leaf": {}}] for _ in wanted]
        networks, mantissa = (self.first, self.second), None if exact else MANTISSA
        certificate = assemble(*networks, self.domain, claim, pairs, mantissa, tighten, trees)
        point = finish(certificate, *networks, time.monotonic() + self.left() / 1000)
        if point is not None:
            return None, replay(claim, self.domain, *networks, point)
        proved = evaluate(certificate, *networks)
        return sealed(certificate, claim, proved) if proved.holds else None, None

    def unknown(self, claim: str, text: str, details: dict[str, object]) -> Decision:
        figures = details | {"engine": Engine.Z3.value, "seconds": round(time.monotonic() - self.begun, 3)}
        return Decision(Verdict(Outcome.UNKNOWN, self.domain.describe(), claim, text, None, figures))

    def why(self, solver: z3.Solver | z3.Optimize) -> str:
        if self.left() <= 0:
            return NO_TIME  # Z3's own words for it vary, up to a mere "unknown"
        reason = str(solver.reason_unknown())
        return "it was interrupted" if reason in ("canceled", "timeout", "interrupted from keyboard") else reason

    def left(self) -> int:
        """Milliseconds of the time that is left."""
        return int(1000 * (self.begun + self.effort.seconds - time.monotonic()))
