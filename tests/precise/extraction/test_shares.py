"""A deeper neuron's surface may pass for a row of a layer; the shares that rows have in gradients tell."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq

from precise.extract import extract
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import planted_network, random_network
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from precise.signatures.shares import behind, parallel, spurious
from tests.precise.extraction.test_rows import row_of, rows_of
from verify.equality.structural import prove_equal
from verify.verdict import Outcome


def fed_by_one(seed: int, weight: int, bias: fmpq) -> tuple[Network, Row]:
    """A second layer of which neuron 0 is fed by neuron 0 of the first alone, and its surface as a first-layer row."""
    network = random_network("6-3-3-1", seed)
    first, second, last = network.layers
    weights = ((fmpq(weight), fmpq(0), fmpq(0)), *second.weights[1:])
    deeper = Layer(weights, (bias, *second.biases[1:]))
    return Network((first, deeper, last)), row_of(first.weights[0], first.biases[0] + bias / weight, [fmpq(1)] * 6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("weight", "bias"), [(1, fmpq(-1, 2)), (-1, fmpq(1, 2))])
def test_the_one_behind_is_told_in_either_order(seed: int, weight: int, bias: fmpq) -> None:
    network, impostor = fed_by_one(seed, weight, bias)
    rows = rows_of(network, 0)
    assert parallel(rows[0], impostor)
    for place in (0, 3):
        layer = [*rows[:place], impostor, *rows[place:]]
        probe = Probe(ExactOracle(network), range(6), [1])
        assert behind(probe, Known(6, [layer]), np.random.default_rng(seed)) in ({place: 0 if place else 1}, {}), (
            "never the true one"
        )
    probe = Probe(ExactOracle(network), range(6), [1])
    assert behind(probe, Known(6, [[*rows, impostor.negated()]]), np.random.default_rng(seed)) == {3: 0}


@pytest.mark.parametrize("seed", range(4))
def test_two_rows_of_one_layer_are_left_alone_where_both_act_on_all_sides(seed: int) -> None:
    network = random_network("6-3-3-1", seed)
    first = network.layers[0]
    other = tuple(-w for w in first.weights[0])  # one is on where the other is off
    layer = Layer((*first.weights[:2], other), (*first.biases[:2], first.biases[0] + 1))
    network = Network((layer, *network.layers[1:]))
    probe = Probe(ExactOracle(network), range(6), [1])
    assert behind(probe, Known(6, [rows_of(network, 0)]), np.random.default_rng(seed)) == {}


def test_nothing_is_asked_without_parallel_rows() -> None:
    network = random_network("6-5-2-1", 1)
    oracle = ExactOracle(network)
    rows = rows_of(network, 0)
    assert behind(Probe(oracle, range(6), [1]), Known(6, [[*rows, rows[0]]]), np.random.default_rng(0)) == {}
    assert oracle.queries == 0


def test_the_one_that_feeds_it_gets_the_place_that_it_had_taken() -> None:
    """A second-layer neuron that one of two first-layer neurons feeds alone is met before that one."""
    network, _ = planted_network(78, depth=6, width=12, outputs=4, planted=3)
    assert network.widths == (12, 2, 5, 3)
    found = extract(ExactOracle(network), network.widths, 78)
    assert found.network is not None
    assert found.report.layers[0].rows == 2
    assert prove_equal(network, found.network).outcome is Outcome.EQUAL


def behind_some(network: Network, number: int, on: tuple[int, ...]) -> Row:
    """A second-layer neuron's surface where these first-layer neurons are on and no others."""
    first, second, *_ = network.layers
    terms = [(second.weights[number][j], first.weights[j], first.biases[j]) for j in on]
    weights = [sum((c * w[i] for c, w, _ in terms), fmpq(0)) for i in range(network.input_width)]
    bias = second.biases[number] + sum((c * b for c, _, b in terms), fmpq(0))
    return row_of(weights, bias, [fmpq(1)] * network.input_width)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("on", [(0, 1), (1, 2, 3)])
def test_a_combination_of_rows_is_told_from_them(seed: int, on: tuple[int, ...]) -> None:
    network = random_network("6-4-3-1", seed)
    rows = rows_of(network, 0)
    for place in (0, 4):
        layer = [*rows[:place], behind_some(network, 1, on), *rows[place:]]
        probe = Probe(ExactOracle(network), range(6), [1])
        assert spurious(probe, Known(6, [layer]), np.random.default_rng(seed)) == [place]


@pytest.mark.parametrize("seed", range(4))
def test_dependent_rows_of_one_layer_are_left_alone(seed: int) -> None:
    network = random_network("6-4-2-2", seed)
    first, *above = network.layers
    mixed = tuple(2 * v - w for v, w in zip(first.weights[0], first.weights[1], strict=True))
    layer = Layer((*first.weights[:3], mixed), first.biases)
    network = Network((layer, *above))
    probe = Probe(ExactOracle(network), range(6), [1, 1])
    assert spurious(probe, Known(6, [rows_of(network, 0)]), np.random.default_rng(seed)) == []


def test_nothing_is_asked_of_independent_rows() -> None:
    network = random_network("8-6-3-1", 1)
    oracle = ExactOracle(network)
    probe = Probe(oracle, range(8), [1])
    assert spurious(probe, Known(8, [rows_of(network, 0)]), np.random.default_rng(0)) == []
    assert oracle.queries == 0
