"""Z3 as a decision procedure against exact brute force and against the engine of bounds, which never contradict."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise.arithmetic import rational, to_fraction
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate
from tests.verify.equivalence.pairs import RELATIONS, integer_network, related
from tests.verify.equivalence.polygons import clipped, largest_differences, rectangle, top1_differs
from verify import equivalence, smt_decision
from verify.checker import check
from verify.decision import Decision, Effort, Engine
from verify.equivalence import decide, maximum
from verify.properties.claim import Excluded, same_top1, within
from verify.properties.domain import Domain, ball, box
from verify.smt_decision import decide_by_z3, maximum_by_z3
from verify.verdict import Outcome, Verdict

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.sampled_from([(2, 2, 1), (2, 3, 2), (2, 2, 2, 1)])
PROVED = {Outcome.EQUAL, Outcome.EQUIVALENT}
HALFSPACE = ((fmpq(1), fmpq(-1)), fmpq(1, 2))  # x - y <= 1/2
DOMAINS = [
    box(-1, 1, 2),  # weights are multiples of 1/4: kinks meet its sides and corners
    ball([1, -1], "1/2", clip=(-1, 1)),
    box("1/4", "1/4", 2),  # a point, often on a kink
    Domain((fmpq(-1), fmpq(0)), (fmpq(1), fmpq(0))),  # a segment
    Domain((fmpq(-1),) * 2, (fmpq(1),) * 2, (HALFSPACE,)),
]
EFFORT = Effort(seconds=20)
BOUNDS = Effort(seconds=3, engine=Engine.BOUNDS)


def drawn(widths, relation, seed):
    generator = np.random.default_rng(seed)
    first = integer_network(widths, generator)
    return first, related(first, relation, generator)


def polygon_of(domain):
    corners = rectangle(domain.lower, domain.upper)
    for (a, b), bound in domain.halfspaces:
        corners = clipped(corners, [to_fraction(bound), -to_fraction(a), -to_fraction(b)])
    return corners


def assert_decided_and_not_contradicted(first, second, domain, claim, holds):
    """Z3 has the truth, with its evidence; the other engine has it too, or leaves it open."""
    decision = decide_by_z3(first, second, domain, claim, EFFORT, certify=False)
    outcome, witness = decision.verdict.outcome, decision.verdict.witness
    assert (outcome in PROVED) == holds
    assert (outcome is Outcome.DIFFERENT) == (not holds)
    assert decision.verdict.details["engine"] == "z3"
    if witness is None:
        assert "without a certificate" in decision.verdict.reason
    else:
        assert domain.contains(witness.point)
        assert claim.refuted_by(evaluate(first, witness.point), evaluate(second, witness.point))
    other = decide(first, second, domain, claim, BOUNDS).verdict
    assert other.details["engine"] == "bounds"
    assert other.outcome is Outcome.UNKNOWN or (other.outcome in PROVED) == holds


@settings(max_examples=40, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS, st.sampled_from(DOMAINS), st.sampled_from([0, "999/1000", 1, 2]))
def test_both_engines_and_brute_force_agree_on_differences(widths, relation, seed, domain, factor):
    first, second = drawn(widths, relation, seed)
    truth = rational(max(largest_differences(first, second, polygon_of(domain))))
    epsilon = truth * rational(factor)
    claim = within(epsilon, first.output_width)
    assert_decided_and_not_contradicted(first, second, domain, claim, truth <= epsilon)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(RELATIONS), SEEDS, st.sampled_from(DOMAINS), st.sampled_from([0, "1/8", "1/2"]))
def test_both_engines_and_brute_force_agree_on_classes(relation, seed, domain, margin):
    first, second = drawn((2, 3, 3), relation, seed)
    differs = top1_differs(first, second, polygon_of(domain), to_fraction(rational(margin)))
    assert_decided_and_not_contradicted(first, second, domain, same_top1(3, margin), not differs)


@settings(max_examples=15, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS, st.booleans())
def test_both_engines_agree_on_excluded_outputs(widths, relation, seed, strict):
    first, second = drawn(widths, relation, seed)
    truth = rational(max(largest_differences(first, second, polygon_of(DOMAINS[0]))))
    n = first.output_width
    rows = [tuple(fmpq(sign * (i == n + o)) for i in range(2 * n)) for o in range(n) for sign in (1, -1)]
    claim = Excluded(tuple(((row, truth, strict),) for row in rows))  # attained: only the strict one holds
    assert_decided_and_not_contradicted(first, second, DOMAINS[0], claim, strict)


@settings(max_examples=20, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS, st.sampled_from(DOMAINS))
def test_the_maximum_is_exact(widths, relation, seed, domain):
    first, second = drawn(widths, relation, seed)
    truth = rational(max(largest_differences(first, second, polygon_of(domain))))
    verdict = maximum_by_z3(first, second, domain, EFFORT, certify=False).verdict
    assert rational(verdict.details["attained"]) == rational(verdict.details["proved"]) == truth
    assert verdict.outcome is (Outcome.EQUIVALENT if truth else Outcome.EQUAL)
    point = [rational(v) for v in verdict.details["point"]]
    assert domain.contains(point)
    assert max(abs(b - a) for a, b in zip(evaluate(first, point), evaluate(second, point))) == truth


@settings(max_examples=10, deadline=None)
@given(WIDTHS, st.sampled_from(RELATIONS), SEEDS, st.sampled_from(DOMAINS))
def test_a_certificate_that_is_grown_afterwards_checks(widths, relation, seed, domain):
    first, second = drawn(widths, relation, seed)
    decision = maximum_by_z3(first, second, domain, EFFORT)
    assert (decision.certificate is None) == ("without a certificate" in decision.verdict.reason)
    if decision.certificate is not None:
        assert check(decision.certificate, first, second).holds


def test_a_certificate_is_there_for_small_pairs():
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, "1/8")
    decision = decide_by_z3(first, second, box(-1, 1, 2), within("1/8", 1), EFFORT)
    assert check(decision.certificate, first, second).bounds == (fmpq(1, 8), fmpq(-1, 8))


def test_an_exact_replay_outweighs_the_solver(monkeypatch):
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second, domain = mutants.shift_bias(first, 2, 1, "1/8"), box(-1, 1, 2)
    monkeypatch.setattr(smt_decision.z3.Solver, "check", lambda _: smt_decision.z3.unsat)
    monkeypatch.setattr("verify.differential.exact_leaf._Leaf._satisfied", lambda _, solver: _really(solver))
    found = decide_by_z3(first, second, domain, within("1/16", 1), EFFORT)
    assert found.verdict.outcome is Outcome.DIFFERENT


def _really(solver):
    optimum = smt_decision.z3.Optimize()
    optimum.add(solver.assertions())
    satisfied = optimum.check() == smt_decision.z3.sat
    if satisfied:
        solver.model = optimum.model
    return satisfied


def test_a_point_that_does_not_replay_proves_nothing(monkeypatch):
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second, domain = mutants.shift_bias(first, 2, 1, "1/8"), box(-1, 1, 2)
    monkeypatch.setattr(smt_decision._Question, "point_of", lambda *_: [fmpq(5), fmpq(5)])
    found = decide_by_z3(first, second, domain, within("1/16", 1), EFFORT)
    assert found.verdict.outcome is Outcome.UNKNOWN
    assert maximum_by_z3(first, second, domain, EFFORT).verdict.outcome is Outcome.UNKNOWN


def test_the_time_is_kept():
    first = random_network("4-8x2-1", seed=1)
    second = related(first, "perturbed", np.random.default_rng(1))
    for seconds in (0.0, 0.5):
        for found in (
            decide_by_z3(first, second, box(-1, 1, 4), within("1/10", 1), Effort(seconds=seconds)),
            maximum_by_z3(first, second, box(-1, 1, 4), Effort(seconds=seconds)),
        ):
            assert found.verdict.outcome is Outcome.UNKNOWN
            assert "time" in found.verdict.reason
            assert found.verdict.details["seconds"] < 5


@pytest.mark.parametrize(("engine", "outcome"), [(Engine.AUTO, Outcome.EQUIVALENT), (Engine.BOUNDS, Outcome.UNKNOWN)])
def test_small_pairs_that_bounds_leave_open_go_to_the_solver(engine, outcome, monkeypatch):
    first = integer_network((2, 3, 1), np.random.default_rng(2))
    second, domain = mutants.shift_bias(first, 2, 1, "1/8"), box(-1, 1, 2)
    stopped = Decision(Verdict(Outcome.UNKNOWN, domain.describe(), "", ""), history=[(0.0, 1.0)])
    for verb in ("decide_by_bounds", "maximum_by_bounds"):
        monkeypatch.setattr(equivalence, verb, lambda *_: stopped)
    for found in (
        decide(first, second, domain, within("1/8", 1), Effort(engine=engine)),
        maximum(first, second, domain, Effort(engine=engine)),
    ):
        assert found.verdict.outcome is outcome
        assert found.history == stopped.history


def test_what_the_user_interrupts_is_not_begun_anew(monkeypatch):
    first, domain = integer_network((2, 3, 1), np.random.default_rng(2)), box(-1, 1, 2)
    stopped = Decision(Verdict(Outcome.UNKNOWN, domain.describe(), "", ""), interrupted=True)
    monkeypatch.setattr(equivalence, "decide_by_bounds", lambda *_: stopped)
    assert decide(first, first, domain, within(0, 1)) is stopped
