"""The sign methods by name."""

from __future__ import annotations

from precise.signs.exhaustive import exhaustive
from precise.signs.last_hidden import both_sides, last_hidden
from precise.signs.question import SignDecision, SignMethod, SignQuestion
from precise.signs.soe import all_regions, soe
from precise.signs.wiggle import wiggle


def exact(question: SignQuestion) -> list[SignDecision]:
    """What is proved: by the gradients of all measured regions, and in the last hidden layer by values as well."""
    found = all_regions(question)
    if question.last and any(not decision.sign for decision in found):
        found = [a if a.sign else b for a, b in zip(found, both_sides(question), strict=True)]
    return found


def last_hidden_only(question: SignQuestion) -> list[SignDecision]:
    """The last hidden layer by its own method, which is for no other: those by `exact`."""
    return last_hidden(question) if question.last else exact(question)


METHODS: dict[str, SignMethod] = {
    "exact": exact,
    "soe": soe,
    "wiggle": wiggle,
    "last-hidden": last_hidden_only,
    "exhaustive": exhaustive,
}
