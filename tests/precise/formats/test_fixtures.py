"""The committed networks and the faults that are planted in networks."""

from pathlib import Path

import numpy as np
import pytest

from fixtures import mutants
from fixtures.adam import initial, preactivations
from precise.arithmetic import to_float
from precise.errors import InputError
from precise.formats import load_network
from precise.random_networks import random_network

FOLDER = Path(__file__).parents[3] / "fixtures"
NETWORK = random_network("4-3x2-2", 1)
POINTS = np.random.default_rng(0).integers(-5, 5, (100, 4)).tolist()

FAULTS = {
    "flip_sign": mutants.flip_sign(NETWORK, 1, 1),
    "one_ulp": mutants.one_ulp(NETWORK, 1, 1, 1),
    "shift_bias": mutants.shift_bias(NETWORK, 2, 1, "1/3"),
    "drop_neuron": mutants.drop_neuron(NETWORK, 2, 2),
    "swap_outgoing": mutants.swap_outgoing(NETWORK, 1, 1, 2),
    "scale_row": mutants.scale_row(NETWORK, 3, 1, 2),
}
REWRITINGS = {
    "permute_pair": mutants.permute_pair(NETWORK, 1, 1, 3),
    "rescale_neuron": mutants.rescale_neuron(NETWORK, 2, 1, "1/3"),
    "duplicate_neuron": mutants.duplicate_neuron(NETWORK, 1, 2),
    "add_dead_neuron": mutants.add_dead_neuron(NETWORK, 2),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_change_the_function(name):
    assert any(FAULTS[name](point) != NETWORK(point) for point in POINTS)


@pytest.mark.parametrize("name", REWRITINGS)
def test_rewritings_keep_the_function(name):
    assert REWRITINGS[name] != NETWORK
    assert all(REWRITINGS[name](point) == NETWORK(point) for point in POINTS)


def test_one_ulp_is_the_next_float32():
    for neuron in (1, 2, 3):
        for weight in (1, 2, 3, 4):
            changed = mutants.one_ulp(NETWORK, 1, neuron, weight).layers[0].weights[neuron - 1][weight - 1]
            before = np.float32(to_float(NETWORK.layers[0].weights[neuron - 1][weight - 1]))
            assert to_float(changed) == np.nextafter(before, np.float32(np.inf))


@pytest.mark.parametrize(
    "fault",
    [
        lambda: mutants.flip_sign(NETWORK, 4, 1),
        lambda: mutants.flip_sign(NETWORK, 1, 0),
        lambda: mutants.one_ulp(NETWORK, 1, 1, 5),
        lambda: mutants.drop_neuron(NETWORK, 3, 1),
        lambda: mutants.rescale_neuron(NETWORK, 1, 1, -1),
    ],
)
def test_places_that_do_not_exist(fault):
    with pytest.raises(InputError, match="expected"):
        fault()


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("mnist_784_8x2_1", (784, 8, 8, 1)),
        ("mnist_784_16x2_1", (784, 16, 16, 1)),
        ("mnist_784_32x2_1", (784, 32, 32, 1)),
        *((f"mnist_784_16x{depth}_1", (784, *[16] * depth, 1)) for depth in range(3, 9)),
        ("digits_64_16x2_10", (64, 16, 16, 10)),
        ("breast_cancer_30_8x2_1", (30, 8, 8, 1)),
    ],
)
def test_committed_networks_hold_float32(name, widths):
    network = load_network(FOLDER / f"{name}.npz")
    assert network.widths == widths
    for weights, biases in network.to_numpy():
        assert (weights == weights.astype(np.float32)).all()
        assert (biases == biases.astype(np.float32)).all()


def test_initial_neurons_are_standardised():
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((500, 6)).astype(np.float32)
    for values in preactivations(initial((6, 5, 5, 5, 1), inputs, draw), inputs):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-3)
