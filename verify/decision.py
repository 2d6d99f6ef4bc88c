"""How a claim is to be decided, and what comes back: shared by the engines that decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from precise.journal.file import Journal
from precise.network import Network
from verify.certificate import Certificate
from verify.differential.attack import float_points
from verify.differential.problem import to_near
from verify.properties.claim import Claim, SameTop1, is_equality, replay, short
from verify.properties.domain import Domain
from verify.verdict import Outcome, Verdict, Witness


class Engine(Enum):
    """What decides a claim."""

    AUTO = "auto"  # bounds; for what they leave open the canonical form, units and, if it is small, Z3
    BOUNDS = "bounds"  # attack, differential bounds, branch and bound; every proof has a certificate
    Z3 = "z3"  # the solver alone, on the networks as they are, over the rationals


@dataclass(frozen=True)
class Effort:
    """How long and how hard to try."""

    seconds: float = 60.0  # of wall clock, for everything
    jobs: int = 1  # processes
    scheduler: str | None = None  # of a Dask cluster whose workers look at parts instead, such as tcp://10.0.0.1:8786
    seed: int = 0  # of the attack's starting points
    journal: Journal | None = None  # keeps every finished look at a part, for a run that goes on with it
    tracer: Callable[[str], None] = lambda _: None  # is told what happens, one sentence at a time
    engine: Engine = Engine.AUTO


@dataclass(frozen=True)
class Decision:
    """A verdict with what proves it."""

    verdict: Verdict  # its details name the engine that decided
    certificate: Certificate | None = None  # accepted by the checker
    history: list[tuple[float, float]] = field(
        default_factory=list
    )  # (seconds, greatest bound) of the search, and at its end
    interrupted: bool = False  # by the user, before the search came to its end


def refuted(
    claim: Claim, domain: Domain, first: Network, second: Network, witness: Witness, engine: Engine, seconds: float
) -> Decision:
    """The verdict `different` from a witness that was replayed, with the nearest float64 point that is one too."""
    around = float_points(domain, witness.point)
    again = next((p for p in around if replay(claim, domain, first, second, p)), None)
    details: dict[str, object] = {
        "engine": engine.value,
        "float64_point": None if again is None else [to_near(v) for v in again],
        "seconds": round(seconds, 3),
    }
    text = f"an input refutes it, replayed exactly: there {_shown(claim, witness)}"
    text += "" if again is not None else " (no float64 point next to it does)"
    return Decision(Verdict(Outcome.DIFFERENT, domain.describe(), claim.describe(), text, witness, details))


def kept_by_equal(
    claim: Claim, domain: Domain, reason: str, engine: str, seconds: float, details: Mapping[str, object] | None = None
) -> Decision:
    """The verdict of a claim that equal networks keep, from f and g being equal on the domain."""
    outcome = Outcome.EQUAL if is_equality(claim) else Outcome.EQUIVALENT
    figures: dict[str, object] = {"engine": engine, "seconds": round(seconds, 3), **(details or {})}
    return Decision(Verdict(outcome, domain.describe(), claim.describe(), reason, None, figures))


def _shown(claim: Claim, witness: Witness) -> str:
    if isinstance(claim, SameTop1):
        ours, theirs = (values.index(max(values)) + 1 for values in (witness.first, witness.second))
        return f"f's largest output is output {ours}, and g's is output {theirs}"
    return f"|g - f| is {short(max(abs(b - a) for a, b in zip(witness.first, witness.second)))}"
