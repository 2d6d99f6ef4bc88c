"""What is claimed of two networks f and g on a domain, and the exact test of a counterexample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import mpmath
from flint import arb, fmpq

from precise.arithmetic import RationalLike, rational, to_mpf, to_text
from precise.network import Network
from verify.errors import InputError
from verify.properties.domain import Domain
from verify.verdict import Witness


@dataclass(frozen=True)
class Within:
    """|g - f| <= epsilon in every output; epsilon 0 is equality on the domain."""

    epsilon: tuple[fmpq, ...]  # shape (outputs,)

    def refuted_by(self, first: Sequence[fmpq], second: Sequence[fmpq]) -> bool:
        """Whether these outputs of f and g break the claim, exactly."""
        return any(abs(b - a) > e for a, b, e in zip(first, second, self.epsilon, strict=True))

    def describe(self) -> str:
        """The claim in a formula."""
        if not any(self.epsilon):
            return "f(x) = g(x)"
        if len(set(self.epsilon)) == 1:
            return f"|g(x) - f(x)| <= {short(self.epsilon[0])}"
        return f"|g(x) - f(x)| <= ({', '.join(map(short, self.epsilon))})"

    def to_json(self) -> dict[str, object]:
        """The claim as certificates write it."""
        return {"property": "within", "epsilon": [to_text(e) for e in self.epsilon]}


@dataclass(frozen=True)
class SameTop1:
    """Where f puts one output ahead of all others, by at least the margin, g puts none ahead of that one.

    With margin 0 f's lead must be positive: on a tie f has no class to agree on. A tie in g that includes f's
    class counts as agreement. Margins are differences of logits; see `logit_margin` for probabilities.
    """

    margin: fmpq  # at least 0

    def refuted_by(self, first: Sequence[fmpq], second: Sequence[fmpq]) -> bool:
        """Whether these outputs of f and g break the claim, exactly."""
        leader = max(range(len(first)), key=lambda i: first[i])
        lead = min((first[leader] - v for i, v in enumerate(first) if i != leader), default=fmpq(0))
        return lead > 0 and lead >= self.margin and any(v > second[leader] for v in second)

    def describe(self) -> str:
        """The claim in words."""
        if self.margin == 0:
            return "f and g have the same top class"
        return f"f and g have the same top class where f leads by {short(self.margin)}"

    def to_json(self) -> dict[str, object]:
        """The claim as certificates write it."""
        return {"property": "top1", "margin": to_text(self.margin)}


@dataclass(frozen=True)
class Excluded:
    """The outputs meet none of the alternatives; each is a conjunction of linear conditions.

    A condition (row, bound, strict) is row . (f's outputs, differences g - f) > bound, or >= if it is not strict.
    """

    alternatives: tuple[tuple[tuple[tuple[fmpq, ...], fmpq, bool], ...], ...]

    def refuted_by(self, first: Sequence[fmpq], second: Sequence[fmpq]) -> bool:
        """Whether these outputs of f and g break the claim, exactly."""
        values = [*first, *(b - a for a, b in zip(first, second, strict=True))]
        return any(all(_met(condition, values) for condition in conditions) for conditions in self.alternatives)

    def describe(self) -> str:
        """The claim in words."""
        count = len(self.alternatives)
        return f"the outputs of f and g meet none of {count} condition{'s' * (count != 1)}"

    def to_json(self) -> dict[str, object]:
        """The claim as certificates write it."""
        return {
            "property": "excluded",
            "alternatives": [
                [[[to_text(v) for v in row], to_text(bound), strict] for row, bound, strict in conditions]
                for conditions in self.alternatives
            ],
        }


def _met(condition: tuple[tuple[fmpq, ...], fmpq, bool], values: Sequence[fmpq]) -> bool:
    row, bound, strict = condition
    value = sum((w * v for w, v in zip(row, values, strict=True)), fmpq(0))
    return bool(value > bound if strict else value >= bound)


Claim: TypeAlias = Within | SameTop1 | Excluded


def within(epsilon: RationalLike, outputs: int) -> Within:
    """|g - f| <= epsilon in the maximum norm.

    Raises:
        InputError: epsilon is negative or no finite number.
    """
    exact = rational(epsilon)
    if exact < 0:
        raise InputError(f"expected an epsilon of at least 0, not {exact}")
    return Within((exact,) * outputs)


def same_top1(outputs: int, margin: RationalLike = 0) -> SameTop1:
    """The top class agrees wherever f leads by the margin (a difference of logits).

    Raises:
        InputError: the margin is negative, or there is only one output.
    """
    exact = rational(margin)
    if exact < 0:
        raise InputError(f"expected a margin of at least 0, not {exact}")
    if outputs < 2:
        raise InputError("expected networks with at least two outputs: with one there is no top class")
    return SameTop1(exact)


def logit_margin(confidence: RationalLike) -> fmpq:
    """A lead that f's largest output has wherever its softmax gives that output at least this probability.

    With p >= P the other outputs share 1 - P, so each is at most (1 - P) / P times as likely: the lead is at
    least ln(P / (1 - P)), rounded down here. The claim is then a little stronger than needed.

    Raises:
        InputError: the probability is not below 1, or is negative.
    """
    exact = rational(confidence)
    if not 0 <= exact < 1:
        raise InputError(f"expected a confidence of at least 0 and below 1, not {exact}")
    if exact <= fmpq(1, 2):
        return fmpq(0)
    mantissa, exponent = arb(exact / (1 - exact)).log().lower().man_exp()
    return max(fmpq(mantissa) * fmpq(2) ** int(exponent), fmpq(0))


def replay(claim: Claim, domain: Domain, first: Network, second: Network, point: Sequence[fmpq]) -> Witness | None:
    """The witness that a point is, by exact evaluation of both networks; None: it refutes nothing."""
    if not domain.contains(point):
        return None
    outputs = first(point), second(point)
    return Witness(tuple(point), *map(tuple, outputs)) if claim.refuted_by(*outputs) else None


def is_equality(claim: Claim) -> bool:
    """Does the claim say that the outputs are the same?"""
    return isinstance(claim, Within) and not any(claim.epsilon)


def short(value: fmpq) -> str:
    """The number itself if it is short, else its first four digits."""
    text = to_text(value)
    return text if len(text) <= 12 else str(mpmath.nstr(to_mpf(value, 53), 4))
