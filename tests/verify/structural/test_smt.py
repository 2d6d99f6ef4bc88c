"""The solver as a check of its own: against brute force, on boxes, and its refusals."""

import numpy as np
import pytest
import z3
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError, Network
from precise.random_networks import random_network
from precise.symmetry.canonical_form import canonical_form
from tests.precise.rewritings import evaluate, rewritten, small_network
from tests.verify.structural.brute_force import differ
from verify.equality import smt
from verify.equality.smt import find_difference

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.sampled_from([(1, 2, 1), (1, 2, 2, 1), (2, 2, 2), (2, 2, 2, 1), (2, 3, 1)])


@settings(max_examples=60, deadline=None)
@given(SEEDS, WIDTHS)
def test_the_solver_and_brute_force_agree(seed, widths):
    generator = np.random.default_rng(seed)
    first = small_network(generator, widths)
    for second in (
        small_network(generator, widths),
        mutants.flip_sign(first, 1, 1),
        rewritten(first, generator, steps=2),
    ):
        answer = find_difference(first, second)
        assert answer.differs == differ(first, second)
        if answer.differs:
            assert evaluate(first, answer.point) != evaluate(second, answer.point)


@settings(derandomize=True, deadline=None)
@given(SEEDS, WIDTHS)
def test_equal_forms_on_a_box_leave_the_solver_nothing_to_find(seed, widths):
    generator = np.random.default_rng(seed)
    low = [int(v) for v in generator.integers(-2, 3, widths[0])]
    box = [(v, v + int(generator.integers(0, 3))) for v in low]
    first = small_network(generator, widths)
    second = mutants.shift_bias(first, 1, 1, 1) if seed % 2 else mutants.flip_sign(first, 1, 1)
    answer = find_difference(first, second, box)
    if canonical_form(first, box) == canonical_form(second, box):
        assert answer.differs is False
    if answer.differs:
        assert all(a <= v <= b for v, (a, b) in zip(answer.point, box))
        assert evaluate(first, answer.point) != evaluate(second, answer.point)


def test_what_differs_outside_a_box_only_is_equal_inside():
    first = Network.from_rows([([[1]], [-5]), ([[1]], [0])])
    second = Network.from_rows([([[1]], [-6]), ([[1]], [0])])
    assert find_difference(first, second, [(-10, 5)]).differs is False
    assert find_difference(first, second, [(-10, "51/10")]).differs is True
    assert find_difference(first, second).differs is True


def test_a_difference_far_below_floats_is_found_exactly():
    network = random_network("2-3x2-1", seed=2)
    answer = find_difference(network, mutants.shift_bias(network, 3, 1, "1e-300"))
    assert answer.differs is True
    assert network(answer.point) != mutants.shift_bias(network, 3, 1, "1e-300")(answer.point)


def test_the_solver_says_when_it_gives_up():
    network = random_network("4-8x3-1", seed=2)
    assert find_difference(network, mutants.permute_pair(network, 1, 1, 2), timeout=0.0).differs is None
    answer = find_difference(network, mutants.permute_pair(network, 1, 1, 2), timeout=0.3)
    assert answer.differs is None
    assert "gave up after 0.3 s" in answer.reason


def test_a_model_that_does_not_survive_the_replay_is_no_witness(monkeypatch):
    monkeypatch.setattr(smt, "model_value", lambda model, variable: fmpq(-(10**6)))
    other = Network.from_rows([([[0, 0]], [0]), ([[0]], [0])])
    dead = Network.from_rows([([[1, 1]], [0]), ([[1]], [0])])
    assert dead([-(10**6)] * 2) == other([-(10**6)] * 2)
    answer = find_difference(dead, other)
    assert (answer.differs, answer.point) == (None, None)
    assert "in exact arithmetic" in answer.reason


def test_models_are_read_exactly():
    x = z3.Real("x")
    solver = z3.Solver()
    solver.add(3 * x == z3.RealVal("-1/7"))
    assert solver.check() == z3.sat
    assert smt.model_value(solver.model(), x) == fmpq(-1, 21)


def test_wrong_boxes_and_networks_are_refused():
    network = random_network("2-2-1", seed=1)
    with pytest.raises(InputError, match="a box with 2 pairs of bounds, not 1"):
        find_difference(network, network, [(0, 1)])
    with pytest.raises(InputError, match="the same number of inputs and of outputs"):
        find_difference(network, random_network("3-2-1", seed=1))
