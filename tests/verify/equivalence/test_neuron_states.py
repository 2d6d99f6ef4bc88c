"""Neurons that never change state in a domain, though intervals do not tell: proved, and the forms compared again."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import verify.equivalence
from precise.network import Network
from precise.symmetry.canonical_form import State, canonical_form
from tests.precise.rewritings import rewritten
from tests.verify.equivalence.pairs import RELATIONS, integer_network, related
from tests.verify.equivalence.unfinished import given_up
from verify.decision import Effort
from verify.equivalence import decide, maximum
from verify.properties.claim import Excluded, Within, within
from verify.properties.domain import box
from verify.smt_decision import decide_by_z3
from verify.unit_decision import decide_by_units
from verify.verdict import Outcome

SQUARE = box(-4, 4, 2)
EFFORT = Effort(seconds=20.0)


def with_a_dead_neuron(bias: object) -> Network:
    """Layer 2's second neuron is relu(x1 - 1) - relu(x1) + bias: never on for a bias of at most 0."""
    below = [[1, 0], [1, 0], [0, 1]], [0, -1, 0]
    return Network.from_rows([below, ([[1, 1, -1], [-1, 1, 0]], [-2, bias]), ([[1, 5]], [0])])


def without_it(always: int = 0) -> Network:
    """The same function for a bias of at most 0, plus a constant."""
    below = [[1, 0], [1, 0], [0, 1]], [0, -1, 0]
    return Network.from_rows([below, ([[1, 1, -1]], [-2]), ([[1]], [always])])


def test_a_neuron_of_which_intervals_tell_nothing_is_proved_never_to_be_on() -> None:
    first, second = with_a_dead_neuron("-1/10"), without_it()
    form = canonical_form(first, [(-4, 4)] * 2)
    assert form.layers[1][1].state is State.BENDS
    assert form != canonical_form(second, [(-4, 4)] * 2)
    found = decide_by_units(first, second, SQUARE, within(0, 1), EFFORT)
    assert found is not None
    assert found.verdict.outcome is Outcome.EQUAL
    assert "1 question about single neurons" in found.verdict.reason


def test_one_that_is_on_in_a_part_of_the_domain_is_not() -> None:
    first, second = with_a_dead_neuron("1/10"), without_it()
    assert decide_by_units(first, second, SQUARE, within(0, 1), EFFORT) is None
    assert decide(first, second, SQUARE, within(0, 1), EFFORT).verdict.outcome is Outcome.DIFFERENT


def test_forms_that_differ_all_the_same_prove_nothing() -> None:
    first = with_a_dead_neuron("-1/10")
    assert decide_by_units(first, without_it(always=1), SQUARE, within(0, 1), EFFORT) is None
    assert decide_by_units(first, without_it(), SQUARE, Excluded(()), EFFORT) is None
    assert decide_by_units(first, without_it(), SQUARE, within(0, 1), Effort(seconds=0.0)) is None


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(RELATIONS))
def test_no_answer_contradicts_the_solver(seed: int, relation: str) -> None:
    generator = np.random.default_rng(seed)
    first = integer_network((2, 3, 3, 1), generator)
    second = rewritten(related(first, relation, generator), generator, steps=4)
    found = decide_by_units(first, second, SQUARE, within(0, 1), EFFORT)
    if found is not None:
        solved = decide_by_z3(first, second, SQUARE, within(0, 1), EFFORT, False)
        assert solved.verdict.outcome in (found.verdict.outcome, Outcome.UNKNOWN)


def test_it_decides_what_bounds_and_intervals_leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = with_a_dead_neuron("-1/10"), without_it()
    monkeypatch.setattr(verify.equivalence, "decide_by_bounds", given_up)
    monkeypatch.setattr(verify.equivalence, "maximum_by_bounds", given_up)
    monkeypatch.setattr(verify.equivalence, "decide_by_form", lambda *_: None)
    found = decide(first, second, SQUARE, within(0, 1), EFFORT).verdict
    assert (found.outcome, found.details["engine"]) == (Outcome.EQUAL, "units")
    assert maximum(first, second, SQUARE, EFFORT).verdict.details["proved"] == "0"
    near = decide(first, second, SQUARE, Within((fmpq(1, 9),)), EFFORT).verdict
    assert near.outcome is Outcome.EQUIVALENT
