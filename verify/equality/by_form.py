"""Claims that hold because f and g are the same function: their canonical forms are equal, on the domain or everywhere.

Bounds add up what two networks differ by neuron by neuron; where one is rewritten with other neurons, split or
mirrored, that is not 0 although the functions are equal, and the search may end before its parts are small enough.
"""

from __future__ import annotations

import time

from precise.network import Network
from precise.symmetry.canonical_form import canonical_form
from verify.decision import Decision, kept_by_equal
from verify.properties.claim import Claim, Excluded
from verify.properties.domain import Domain
from verify.verdict import Outcome

ENGINE = "canonical form"
REASON = "both networks have the same canonical form, in exact arithmetic, without a certificate"


def decide_by_form(first: Network, second: Network, domain: Domain, claim: Claim) -> Decision | None:
    """The proof of a claim that equal networks keep; None: the forms differ, which proves nothing, or it is another.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: of the inputs.
        claim: `Excluded` is about values that equal networks may take.
    """
    begun = time.monotonic()
    if isinstance(claim, Excluded) or not same_function(first, second, domain):
        return None
    return kept_by_equal(claim, domain, REASON, ENGINE, time.monotonic() - begun)


def as_maximum(found: Decision | None) -> Decision | None:
    """That two networks are equal, said as the maximum of |g - f|: 0; None if they were not proved to be."""
    if found is None or found.verdict.outcome is not Outcome.EQUAL:
        return None
    found.verdict.details.update({"attained": "0", "proved": "0", "point": []})
    return found


def same_function(first: Network, second: Network, domain: Domain) -> bool:
    """Whether canonical forms prove that f = g on the domain; false says nothing."""
    if first(domain.lower) != second(domain.lower):  # quickly done, and forms of large networks take seconds
        return False
    # on a box intervals tell which neurons are decided, on all of R^n combinations of neurons do
    for box in (list(zip(domain.lower, domain.upper, strict=True)), None):
        if canonical_form(first, box) == canonical_form(second, box):
            return True
    return False
