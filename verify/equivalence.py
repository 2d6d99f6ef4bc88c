"""Equivalence of two networks on a domain: by bounds with a certificate, canonical forms, units, or Z3.

Floating point searches here. A verdict `different` rests on the exact replay of a rational input, a verdict
`equal` or `equivalent` on a certificate that the independent checker has accepted, on the canonical form, or on
such certificates for all neurons that were asked about.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

from flint import fmpq
from threadpoolctl import threadpool_limits

from precise.network import Network
from verify.bounds_decision import decide_by_bounds, maximum_by_bounds
from verify.checker.check import Refused
from verify.decision import Decision, Effort, Engine
from verify.equality.by_form import as_maximum, decide_by_form
from verify.line_decision import decide_behind_one_neuron, decide_on_a_line
from verify.properties.claim import Claim, within
from verify.properties.domain import Domain
from verify.unit_decision import decide_by_units
from verify.verdict import Outcome

__all__ = ["Decision", "Effort", "Engine", "decide", "maximum"]

GAP = 1e-6  # relative distance of the proved maximum from the attained one
SMALL = 32  # hidden neurons of both networks, up to which Z3 gets what the others leave open
SHARE = 0.75  # of the time is for the bounds, unless they are asked alone
AGREEING_SHARE = 0.25  # where the networks agree at all of some points
AGREEING = 64  # random points of the domain's box
FURTHER = 0.7  # of what is left, for units if Z3 follows
LEAST = 0.1  # of the time for these, even if the exact check of the bounds took more than its share


def decide(first: Network, second: Network, domain: Domain, claim: Claim, effort: Effort | None = None) -> Decision:
    """Decide a claim about two networks f and g on a domain, by the engine that the effort names.

    Raises:
        InputError: the numbers of inputs or outputs do not fit, no such scheduler answers, or the checkpoint cannot be
            used.
    """

    def by_bounds(effort: Effort) -> Decision:
        return decide_by_bounds(first, second, domain, claim, effort)

    def by_z3(effort: Effort) -> Decision:
        from verify.smt_decision import decide_by_z3  # Z3 takes a while to load and is rarely needed

        return decide_by_z3(first, second, domain, claim, effort)

    return _Engines((first, second, domain, claim), by_bounds, by_z3).decision(effort or Effort())


def maximum(
    first: Network,
    second: Network,
    domain: Domain,
    effort: Effort | None = None,
    gap: float = GAP,
    by_phase: bool = True,
) -> Decision:
    """The maximum of |g - f| over all outputs and a domain: attained at a point, and proved from above.

    The verdict's details hold `attained` and `proved` as rationals in text. It is `equivalent` when they are
    within the relative gap (with the claim |g - f| <= proved), `equal` when both are 0, else `unknown`.

    Args:
        first: f.
        second: g.
        domain: the inputs.
        effort: how long and how hard to try.
        gap: relative, between what is attained and what is proved.
        by_phase: false splits f's and g's neurons one by one even where g is close to f, for comparison.

    Raises:
        InputError: the numbers of inputs or outputs do not fit, no such scheduler answers, or the checkpoint cannot be
            used.
    """

    def by_bounds(effort: Effort) -> Decision:
        return maximum_by_bounds(first, second, domain, effort, gap, by_phase)

    def by_z3(effort: Effort) -> Decision:
        from verify.smt_decision import maximum_by_z3

        return maximum_by_z3(first, second, domain, effort)

    equality = first, second, domain, within(0, first.output_width)
    return _Engines(equality, by_bounds, by_z3, as_maximum).decision(effort or Effort())


@dataclass(frozen=True)
class _Engines:
    """What decides one question about two networks."""

    question: tuple[Network, Network, Domain, Claim]  # of the engines that prove the networks equal
    by_bounds: Callable[[Effort], Decision]
    by_z3: Callable[[Effort], Decision]
    said: Callable[[Decision | None], Decision | None] = lambda found: found  # what those find, as it was asked

    def decision(self, effort: Effort) -> Decision:
        """By the engine that was asked for; by one after the other, between small networks by Z3 too."""
        if effort.engine is Engine.Z3:
            return self.by_z3(effort)
        first, second, domain, _ = self.question
        end, automatic = time.monotonic() + effort.seconds, effort.engine is Engine.AUTO
        share = 1.0 if not automatic else AGREEING_SHARE if _agree(first, second, domain) else SHARE
        with _trusting(effort):
            decision = self.by_bounds(replace(effort, seconds=share * effort.seconds))
        if decision.verdict.outcome is not Outcome.UNKNOWN or decision.interrupted or not automatic:
            return decision
        small = sum(first.widths[1:-1] + second.widths[1:-1]) <= SMALL
        quickly = (prove(*self.question) for prove in (decide_by_form, decide_on_a_line, decide_behind_one_neuron))
        found = self.said(next(filter(None, quickly), None))
        if found is None:
            left = (FURTHER if small else 1.0) * (end - time.monotonic())
            further = replace(effort, seconds=max(left, LEAST * effort.seconds))
            found = self.said(decide_by_units(*self.question, further))
        if found is None and small:
            found = self.by_z3(replace(effort, seconds=end - time.monotonic()))
        if found is None or found.verdict.outcome is Outcome.UNKNOWN:
            return decision
        return replace(found, history=decision.history)


def _agree(first: Network, second: Network, domain: Domain) -> bool:
    """Have both the same outputs at all of some points? Then they are equal, or differ in few places only."""
    if {first.input_width, second.input_width} != {domain.inputs}:
        return False
    random, ends = Random(0), list(zip(domain.lower, domain.upper, strict=True))
    points = ([low + (high - low) * fmpq(random.randrange(997), 996) for low, high in ends] for _ in range(AGREEING))
    return all(first(point) == second(point) for point in points)


@contextmanager
def _trusting(effort: Effort) -> Iterator[None]:
    """A checkpoint whose parts make no certificate is damaged; the engine's own always do."""
    try:
        with threadpool_limits(1):  # the matrices are small: threads of their own would only wait for one another
            yield
    except Refused as error:
        if effort.journal is None:
            raise
        raise effort.journal.unreadable() from error
