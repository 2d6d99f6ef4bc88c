"""The search's way down to where nothing is left to split, and what its linear programs hand over."""

from dataclasses import replace
from itertools import count
from math import inf

import highspy
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from precise.executors import Workers
from precise.random_networks import random_network
from tests.verify.equivalence.pairs import perturbed
from verify.differential import bounds, phases
from verify.differential.branch_and_bound import Stop, search
from verify.differential.linear_program import BASIC, LOWER, UPPER, Warm
from verify.differential.problem import DUAL_BITS, Looker, _short, children
from verify.differential.question import Question
from verify.properties.claim import within
from verify.properties.domain import box

LOOKS = 300


@pytest.fixture(scope="module")
def question():
    """A problem and its whole domain, by phase."""
    first = random_network("5-8-8-1", seed=3)
    second = perturbed(first, fmpq(1, 10**10), np.random.default_rng(0))
    asked = Question(first, second, box(-1, 1, 5))
    root = bounds.whole(asked.layers, asked.lower, asked.upper, by_phase=True)
    return replace(asked.problem(within(0, 1), seconds=20.0), exact=False), root


class Few:
    """The goal of closing nothing within some looks."""

    def __init__(self):
        self.looks = count()

    def limit(self, target):
        return 0.0

    def offer(self, points, target):
        if next(self.looks) == LOOKS:
            raise Stop


def deepest(tree):
    """The number of splits above the deepest leaf."""
    depths, stack = [], [(0, 0)]
    while stack:
        place, depth = stack.pop()
        depths.append(depth)
        stack += [(child, depth + 1) for child in tree[place].get("children", ())]
    assert len(depths) == len(tree)
    return max(depths)


def test_dives_get_to_the_end_where_best_first_does_not(question):
    problem, root = question
    neurons = sum(int(phases.undecided(b).sum()) for b in root.boxes)
    without, diving = (search(problem, root, Few(), inf, Workers(), diving=d) for d in (False, True))
    assert max(map(deepest, without.trees)) < neurons - 2
    assert max(map(deepest, diving.trees)) >= neurons - 2  # the last ones may be decided by the others
    for found in (without, diving):  # all that was split or looked at is somewhere
        assert found.nodes == sum(map(len, found.trees))
        assert max(found.bounds) == found.history[-1][1]


def test_a_basis_is_the_one_that_the_solver_has(question):
    problem, root = question
    target, looker = problem.targets[0], Looker(problem, root)
    warm = Warm(problem.layers, root, target.row, target.sides, target.margins, problem.facets, 20.0)
    step = looker.look(root, 0, len(problem.layers), 0.0)
    for part in (root, *children(problem, root, step.splits[0].split)):
        found = warm.solve(part)
        states = np.frombuffer(found.basis, dtype=np.uint8)
        solver = warm._solver.getBasis()
        theirs = np.array([int(s) for s in (*solver.col_status, *solver.row_status)])
        assert ((states == BASIC) == (theirs == BASIC)).all()
        lower, upper = (np.array(side) for side in (warm._solver.getLp().col_lower_, warm._solver.getLp().col_upper_))
        free = np.flatnonzero((states[: len(lower)] != BASIC) & (lower < upper))
        assert (states[free] == theirs[free]).all()
        assert set(states.tolist()) <= {LOWER, BASIC, UPPER}
        assert warm.solve(part, found.basis).value == pytest.approx(found.value, rel=1e-9)


def test_where_no_program_is_solved_any_more_halves_keep_the_bound_of_the_whole(question, monkeypatch):
    problem, root = question
    solved, calls = Looker._solved, count()
    monkeypatch.setattr(Looker, "_solved", lambda *a: solved(*a) if next(calls) < LOOKS // 2 else None)
    found = search(problem, root, Few(), inf, Workers())
    assert next(calls) > LOOKS // 2
    assert max(found.bounds) == found.history[-1][1] <= found.history[0][1]


@pytest.mark.parametrize("failure", ["kNotset", "kUnknown", "kSolveError"])
def test_a_program_that_fails_from_a_basis_is_solved_without_it(question, failure, monkeypatch):
    problem, root = question
    target = problem.targets[0]
    warm = Warm(problem.layers, root, target.row, target.sides, target.margins, problem.facets, 20.0)
    expected = warm.solve(root)
    monkeypatch.setattr(warm, "_status", lambda basis: getattr(highspy.HighsModelStatus, failure))
    assert warm.solve(root, expected.basis).value == pytest.approx(expected.value, rel=1e-9)


NORMAL = st.floats(-1e6, 1e6).map(lambda v: v if abs(v) > 2.0**-500 else 0.0)  # units of smaller ones would be 0
NUMBERS = st.lists(NORMAL, min_size=2, max_size=6)


@given(NUMBERS, st.integers(-60, 60))
def test_short_multipliers_are_near_and_have_one_denominator(values, exponent):
    half = np.ldexp(np.array(values), exponent)
    both = np.concatenate([half, half[::-1] * 2.0**-30])[None, :]
    short = _short(both)
    for mine, given_half in zip(short.reshape(2, -1), both.reshape(2, -1), strict=True):
        largest = np.abs(given_half).max()
        unit = 2.0 ** (np.frexp(largest)[1] - DUAL_BITS)
        assert (np.abs(mine - given_half) <= unit / 2).all()
        assert (mine / unit == np.rint(mine / unit)).all()
