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
from verify.equality.by_form import decide_by_form, maximum_by_form
from verify.equality.silence import SilentDomain
from verify.properties.claim import Claim
from verify.properties.domain import Domain
from verify.silence_decision import decide_by_silence, lacking, maximum_by_silence
from verify.verdict import Outcome

__all__ = ["Decision", "Effort", "Engine", "decide", "maximum"]

GAP = 1e-6  # relative distance of the proved maximum from the attained one
SMALL = 32  # hidden neurons of both networks, up to which Z3 gets what the bounds leave open
SHARE = 0.75  # of the time is then for the bounds
SILENT_SHARE = 0.4  # where the weights that differ seem to act nowhere


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

    def by_silence(silent: SilentDomain, effort: Effort) -> Decision | None:
        return decide_by_silence(first, second, domain, claim, silent, effort)

    by_form = partial(decide_by_form, first, second, domain, claim)
    engines = _Engines(by_bounds, by_form, partial(lacking, first, second, domain), by_silence, by_z3)
    return engines.decision(sum(first.widths[1:-1] + second.widths[1:-1]), effort or Effort())


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

    def by_silence(silent: SilentDomain, effort: Effort) -> Decision | None:
        return maximum_by_silence(first, second, domain, silent, effort)

    by_form = partial(maximum_by_form, first, second, domain)
    engines = _Engines(by_bounds, by_form, partial(lacking, first, second, domain), by_silence, by_z3)
    return engines.decision(sum(first.widths[1:-1] + second.widths[1:-1]), effort or Effort())


@dataclass(frozen=True)
class _Engines:
    """What decides one question about two networks."""

    by_bounds: Callable[[Effort], Decision]
    by_form: Callable[[], Decision | None]
    lacking: Callable[[], SilentDomain | None]  # where weights that differ are silent, if that seems to be everywhere
    by_silence: Callable[[SilentDomain, Effort], Decision | None]
    by_z3: Callable[[Effort], Decision]

    def decision(self, neurons: int, effort: Effort) -> Decision:
        """By the engine that was asked for; by one after the other, between small networks by Z3 too."""
        if effort.engine is Engine.Z3:
            return self.by_z3(effort)
        automatic = effort.engine is Engine.AUTO
        end = time.monotonic() + effort.seconds
        silent = self.lacking() if automatic else None
        shared = automatic and neurons <= SMALL
        share = SILENT_SHARE if silent is not None else SHARE if shared else 1.0
        with _trusting(effort):
            decision = self.by_bounds(replace(effort, seconds=share * effort.seconds))
        if decision.verdict.outcome is not Outcome.UNKNOWN or decision.interrupted or not automatic:
            return decision
        if (formed := self.by_form()) is not None:
            return replace(formed, history=decision.history)
        if silent is not None:
            left = end - time.monotonic()
            found = self.by_silence(silent, replace(effort, seconds=SHARE * left if shared else left))
            if found is not None:
                return replace(found, history=decision.history)
        if not shared:
            return decision
        again = self.by_z3(replace(effort, seconds=end - time.monotonic()))
        return decision if again.verdict.outcome is Outcome.UNKNOWN else replace(again, history=decision.history)


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
