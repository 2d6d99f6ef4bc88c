"""Equality as functions on all of R^n: a proof by canonical form, or a rational witness.

Equal canonical forms prove equality. Forms that differ prove nothing by themselves: a witness is searched
for, and for small networks an SMT solver has the last word.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from precise.network import Network
from precise.symmetry.alignment import LayerAlignment, align
from precise.symmetry.canonical_form import CanonicalForm, canonical_form
from verify.equality.explanation import Gap, alignment_figures, first_fault, first_gap
from verify.equality.witness_search import WitnessSearch
from verify.errors import InputError
from verify.verdict import Outcome, Verdict, Witness

CLAIM = "f(x) = g(x)"
SMALL = 60  # hidden neurons of both networks that a solver is asked about

Progress = Callable[[str], None]


def prove_equal(first: Network, second: Network, timeout: float = 60.0, progress: Progress = lambda _: None) -> Verdict:
    """Decide whether two networks are the same function on all of R^n.

    Args:
        first: f, any network.
        second: g, another with the same inputs and outputs; its layers may have other widths and be fewer.
        timeout: seconds for the search of a witness and for the solver together; the proof by canonical form
            is not limited.
        progress: is told each step in a few words.

    Raises:
        InputError: the networks differ in the number of inputs or of outputs.
    """
    _check_widths(first, second)
    deadline = time.monotonic() + timeout
    progress("canonical forms")
    forms = canonical_form(first), canonical_form(second)
    alignment = align(first, second) if len(first.layers) == len(second.layers) else ()
    details = _figures(forms, alignment)
    domain = f"all of R^{first.input_width}"
    if forms[0] == forms[1]:
        return Verdict(Outcome.EQUAL, domain, CLAIM, _same(forms[0]), details=details)
    gap = _explained(forms, alignment if first.widths == second.widths else ())
    progress("search for a witness")
    search = WitnessSearch(first, second)
    small = sum(sum(network.widths[1:-1]) for network in (first, second)) <= SMALL
    witness = search.run(gap.suspects, timeout / 2 if small else timeout)
    details["points"] = search.evaluated
    if witness is None and small:
        return _by_solver(first, second, gap, deadline - time.monotonic(), details, progress)
    if witness is None:
        reason = f"{gap.text}, and no input was found on which the outputs differ ({search.evaluated} tried)"
        return Verdict(Outcome.UNKNOWN, domain, CLAIM, reason, details=details)
    return Verdict(Outcome.DIFFERENT, domain, CLAIM, _replayed(gap.text), witness, details)


def _check_widths(first: Network, second: Network) -> None:
    for kind, a, b in (
        ("inputs", first.input_width, second.input_width),
        ("outputs", first.output_width, second.output_width),
    ):
        if a != b:
            raise InputError(f"expected networks with the same number of {kind}, not {a} and {b}")


def _figures(forms: Sequence[CanonicalForm], alignment: Sequence[LayerAlignment]) -> dict[str, object]:
    found: dict[str, object] = {
        "canonical": [
            {"units": len(form.units), "layers": [form.count(n) for n in range(1, len(form.layers) + 1)]}
            for form in forms
        ]
    }
    return found | {"alignment": alignment_figures(alignment)} if alignment else found


def _explained(forms: tuple[CanonicalForm, CanonicalForm], alignment: Sequence[LayerAlignment]) -> Gap:
    """By alignment where the shapes agree: it names wrong signs; the canonical forms name what is left."""
    gap, fault = first_gap(*forms), first_fault(alignment)
    return gap if fault is None else Gap(fault.text, tuple(dict.fromkeys((*fault.suspects, *gap.suspects))))


def _same(form: CanonicalForm) -> str:
    units = f"{len(form.units)} unit{'s' * (len(form.units) != 1)}"
    return f"both networks have the same canonical form, {units} in exact arithmetic"


def _replayed(gap: str) -> str:
    return f"{gap}; the outputs at the witness differ in exact arithmetic"


def _by_solver(
    first: Network,
    second: Network,
    gap: Gap,
    seconds: float,
    details: dict[str, object],
    progress: Progress,
) -> Verdict:
    from verify.equality.smt import find_difference  # z3 takes a while to load and is rarely needed

    progress("SMT solver")
    answer = find_difference(first, second, timeout=max(seconds, 1.0))
    details["solver"] = answer.reason
    domain = f"all of R^{first.input_width}"
    if answer.differs is None:
        reason = f"{gap.text}, no input was found on which the outputs differ, and {answer.reason}"
        return Verdict(Outcome.UNKNOWN, domain, CLAIM, reason, details=details)
    if not answer.differs:
        reason = f"the canonical forms differ, but {answer.reason}"
        return Verdict(Outcome.EQUAL, domain, CLAIM, reason, details=details)
    assert answer.point is not None
    search = WitnessSearch(first, second)
    witness: Witness = search.witness(search.shortened(list(answer.point)))
    return Verdict(Outcome.DIFFERENT, domain, CLAIM, _replayed(gap.text), witness, details)
