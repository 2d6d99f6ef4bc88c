"""The weights of a neuron that is hardly ever on, solved when all that lies behind it is known."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.equations.partial_rows import PartialRow, PartialRows
from precise.extract import extract
from precise.layers import postponed
from precise.layers.output_layer import OutputRow
from precise.layers.postponed import solve_postponed
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.local_map import Known
from precise.regions.probe import Probe
from precise.regions.seldom import seldom_sides
from precise.symmetry.canonical_form import canonical_form
from tests.precise.extraction.test_rows import rows_of, scales_of


def whole(network: Network) -> tuple[Known, list[OutputRow]]:
    """All hidden layers, and the outputs over their scales."""
    hidden = len(network.layers) - 1
    scales = scales_of(network, hidden - 1)
    last = network.layers[-1]
    outputs = [
        OutputRow(tuple(w / s for w, s in zip(row, scales, strict=True)), bias)
        for row, bias in zip(last.weights, last.biases, strict=True)
    ]
    return Known(network.widths[0], [rows_of(network, number) for number in range(hidden)]), outputs


def test_the_weights_of_a_neuron_are_solved_from_its_surface() -> None:
    told = 0
    for seed in range(4):
        network = random_network("6-6x3-2", seed)
        for layer in (0, 1):
            true, outputs = whole(network)
            known = Known(true.inputs, list(true.layers))
            known.layers[layer + 1] = [
                replace(row, plus=tuple(0 if j == 2 else w for j, w in enumerate(row.plus)))
                for row in true.layers[layer + 1]
            ]
            probe = Probe(ExactOracle(network), range(6), [3, 5])
            solved = solve_postponed(probe, known, outputs, layer, 2, Random(seed))
            seen = [i for i in range(6) if i not in solved.unseen]
            assert [known.layers[layer + 1][i] for i in seen] == [true.layers[layer + 1][i] for i in seen]
            if not solved.unseen:
                assert known.layers == true.layers
                assert list(solved.outputs) == outputs
            told += len(seen)
    assert told > 24


def test_one_place_tells_as_many_weights_as_there_are_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postponed, "PLACES", 1)
    whole_layers = 0
    for seed in range(8):
        network = random_network("6-4-3-3", seed)
        true, outputs = whole(network)
        known = Known(true.inputs, list(true.layers))
        known.layers[1] = [replace(row, plus=(*row.plus[:2], 0, row.plus[3])) for row in true.layers[1]]
        probe = Probe(ExactOracle(network), range(6), [3, 5, 1])
        solved = solve_postponed(probe, known, outputs, 0, 2, Random(seed))
        whole_layers += known.layers[1] == true.layers[1] and not solved.unseen
    assert whole_layers


def test_a_weight_that_is_zero_is_told_by_places_where_nothing_bends() -> None:
    network = random_network("6-6x2-6-1", 2)
    after = network.layers[2]
    weights = [list(row) for row in after.weights]
    for row in weights[1:]:
        row[2] = fmpq(0)  # the first neuron alone shows the neuron
    layers = (*network.layers[:2], Layer(tuple(map(tuple, weights)), after.biases), network.layers[3])
    true, outputs = whole(Network(layers))
    known = Known(true.inputs, list(true.layers))
    known.layers[2] = [replace(row, plus=(*row.plus[:2], 0, *row.plus[3:])) for row in true.layers[2]]
    probe = Probe(ExactOracle(Network(layers)), range(6), [1])
    solved = solve_postponed(probe, known, outputs, 1, 2, Random(1))
    assert solved.unseen == ()
    assert known.layers == true.layers


def test_places_where_a_known_row_is_wrong_hide_no_weight() -> None:
    network = random_network("6-6x3-1", 3)
    true, outputs = whole(network)
    known = Known(true.inputs, list(true.layers))
    row = true.layers[1][2]
    large = max(map(abs, row.plus)) << 40
    known.layers[1] = [replace(r, plus=(large, *r.plus[1:])) if r is row else r for r in true.layers[1]]
    known.layers[2] = [replace(r, plus=(*r.plus[:2], 0, *r.plus[3:])) for r in true.layers[2]]
    solved = solve_postponed(Probe(ExactOracle(network), range(6), [1]), known, outputs, 1, 2, Random(1))
    for i in range(6):
        zero, expected = not known.layers[2][i].plus[2], true.layers[2][i]
        assert i in solved.unseen or known.layers[2][i] == expected or not zero


def with_a_rare_neuron() -> Network:
    """The first neuron of layer 2 is hardly ever on."""
    network = random_network("8-6x3-1", 1)
    layer = network.layers[1]
    biases = (layer.biases[0] - fmpq(9), *layer.biases[1:])
    return Network((network.layers[0], Layer(layer.weights, biases), *network.layers[2:]))


def test_a_network_with_a_neuron_that_is_hardly_ever_on_is_found() -> None:
    network = with_a_rare_neuron()
    result = extract(ExactOracle(network), network.widths, 1)
    assert result.report.complete, result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)


def test_the_side_on_which_a_neuron_hardly_ever_is_is_told() -> None:
    rows = rows_of(random_network("8-6-1", 1), 0)
    rare = replace(rows[0], bias=-(max(map(abs, rows[0].plus)) << 12))
    known = Known(8, [[rare, rare.negated(), *rows[1:]]])
    assert seldom_sides(known, np.random.default_rng(0)) == {0: True, 1: False}


def test_a_row_is_whole_once_its_open_weights_are_taken_as_zero() -> None:
    equations = ((2, -1, 0, 0), (3, 0, 0, -1))  # (1, 2, ?, 3)
    partial = PartialRows(4)
    partial.add(PartialRow(equations, ((1, 0, 0, 0),), [0]))
    partial.add(PartialRow(((1, 0, 0, 0), (0, 1, 0, -1)), ((0, 0, 1, 0),), [1]))  # its lead is the weight itself
    assert partial.complete() == []
    ((row, witness),) = partial.with_zeros([2]).complete()
    assert (row, witness) in [((1, 2, 0, 3), [0]), ((-1, -2, 0, -3), [0])]  # a row is known up to a factor


def test_a_side_of_a_neuron_that_acts_on_both_is_solved() -> None:
    """Where one side begins to act the other ceases to, which has to be told from it."""
    network = random_network("6-5-4-2", 3)
    first, second, last = network.layers
    opposite = tuple(-w for w in first.weights[0])
    both = Layer((*first.weights[:4], opposite), (*first.biases[:4], -first.biases[0]))
    network = Network((both, second, last))
    true, outputs = whole(network)
    assert true.crossing(0, 0) == [0, 4]
    for side in (0, 4):
        known = Known(true.inputs, list(true.layers))
        known.layers[1] = [
            replace(row, plus=tuple(0 if j == side else w for j, w in enumerate(row.plus))) for row in true.layers[1]
        ]
        solved = solve_postponed(Probe(ExactOracle(network), range(6), [3, 5]), known, outputs, 0, side, Random(1))
        assert not solved.unseen
        assert known.layers == true.layers
        assert list(solved.outputs) == outputs
