"""What the search promises beyond its verdicts: any-time bounds, float witnesses, networks of other structure."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import rational, to_fraction
from precise.network import Layer, Network
from tests.precise.rewritings import rewritten
from tests.verify.equivalence.pairs import integer_network
from tests.verify.equivalence.polygons import largest_differences, rectangle
from verify.checker import check
from verify.differential import problem
from verify.equivalence import Effort, decide, maximum
from verify.properties.claim import logit_margin, within
from verify.properties.domain import box
from verify.verdict import Outcome

SEEDS = st.integers(0, 2**32 - 1)
PLANE = box(-1, 1, 2)


def truth_of(first, second):
    return rational(max(largest_differences(first, second, rectangle([-1, -1], [1, 1]))))


@pytest.fixture
def far_pair():
    generator = np.random.default_rng(11)
    return integer_network((2, 4, 4, 1), generator), integer_network((2, 4, 4, 1), generator)


def test_an_interrupted_search_keeps_what_it_has_proved(far_pair, monkeypatch):
    looked, count = problem.Looker.look, iter(range(100))

    def interrupted(*arguments):
        if next(count) == 5:
            raise KeyboardInterrupt
        return looked(*arguments)

    monkeypatch.setattr(problem.Looker, "look", interrupted)
    verdict = maximum(*far_pair, PLANE, Effort(seconds=30)).verdict
    attained, proved = rational(verdict.details["attained"]), rational(verdict.details["proved"])
    assert verdict.outcome is Outcome.UNKNOWN
    assert attained <= truth_of(*far_pair) <= proved < attained * 100
    assert verdict.details["open"] >= 1


def test_no_time_at_all_still_gives_bounds(far_pair):
    truth = truth_of(*far_pair)
    decision = decide(*far_pair, PLANE, within(truth * fmpq(1001, 1000), 1), Effort(seconds=0))
    assert decision.verdict.outcome is Outcome.UNKNOWN
    assert max(rational(b) for b in decision.verdict.details["bounds"]) >= truth
    assert decision.certificate is None


def test_the_history_of_bounds_falls(far_pair):
    history = maximum(*far_pair, PLANE, Effort(seconds=30)).history
    assert len(history) > 1
    assert history == sorted(history, key=lambda entry: (entry[0], -entry[1]))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_float_point_that_is_given_is_a_witness_itself(seed):
    generator = np.random.default_rng(seed)
    first, second = (integer_network((2, 3, 1), generator) for _ in range(2))
    truth = truth_of(first, second)
    verdict = decide(first, second, PLANE, within(truth * fmpq(2, 3), 1), Effort(seconds=10)).verdict
    assert (verdict.outcome is Outcome.DIFFERENT) == (truth > 0)
    point = verdict.details.get("float64_point")
    if point is not None:
        exact = [rational(v) for v in point]
        assert PLANE.contains(exact)
        assert abs(first(exact)[0] - second(exact)[0]) > truth * fmpq(2, 3)


def test_a_witness_between_the_floats_has_no_float_point():
    # g - f rises from 0 to 1/2 and back within 2^-80 around 1/3
    middle, steep = fmpq(1, 3), fmpq(2) ** 80
    ramp = Layer(((steep,), (steep,), (steep,)), tuple(-steep * (middle + fmpq(n, 2) / steep) for n in (-1, 0, 1)))
    first = Network((ramp, Layer(((fmpq(0),) * 3,), (fmpq(0),))))
    second = Network((ramp, Layer(((fmpq(1), fmpq(-2), fmpq(1)),), (fmpq(0),))))
    verdict = decide(first, second, box("1/3", "1/3", 1), within(0, 1), Effort(seconds=10)).verdict
    assert verdict.outcome is Outcome.DIFFERENT
    assert verdict.witness.point == (middle,)
    assert verdict.details["float64_point"] is None


def deeper(network, layer):
    """The same function with one more layer: what a ReLU hands on passes a ReLU unchanged."""
    width = network.layers[layer - 1].neurons
    identity = tuple(tuple(fmpq(int(i == j)) for j in range(width)) for i in range(width))
    layers = list(network.layers)
    layers.insert(layer, Layer(identity, (fmpq(0),) * width))
    return Network(tuple(layers))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from([fmpq(0), fmpq(1, 100), fmpq(2)]))
def test_networks_of_different_depth_and_width_are_compared(seed, factor):
    generator = np.random.default_rng(seed)
    first = integer_network((2, 2, 2, 1), generator)
    same = rewritten(deeper(first, 1), generator, steps=2, kinds=[0, 2, 3, 4])
    decision = decide(first, same, PLANE, within(0, 1), Effort(seconds=20))
    assert decision.verdict.outcome is Outcome.EQUAL
    assert check(decision.certificate, first, same).holds
    other = integer_network((2, 3, 1), generator)
    truth = truth_of(first, other)
    verdict = decide(first, other, PLANE, within(truth * factor, 1), Effort(seconds=20)).verdict
    assert (verdict.outcome is Outcome.DIFFERENT) == (truth > truth * factor)
    assert verdict.outcome is not Outcome.UNKNOWN


def test_a_network_without_a_hidden_layer_is_compared_too():
    line = Network.from_rows([([[1, -1]], [0])])
    other = Network.from_rows([([[1, 0], [0, 1]], [2, 2]), ([[1, -1]], [0])])  # its ReLUs never bend inside
    assert decide(line, other, PLANE, within(0, 1)).verdict.outcome is Outcome.EQUAL
    assert decide(line, line, PLANE, within(0, 1)).verdict.outcome is Outcome.EQUAL
    shifted = Network.from_rows([([[1, -1]], ["1e-30"])])
    assert decide(line, shifted, PLANE, within("1e-30", 1)).verdict.outcome is Outcome.EQUIVALENT
    assert decide(line, shifted, PLANE, within("9e-31", 1)).verdict.outcome is Outcome.DIFFERENT


@given(st.fractions(0, 1).filter(lambda p: p < 1))
def test_a_confidence_implies_its_margin(confidence):
    margin = logit_margin(rational(confidence))
    assert margin >= 0
    odds = float(confidence / (1 - confidence))
    assert float(to_fraction(margin)) <= max(np.log(odds), 0) * (1 + 1e-12) if odds > 1 else margin == 0
