"""Equality as functions on all of R^n: a proof by canonical form, or a rational witness."""

from __future__ import annotations

from precise.network import Network
from verify.errors import InputError
from verify.verdict import Outcome, Verdict


def prove_equal(first: Network, second: Network) -> Verdict:
    """Decide whether two networks are the same function on all of R^n.

    Raises:
        InputError: the networks differ in the number of inputs or of outputs.
    """
    for name in ("input_width", "output_width"):
        counts = getattr(first, name), getattr(second, name)
        if counts[0] != counts[1]:
            kind = name.removesuffix("_width")
            raise InputError(
                f"expected networks with the same number of {kind}s, not {counts[0]} and {counts[1]}"
            )
    domain = f"all of R^{first.input_width}"
    if first == second:
        return Verdict(Outcome.EQUAL, domain, "f(x) = g(x)", "the parameters are identical")
    return Verdict(Outcome.UNKNOWN, domain, "f(x) = g(x)", "the parameters differ")
