"""What a comparison of two networks can end with; a verdict always says over which inputs it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from html import escape

from flint import fmpq

from precise.arithmetic import to_text


class Outcome(Enum):
    """The four outcomes; the value is the word that reports and JSON use."""

    EQUAL = "equal"  # the same function on the stated domain, proved
    EQUIVALENT = "equivalent"  # the stated property (epsilon, top-1, ...) holds on the domain, proved
    DIFFERENT = "different"  # a witness refutes the property; it was replayed in exact arithmetic
    UNKNOWN = "unknown"  # neither proved nor refuted

    @property
    def exit_status(self) -> int:
        """0 proved, 1 different, 3 unknown (2 is kept for bad input)."""
        return {"equal": 0, "equivalent": 0, "different": 1, "unknown": 3}[self.value]


@dataclass(frozen=True)
class Witness:
    """A rational input on which the two networks differ, with both outputs, exactly."""

    point: tuple[fmpq, ...]  # shape (inputs,)
    first: tuple[fmpq, ...]  # the first network's outputs at the point, shape (outputs,)
    second: tuple[fmpq, ...]  # the second network's outputs at the point

    def to_json(self) -> dict[str, list[str]]:
        """Point and outputs as text, exactly."""
        return {
            "point": [to_text(value) for value in self.point],
            "first": [to_text(value) for value in self.first],
            "second": [to_text(value) for value in self.second],
        }


@dataclass(frozen=True)
class Verdict:
    """An outcome with its scope and its evidence. It has no truth value: read `outcome`."""

    outcome: Outcome
    domain: str  # the inputs it speaks of, e.g. "all of R^784"
    claim: str  # the property decided, e.g. "f(x) = g(x)"
    reason: str  # how it was decided, or what is open: sentences for the user
    witness: Witness | None = None  # present exactly when the outcome is DIFFERENT
    details: dict[str, object] = field(default_factory=dict)  # figures for programs, JSON-ready

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.DIFFERENT) != (self.witness is not None):
            raise ValueError("a witness belongs to the outcome 'different' and to no other")

    def to_json(self) -> dict[str, object]:
        """The verdict for programs; the key "witness" is there exactly when the verdict is "different"."""
        found: dict[str, object] = {
            "verdict": self.outcome.value,
            "domain": self.domain,
            "claim": self.claim,
            "reason": self.reason,
            "details": self.details,
        }
        return found if self.witness is None else found | {"witness": self.witness.to_json()}

    def __bool__(self) -> bool:
        raise TypeError("a verdict has four outcomes and no truth value: compare verdict.outcome")

    def _repr_html_(self) -> str:
        rows = [("claim", self.claim), ("domain", self.domain), ("reason", self.reason)]
        if self.witness is not None:
            point = ", ".join(f"x{n} = {value}" for n, value in enumerate(self.witness.point, 1) if value)
            rows.append(("input", _shortened(point) or "all 0"))
        body = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        return f"<table><caption><b>{self.outcome.value}</b></caption><tbody>{body}</tbody></table>"


def _shortened(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]} ..."
