"""Verdicts on domains against exact brute force; every witness replays and every certificate checks."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError
from precise.arithmetic import rational, to_fraction
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate
from tests.verify.equivalence.pairs import RELATIONS, integer_network, perturbed, related
from tests.verify.equivalence.polygons import clipped, largest_differences, rectangle, top1_differs
from verify.checker import check
from verify.differential import attack
from verify.equivalence import Effort, Engine, decide, maximum
from verify.properties.claim import Within, same_top1, within
from verify.properties.domain import Domain, ball, box
from verify.verdict import Outcome

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.sampled_from([(2, 2, 1), (2, 3, 2), (2, 2, 2, 1), (2, 3, 3, 2), (2, 2, 2, 2, 1)])
DOMAINS = [
    box(-1, 1, 2),
    ball([0, "1/2"], "1/3"),
    ball([1, -1], "1/2", clip=(-1, 1)),
    box("1/4", "1/4", 2),  # a point, often on a kink
    Domain((fmpq(-1), fmpq(0)), (fmpq(1), fmpq(0))),  # a segment
]
FACTORS = [fmpq(0), fmpq(1, 2), fmpq(999, 1000), fmpq(1), fmpq(1001, 1000), fmpq(2)]
EFFORT = Effort(seconds=20, engine=Engine.BOUNDS)


def drawn_pair(widths, relation, seed):
    generator = np.random.default_rng(seed)
    network = integer_network(widths, generator)
    return network, related(network, relation, generator), generator


def assert_evidence(decision, claim, domain, first, second):
    """The verdict carries what proves it."""
    witness = decision.verdict.witness
    if witness is not None:
        assert decision.verdict.outcome is Outcome.DIFFERENT
        assert domain.contains(witness.point)
        assert claim.refuted_by(evaluate(first, witness.point), evaluate(second, witness.point))
    if decision.verdict.outcome in (Outcome.EQUAL, Outcome.EQUIVALENT):
        assert check(decision.certificate, first, second).holds


@settings(max_examples=60, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS, st.sampled_from(DOMAINS), st.sampled_from(FACTORS))
def test_differences_are_bounded_and_refuted_like_brute_force_does(widths, relation, seed, domain, factor):
    first, second, _ = drawn_pair(widths, relation, seed)
    truth = max(largest_differences(first, second, rectangle(domain.lower, domain.upper)))
    epsilon = rational(truth) * factor
    claim = within(epsilon, first.output_width)
    decision = decide(first, second, domain, claim, EFFORT)
    assert_evidence(decision, claim, domain, first, second)
    holds = truth <= to_fraction(epsilon)
    allowed = {Outcome.EQUAL, Outcome.EQUIVALENT} if holds else {Outcome.DIFFERENT}
    if epsilon == rational(truth):  # exactly on the threshold the search may stop short of a proof
        allowed |= {Outcome.UNKNOWN}
    assert decision.verdict.outcome in allowed
    assert (decision.verdict.outcome is Outcome.EQUAL) <= (truth == 0)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([(2, 3, 2), (2, 3, 3), (2, 2, 3, 2)]), st.sampled_from(RELATIONS), SEEDS, st.sampled_from(DOMAINS)
)
def test_top_classes_are_compared_like_brute_force_does(widths, relation, seed, domain):
    first, second, generator = drawn_pair(widths, relation, seed)
    margin = fmpq(int(generator.integers(0, 4)), 8)
    claim = same_top1(first.output_width, margin)
    decision = decide(first, second, domain, claim, EFFORT)
    assert_evidence(decision, claim, domain, first, second)
    differs = top1_differs(first, second, rectangle(domain.lower, domain.upper), to_fraction(margin))
    if differs:
        assert decision.verdict.outcome is not Outcome.EQUIVALENT
    else:
        assert decision.verdict.outcome is not Outcome.DIFFERENT


@settings(max_examples=20, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS)
def test_the_maximum_lies_between_what_is_attained_and_what_is_proved(widths, relation, seed):
    first, second, _ = drawn_pair(widths, relation, seed)
    domain = box(-1, 1, 2)
    decision = maximum(first, second, domain, Effort(seconds=3, engine=Engine.BOUNDS))
    truth = max(largest_differences(first, second, rectangle(domain.lower, domain.upper)))
    details = decision.verdict.details
    attained, proved = (to_fraction(rational(details[key])) for key in ("attained", "proved"))
    assert attained <= truth <= proved
    assert decision.verdict.outcome is not Outcome.DIFFERENT
    if decision.verdict.outcome is not Outcome.UNKNOWN:
        assert proved <= attained * (1 + to_fraction(fmpq(1, 10**6)))
        assert check(decision.certificate, first, second).holds
    if details["point"]:
        point = [rational(v) for v in details["point"]]
        assert domain.contains(point)
        gaps = [abs(b - a) for a, b in zip(evaluate(first, point), evaluate(second, point))]
        assert to_fraction(max(gaps)) == attained


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([(2, 2, 1), (2, 3, 2), (2, 2, 2, 1)]), st.sampled_from(RELATIONS), SEEDS)
def test_polytopes_are_cut_exactly(widths, relation, seed):
    first, second, generator = drawn_pair(widths, relation, seed)
    rows = [[fmpq(int(v), 4) for v in generator.integers(-4, 5, 3)] for _ in range(2)]
    domain = Domain((fmpq(-1),) * 2, (fmpq(1),) * 2, tuple(((a, b), c) for a, b, c in rows))
    polygon = rectangle(domain.lower, domain.upper)
    for a, b, c in rows:
        polygon = polygon and clipped(polygon, [to_fraction(c), to_fraction(-a), to_fraction(-b)])
    truth = max(largest_differences(first, second, polygon)) if polygon else 0
    claim = within(rational(truth) * fmpq(999, 1000), first.output_width)
    decision = decide(first, second, domain, claim, EFFORT)
    assert_evidence(decision, claim, domain, first, second)
    if truth > 0:
        assert decision.verdict.outcome not in (Outcome.EQUAL, Outcome.EQUIVALENT)
    else:
        assert decision.verdict.outcome is not Outcome.DIFFERENT
    above = within(rational(truth) * fmpq(1001, 1000) + fmpq(1, 1000), first.output_width)
    decision = decide(first, second, domain, above, EFFORT)
    assert_evidence(decision, above, domain, first, second)
    assert decision.verdict.outcome is Outcome.EQUIVALENT


@pytest.mark.parametrize("power", [6, 30, 40])
def test_a_tiny_epsilon_is_proved_and_refuted_like_any_other(power):
    generator = np.random.default_rng(1)
    first = integer_network((2, 4, 4, 1), generator)
    second = perturbed(first, fmpq(1, 10**power), generator)
    truth = rational(max(largest_differences(first, second, rectangle([-1, -1], [1, 1]))))
    assert 0 < truth < fmpq(1, 10 ** (power - 3))
    above, below = (within(truth * factor, 1) for factor in (fmpq(101, 100), fmpq(99, 100)))
    assert decide(first, second, box(-1, 1, 2), above, EFFORT).verdict.outcome is Outcome.EQUIVALENT
    refuted = decide(first, second, box(-1, 1, 2), below, EFFORT)
    assert refuted.verdict.outcome is Outcome.DIFFERENT
    assert_evidence(refuted, below, box(-1, 1, 2), first, second)


def test_epsilons_may_differ_from_output_to_output():
    first = integer_network((2, 3, 2), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, "1/8")
    claim = Within((fmpq(1, 8), fmpq(0)))
    assert decide(first, second, box(0, 1, 2), claim, EFFORT).verdict.outcome is Outcome.EQUIVALENT
    swapped = Within((fmpq(0), fmpq(1, 8)))
    assert decide(first, second, box(0, 1, 2), swapped, EFFORT).verdict.outcome is Outcome.DIFFERENT


def test_networks_of_other_shapes_are_refused():
    first, second = (integer_network(widths, np.random.default_rng(0)) for widths in ((2, 3, 1), (3, 3, 1)))
    with pytest.raises(InputError, match="same number of inputs, not 2 and 3"):
        decide(first, second, box(0, 1, 2), within(0, 1))
    with pytest.raises(InputError, match="domain of 2 inputs, not 3"):
        decide(first, first, box(0, 1, 3), within(0, 1))


@pytest.mark.parametrize("power", [6, 20, 40])
def test_decision_borders_that_lie_closer_than_floats_are_told_apart(power):
    first = random_network("5-8-3", seed=3)
    second = perturbed(first, fmpq(1, 10**power), np.random.default_rng(1))
    claim, domain = same_top1(3), box(-3, 3, 5)
    decision = decide(first, second, domain, claim, EFFORT)
    assert decision.verdict.outcome is Outcome.DIFFERENT
    assert_evidence(decision, claim, domain, first, second)


def test_a_float64_point_is_one_of_the_domain_that_witnesses():
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, "1/8")
    for low, high, there in (("1/3", "2/3", True), ("1/3", "1/3", False), ("1/10", "1/10", False)):
        verdict = decide(first, second, box(low, high, 2), within("1/9", 1), EFFORT).verdict
        assert verdict.outcome is Outcome.DIFFERENT
        point = verdict.details["float64_point"]
        assert (point is not None) == there
        assert point is None or box(low, high, 2).contains([rational(v) for v in point])


def test_nearest_floats_outside_the_domain_are_moved_into_it():
    thin = Domain((rational(0.1) + fmpq(1, 10**30),), (fmpq(1),))
    points = list(attack.float_points(thin, thin.lower))
    assert not thin.contains(points[0])
    assert thin.contains(points[1])
    assert to_fraction(points[1][0]) == Fraction(math.nextafter(0.1, 1))


@pytest.mark.parametrize("place", ["weights", "domain", "epsilon"])
def test_numbers_out_of_reach_of_floats_are_refused_in_words(place):
    huge = fmpq(10) ** 400
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, huge if place == "weights" else 1)
    domain = box(0, huge if place == "domain" else 1, 2)
    with pytest.raises(InputError, match="below 1e308 in size"):
        decide(first, second, domain, within(huge if place == "epsilon" else 0, 1))
