"""Claims that the canonical forms of equal networks prove, against brute force over all linear pieces."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise.network import Network
from tests.precise.rewritings import rewritten
from tests.verify.equivalence.pairs import RELATIONS, equal_pair, integer_network, related
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.decision import Effort, Engine
from verify.equality.by_form import ENGINE, as_maximum, decide_by_form
from verify.equivalence import decide, maximum
from verify.properties.claim import Excluded, same_top1, within
from verify.properties.domain import Domain, ball, box
from verify.verdict import Outcome

DOMAINS = [box(-1, 1, 2), ball([1, -1], "1/2", clip=(-1, 1)), Domain((fmpq(-1), fmpq(0)), (fmpq(1), fmpq(0)))]
NO_TIME = 0.0  # seconds: bounds then prove only what needs no search


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(RELATIONS), st.integers(0, 2**32 - 1), st.sampled_from(DOMAINS))
def test_nothing_is_called_equal_that_brute_force_tells_apart(relation, seed, domain):
    generator = np.random.default_rng(seed)
    first = integer_network((2, 3, 2), generator)
    second = related(first, relation, generator)
    decision = decide_by_form(first, second, domain, within(0, 2))
    if decision is not None:
        assert not any(largest_differences(first, second, rectangle(domain.lower, domain.upper)))
        assert decision.verdict.outcome is Outcome.EQUAL
    if relation == "rewritten":
        assert decision is not None


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [(within(0, 2), Outcome.EQUAL), (within("1e-40", 2), Outcome.EQUIVALENT), (same_top1(2), Outcome.EQUIVALENT)],
)
def test_what_the_bounds_leave_open_is_proved_by_form(claim, outcome):
    first, second = equal_pair()
    found = decide(first, second, DOMAINS[0], claim, Effort(seconds=NO_TIME))
    assert (found.verdict.outcome, found.verdict.details["engine"], found.certificate) == (outcome, ENGINE, None)
    alone = decide(first, second, DOMAINS[0], claim, Effort(seconds=NO_TIME, engine=Engine.BOUNDS))
    assert alone.verdict.outcome is Outcome.UNKNOWN


def test_the_maximum_of_equal_networks_is_0():
    first, second = equal_pair()
    verdict = maximum(first, second, DOMAINS[0], Effort(seconds=NO_TIME)).verdict
    assert (verdict.outcome, verdict.details["engine"]) == (Outcome.EQUAL, ENGINE)
    assert (verdict.details["attained"], verdict.details["proved"]) == ("0", "0")
    farther = mutants.shift_bias(second, 3, 1, "1e-30")
    verdict = maximum(first, farther, DOMAINS[0], Effort(seconds=NO_TIME)).verdict
    assert verdict.outcome is not Outcome.EQUAL


def test_networks_that_agree_at_a_corner_only_are_told_apart():
    first = Network.from_rows([([[1, 0]], [0]), ([[1]], [0])])  # relu(x)
    second = Network.from_rows([([[1, 0]], [fmpq(-1, 2)]), ([[1]], [0])])  # relu(x - 1/2)
    assert decide_by_form(first, second, DOMAINS[0], within(0, 1)) is None
    left = Domain((fmpq(-1), fmpq(-1)), (fmpq(0), fmpq(1)))  # both are 0 there
    assert decide_by_form(first, second, left, within(0, 1)).verdict.outcome is Outcome.EQUAL
    assert as_maximum(decide_by_form(first, second, DOMAINS[0], within(0, 1))) is None


def test_conditions_on_values_are_no_matter_of_equality():
    first = integer_network((2, 2, 1), np.random.default_rng(1))
    excluded = Excluded(((((fmpq(1), fmpq(0)), fmpq(-100), False),),))  # f >= -100 is to be met nowhere
    assert decide_by_form(first, rewritten(first, np.random.default_rng(2)), DOMAINS[0], excluded) is None
