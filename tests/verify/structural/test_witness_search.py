"""The search for witnesses: what it returns always holds, and extreme numbers do not stop it."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise.network import Network
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate, small_network
from verify.equality.witness_search import WitnessSearch, exact

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_a_shortened_witness_is_a_witness_and_no_longer(seed):
    generator = np.random.default_rng(seed)
    first, second = small_network(generator, (4, 3, 2)), small_network(generator, (4, 3, 2))
    search = WitnessSearch(first, second, seed=seed)
    point = [fmpq(int(v), 7) for v in generator.integers(-99, 99, 4)]
    if evaluate(first, point) != evaluate(second, point):
        short = search.shortened(point)
        assert evaluate(first, short) != evaluate(second, short)
        assert sum(map(bool, short)) <= sum(map(bool, point))


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_differing_is_decided_exactly(seed):
    generator = np.random.default_rng(seed)
    first = small_network(generator, (2, 3, 1))
    second = mutants.shift_bias(first, 1, 1, "1e-60")
    points = [[fmpq(int(v), 3) for v in row] for row in generator.integers(-9, 10, (6, 2))]
    expected = [n for n, point in enumerate(points) if evaluate(first, point) != evaluate(second, point)]
    assert WitnessSearch(first, second).differing(points) == expected


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_fault_in_a_rarely_active_neuron_is_aimed_at(layer):
    network = mutants.shift_bias(random_network("30-10x3-1", seed=8), layer, 4, -40)
    other = mutants.shift_bias(network, layer, 4, "1e-50")
    search = WitnessSearch(network, other)
    witness = search.run([(0, layer, 4)], seconds=60)
    assert witness is not None
    assert evaluate(network, witness.point) != evaluate(other, witness.point)


def test_equal_networks_have_no_witness_and_time_is_kept():
    network = random_network("3-4-1", seed=8)
    same = mutants.permute_pair(network, 1, 1, 2)
    search = WitnessSearch(network, same)
    assert search.run([], seconds=60) is None
    everything = search.evaluated
    search = WitnessSearch(network, same)
    assert search.run([], seconds=0) is None
    assert 0 < search.evaluated < everything


@pytest.mark.parametrize("size", ["1e-400", "1e400", "1e-170"])
def test_weights_beyond_floats_are_searched(size):
    network = Network.from_rows([([[size, size], [1, size]], ["-1", 0]), ([[1, size]], [0]), ([[1]], [0])])
    search = WitnessSearch(network, mutants.permute_pair(network, 1, 1, 2))
    assert search.run([(0, 1, 1), (0, 2, 1)], seconds=60) is None


def test_points_become_short_rationals():
    assert exact(np.array([0.1, -3.0]), 4) == [0, -3]
    assert exact(np.array([0.1, -3.0]), 8) == [fmpq(6, 64), -3]
    assert exact(np.zeros(2), 8) == [0, 0]
    assert exact(np.array([5e-324, 0.0]), 12) == [fmpq(1, 2**1074), 0]
