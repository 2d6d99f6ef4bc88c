"""The error of an evaluation, bounded neuron by neuron: it holds, and is less than the promise."""

import numpy as np
import pytest
from flint import arb, fmpq, fmpz, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import SliceBatch
from precise.matching.surface import _speaks
from precise.network import Network
from precise.oracle import ExactOracle
from precise.oracles.formats import FORMATS
from precise.oracles.hardware import SUMMATIONS, HardwareOracle
from precise.random_networks import random_network
from precise.rounding.balls import working_precision
from precise.rounding.evaluation import evaluation_error
from precise.rounding.intervals import IntervalNetwork


def rescaled(network, factors):
    """The same function, every hidden neuron of layer 1 times a factor; rows of balls."""
    layers = [
        [[arb(w) for w in row] + [arb(b)] for row, b in zip(layer.weights, layer.biases, strict=True)]
        for layer in network.layers
    ]
    layers[0] = [[v * f for v in row] for row, f in zip(layers[0], factors, strict=True)]
    layers[1] = [[*(w / f for w, f in zip(row[:-1], factors, strict=True)), row[-1]] for row in layers[1]]
    return layers


@pytest.mark.parametrize("name", FORMATS)
@given(seed=st.integers(0, 10_000), summation=st.sampled_from(SUMMATIONS), scale=st.sampled_from([1, 16, 512]))
@settings(max_examples=12, deadline=None)
def test_the_bound_holds_for_every_scale_of_the_neurons(name, seed, summation, scale):
    oracle = HardwareOracle(random_network("6-5x2-2", seed), name, summation)
    true = oracle.rounded_network()
    generator = np.random.default_rng(seed)
    points = generator.integers(-100, 100, (12, 6)) * scale
    batch = SliceBatch(fmpz_mat(points.tolist()), fmpz(64), tuple(range(6)), 6)
    with working_precision():
        network = IntervalNetwork(rescaled(true, [arb(2) ** int(e) * 3 for e in generator.integers(-9, 9, 5)]))
        places = points / 64
        bound = evaluation_error(FORMATS[name], network, places, network.passed(places))
    answers, exact = oracle.query(batch), ExactOracle(true).query(batch)
    promised = oracle.promise.radii(batch, answers)
    underflow = oracle.promise.underflow(batch)
    for given_row, true_row, sharp, wide in zip(answers.rows(), exact.rows(), bound, promised, strict=True):
        for a, t, s, w in zip(given_row, true_row, sharp, wide, strict=True):
            assert abs(a - t) <= fmpq(*(float(s) + underflow).as_integer_ratio())
            assert s <= float(w) * (1 + 2**-20)


def test_a_bound_for_other_weights_does_not_hold():
    """The comparison above can fail: a network with weights a thousandth as large has too small a bound."""
    true = random_network("6-5x2-2", 1)
    small = Network.from_arrays([(w / 1000, b / 1000) for w, b in true.to_numpy()])
    oracle = HardwareOracle(true, "float32")
    points = np.random.default_rng(1).integers(-100, 100, (64, 6))
    batch = SliceBatch(fmpz_mat(points.tolist()), fmpz(64), tuple(range(6)), 6)
    with working_precision():
        network = IntervalNetwork(rescaled(small, [arb(1)] * 5))
        bound = evaluation_error(FORMATS["float32"], network, points / 64, network.passed(points / 64))
    pairs = zip(oracle.query(batch).rows(), ExactOracle(oracle.rounded_network()).query(batch).rows(), strict=True)
    errors = np.array([[abs(float(a - t)) for a, t in zip(*pair, strict=True)] for pair in pairs])
    assert (errors > bound).any()


@pytest.mark.parametrize(
    ("second", "says"),
    [("0.1 +/- 1e-9", 1), ("3e-7 +/- 1e-12", 0), ("0 +/- 1e-9", -1), ("0.1 +/- 0.2", 0)],
)
def test_a_small_bend_that_is_proved_does_not_speak_against_a_row(second, says):
    """f(p - d), f(p), f(p + d) = 0, -second / 2, 1: the first difference is 1."""
    assert _speaks(arb(0), -arb(second) / 2 + arb("0.5"), arb(1)) == says
