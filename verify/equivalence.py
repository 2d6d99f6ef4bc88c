"""Equivalence of two networks on a domain: by bounds with a certificate, by the canonical form, by silence, or by Z3.

Floating point searches here. A verdict `different` rests on the exact replay of a rational input, a verdict
`equal` or `equivalent` on a certificate that the independent checker has accepted, on the canonical form, or on
such certificates for all the weights that differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from threadpoolctl import threadpool_limits

from precise.network import Network
from verify.bounds_decision import decide_by_bounds, maximum_by_bounds
from verify.checker.check import Refused
from verify.decision import Decision, Effort, Engine
from verify.equality.by_form import as_maximum, decide_by_form
from verify.properties.claim import Claim, within
from verify.properties.domain import Domain
from verify.silence_decision import decide_by_silence, lacking
from verify.state_decision import decide_by_states
from verify.verdict import Outcome

__all__ = ["Decision", "Effort", "Engine", "decide", "maximum"]

GAP = 1e-6  # relative distance of the proved maximum from the attained one
SMALL = 32  # hidden neurons of both networks, up to which Z3 gets what the others leave open
SHARE = 0.75  # of the time is for the bounds, unless they are asked alone
SILENT_SHARE = 0.25  # where the weights that differ seem to act nowhere
FURTHER = 0.7  # of what is left, for each attempt before Z3
LEAST = 0.1  # of the time for each, even if the exact check of the bounds took more than its share


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

    silent = lacking(first, second, domain) if _automatic(effort) else None
    question = first, second, domain, claim
    return _Engines(
        by_bounds,
        partial(decide_by_form, *question),
        None if silent is None else partial(decide_by_silence, *question, silent),
        partial(decide_by_states, *question),
        by_z3,
        sum(first.widths[1:-1] + second.widths[1:-1]) <= SMALL,
    ).decision(effort or Effort())


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

    silent = lacking(first, second, domain) if _automatic(effort) else None
    question = first, second, domain, within(0, first.output_width)
    return _Engines(
        by_bounds,
        lambda: as_maximum(decide_by_form(*question)),
        None if silent is None else lambda effort: as_maximum(decide_by_silence(*question, silent, effort)),
        lambda effort: as_maximum(decide_by_states(*question, effort)),
        by_z3,
        sum(first.widths[1:-1] + second.widths[1:-1]) <= SMALL,
    ).decision(effort or Effort())


def _automatic(effort: Effort | None) -> bool:
    return effort is None or effort.engine is Engine.AUTO


@dataclass(frozen=True)
class _Engines:
    """What decides one question about two networks."""

    by_bounds: Callable[[Effort], Decision]
    by_form: Callable[[], Decision | None]
    by_silence: Callable[[Effort], Decision | None] | None  # None: what differs is not silent everywhere
    by_states: Callable[[Effort], Decision | None]
    by_z3: Callable[[Effort], Decision]
    small: bool  # enough for Z3

    def decision(self, effort: Effort) -> Decision:
        """By the engine that was asked for; by one after the other, between small networks by Z3 too."""
        if effort.engine is Engine.Z3:
            return self.by_z3(effort)
        end, automatic = time.monotonic() + effort.seconds, effort.engine is Engine.AUTO
        share = 1.0 if not automatic else SILENT_SHARE if self.by_silence else SHARE
        with _trusting(effort):
            decision = self.by_bounds(replace(effort, seconds=share * effort.seconds))
        if decision.verdict.outcome is not Outcome.UNKNOWN or decision.interrupted or not automatic:
            return decision
        found = self.by_form()
        for attempt in (self.by_silence, self.by_states):
            if found is None and attempt is not None:
                left = max(FURTHER * (end - time.monotonic()), LEAST * effort.seconds)
                found = attempt(replace(effort, seconds=left))
        if found is None and self.small:
            found = self.by_z3(replace(effort, seconds=end - time.monotonic()))
        if found is None or found.verdict.outcome is Outcome.UNKNOWN:
            return decision
        return replace(found, history=decision.history)


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
