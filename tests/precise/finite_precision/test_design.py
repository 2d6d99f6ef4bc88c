"""Points for more digits: they tell also what hardly enters the output, and what is active at few points only."""

import numpy as np
import pytest
from flint import arb

from benchmarks.enclosures import rest_score, scores
from precise.matching.design import _sparse
from precise.matching.extract import extract_by_matching
from precise.network import Network
from precise.oracles.select import oracle_of
from precise.random_networks import random_network


@pytest.mark.parametrize(("seed", "bits"), [(2, 28), (4, 36)])
def test_a_neuron_with_a_thousandth_of_the_others_output_is_told(seed, bits):
    """Dense points alone left 18.8 bits of the first one, where a neuron is active at few points."""
    *hidden, (weights, biases) = random_network("12-6x2-1", seed).to_numpy()
    weights = weights.copy()
    weights[1] *= 2.0**-10
    network = Network.from_arrays([*hidden, (weights, biases)])
    result = extract_by_matching(oracle_of(network, "float64"), network.widths, seed)
    assert result.report.complete
    assert min(result.report.layers[1].bits) >= bits
    assert all((s.enclosed, s.distinct, s.wrong_signs) == (6, 6, 0) for s in scores(network, result))
    assert rest_score(network, result) == (7, 0)
    result.first[3][0] += arb("1e-3")
    result.outputs[0][-1] *= arb("1.001")
    assert rest_score(network, result) == (7, 2)


def test_sparse_points_have_one_coordinate_as_often_as_many():
    points = _sparse(4000, 15, np.random.default_rng(1))
    counts = np.count_nonzero(points, axis=1)
    assert (counts.min(), counts.max()) == (1, 15)
    for least, most in ((1, 1), (2, 3), (4, 7), (8, 15)):
        assert 850 < np.count_nonzero((counts >= least) & (counts <= most)) < 1150
    assert (np.count_nonzero(points, axis=0) > 800).all()
