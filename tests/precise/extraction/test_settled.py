"""Layers behind which nothing changes any more are not searched."""

from __future__ import annotations

import pytest
from flint import fmpq

from precise.extract import extract
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from tests.precise.extraction.test_rare_neurons import with_rare_neuron
from verify.equality.by_form import same_function
from verify.properties.domain import box


def steady(layer: Layer, far: int = 1 << 40) -> Layer:
    """The layer with neurons that are on for all inputs of any use, and every third one off."""
    return Layer(layer.weights, tuple(fmpq(-far if j % 3 == 2 else far) for j in range(len(layer.biases))))


@pytest.mark.parametrize("shape", ["6-5-4-4-4-2", "7-5-5-4-1"])
def test_layers_that_change_nothing_are_passed_over(shape: str) -> None:
    network = random_network(shape, 1)
    first, second, *more, last = network.layers
    network = Network((first, second, *map(steady, more), last))
    result = extract(ExactOracle(network), network.widths, 1)
    assert result.network is not None, result.report.outcome
    assert result.report.domain == 1024
    assert [layer.rows for layer in result.report.layers[2:]] == [0] * len(more)
    assert all("not searched" in layer.notes[0] for layer in result.report.layers[2:])
    assert result.report.layers[-1].queries_signatures == 0
    assert same_function(network, result.network, box(-1024, 1024, network.input_width))


def test_a_layer_that_changes_something_is_searched() -> None:
    network = with_rare_neuron(8, 1)
    result = extract(ExactOracle(network), network.widths, 1)
    assert all(layer.candidates for layer in result.report.layers)
    assert result.report.complete, result.report.outcome


def test_far_away_neurons_of_layers_that_change_nothing_are_left_alone() -> None:
    network = random_network("5-4-4-4-1", 1)
    first, *more, last = network.layers
    network = Network((first, *(steady(layer, 1 << 16) for layer in more), last))
    result = extract(ExactOracle(network), network.widths, 1)
    assert result.network is not None, result.report.outcome
    assert result.report.domain == 1024
    assert result.report.queries < 20_000
    assert same_function(network, result.network, box(-1024, 1024, network.input_width))
