"""Neurons that no search met are found where the copy and the oracle differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

import numpy as np
import pytest
from flint import fmpq, fmpz, fmpz_mat

from precise.arithmetic import Batch, primitive
from precise.executors import Workers
from precise.extract import extract
from precise.layers.hidden_layer import Patience
from precise.layers.output_layer import OutputRow
from precise.layers.overlooked import LastSearch
from precise.layers.workers import shared
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import planted_network, random_network
from precise.regions.aim import random_points, to_point
from precise.regions.float_layers import FloatLayers
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import FRACTION_BITS, Probe
from precise.signs.exact import Sign
from precise.symmetry.canonical_form import canonical_form
from tests.precise.extraction.test_postponed import whole

T = TypeVar("T")

LOWERED = 9  # a bias by so much: the neuron is on at few random points


def rare_neuron(layer: int, neuron: int = 2) -> Network:
    network = random_network("8-6x3-2", 1)
    rows = network.layers[layer]
    biases = tuple(bias - LOWERED * (j == neuron) for j, bias in enumerate(rows.biases))
    layers = (*network.layers[:layer], Layer(rows.weights, biases), *network.layers[layer + 1 :])
    return Network(layers)


def without(known: Known, outputs: list[OutputRow], layer: int, neuron: int) -> tuple[Known, list[OutputRow]]:
    """As if no search had met the neuron."""
    layers = [list(rows) for rows in known.layers]
    del layers[layer][neuron]
    if layer + 1 == len(layers):
        return Known(known.inputs, layers), [replace(o, weights=dropped(o.weights, neuron)) for o in outputs]
    layers[layer + 1] = [
        replace(row, plus=dropped(row.plus, neuron), minus=dropped(row.minus, neuron)) for row in layers[layer + 1]
    ]
    return Known(known.inputs, layers), outputs


def dropped(values: tuple[T, ...], number: int) -> tuple[T, ...]:
    return (*values[:number], *values[number + 1 :])


def values(known: Known, outputs: Sequence[OutputRow], points: Vector) -> list[list[fmpq]]:
    grid = [to_point(point) for point in points[:512]]
    tables = [[*([max(v, 0) for v in row]), 1 << FRACTION_BITS] for row in known.preactivations(grid)[-1]]
    return [
        [sum((w * v for w, v in zip((*o.weights, o.bias), row, strict=True)), fmpq(0)) for o in outputs]
        for row in tables
    ]


@pytest.mark.parametrize("layer", [1, 2])
def test_a_rare_neuron_is_found_where_the_copy_is_wrong(layer: int) -> None:
    network = rare_neuron(layer)
    true, outputs = whole(network)
    points = random_points(true, np.random.default_rng(0), 4096)
    assert 0 < (FloatLayers(true).preactivations(points)[layer][:, 2] > 0).mean() < 0.05
    known, fewer = without(true, outputs, layer, 2)
    probe = Probe(ExactOracle(network), range(8), [3, 5])
    with shared(probe, Workers()) as crew:
        search = LastSearch(probe, known, [1, 2], {}, {}, crew.follow, Random(1))
        last: Sequence[OutputRow] = fewer
        for _ in range(8):
            found = search.next(last)
            if search.quiet:
                break
            if found is not None:
                assert found.layer >= layer
                last = found.outputs
        assert search.quiet
    assert values(known, last, points) == values(true, outputs, points)
    absent = search.lacking[layer, len(known.layers[layer]) - 1]
    row, other = known.layers[layer][-1], true.layers[layer][2]
    told = [(a, b) for j, (a, b) in enumerate(zip(row.plus, other.plus, strict=True)) if j not in absent]
    assert len(told) >= 4
    assert told in ([(b, b) for _, b in told], [(-b, b) for _, b in told])


@pytest.mark.parametrize("side", [Sign.POSITIVE, Sign.NEGATIVE])
@pytest.mark.parametrize("twin", [False, True])
def test_a_neuron_that_was_not_seen_to_act_gets_its_output_weights(side: Sign, twin: bool) -> None:
    network = rare_neuron(2)
    true, outputs = whole(network)
    points = random_points(true, np.random.default_rng(0), 4096)
    rows = true.layers[2]
    entries = [int(v.p) for v in primitive([*map(fmpq, rows[2].plus), fmpq(rows[2].bias)])]  # as a search finds it
    acting = replace(rows[2], plus=tuple(entries[:-1]), bias=entries[-1])
    found_row = acting if side is Sign.POSITIVE else acting.negated()
    added = [found_row.negated()] if twin else []
    known = Known(true.inputs, [*true.layers[:2], [*rows[:2], found_row, *rows[3:], *added]])
    silent = [replace(o, weights=(*o.weights[:2], fmpq(0), *o.weights[3:], *[fmpq(0)] * len(added))) for o in outputs]
    probe = Probe(ExactOracle(network), range(8), [3, 5])
    with shared(probe, Workers()) as crew:
        found = LastSearch(probe, known, [2], {}, {}, crew.follow, Random(1)).next(silent)
    assert found is not None
    assert not found.fresh
    assert (found.layer, found.neuron, found.side) == (2, 2, side)
    assert values(known, found.outputs, points) == values(true, outputs, points)


def test_where_nothing_is_missing_nothing_is_found() -> None:
    network = random_network("8-6x3-2", 1)
    known, outputs = whole(network)
    before = [list(rows) for rows in known.layers]
    probe = Probe(ExactOracle(network), range(8), [3, 5])
    with shared(probe, Workers()) as crew:
        search = LastSearch(probe, known, [1, 2], {}, {}, crew.follow, Random(1))
        assert search.next(outputs) is None
        assert search.quiet
    assert known.layers == before


def test_an_impatient_extraction_finds_it_at_its_end() -> None:
    network = rare_neuron(2)
    result = extract(ExactOracle(network), network.widths, 2, patience=Patience(candidates=8, lines=4))
    assert result.network is not None, result.report.outcome
    assert [report.rows for report in result.report.layers] == [6, 6, 6]
    assert result.report.stages["overlooked neurons"]["queries"] > 0
    assert result.report.fresh_points == 512
    true, _ = whole(network)
    points = random_points(true, np.random.default_rng(0), 512)
    batch = Batch(fmpz_mat([to_point(point) for point in points]), fmpz(1) << FRACTION_BITS)
    assert result.network.evaluate(batch).rows() == network.evaluate(batch).rows()


def test_a_weight_that_its_layer_lacks_is_solved_at_the_end() -> None:
    network, planted = planted_network(131, depth=6, width=12, outputs=4, planted=3)
    assert (network.widths, planted) == ((8, 6, 9, 2, 3), [])
    result = extract(ExactOracle(network), network.widths, 131)
    assert result.report.complete, result.report.outcome
    assert result.network is not None
    assert canonical_form(result.network) == canonical_form(network)


def test_weights_are_aimed_at_again_once_their_neuron_lacks_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network("8-6x3-2", 1)
    known, outputs = whole(network)
    probe = Probe(ExactOracle(network), range(8), [3, 5])
    asked: list[tuple[int, int, int]] = []

    def acting(_: LastSearch, layer: int, number: int, feature: int, __: Row) -> Iterator[Vector]:
        asked.append((layer, number, feature))
        yield np.zeros((1, 8))

    monkeypatch.setattr(LastSearch, "_acting", acting)
    with shared(probe, Workers()) as crew:
        search = LastSearch(probe, known, [], {}, {(1, 2): {0, 3}, (2, 4): {5}}, crew.follow, Random(1))
        assert search.next(outputs) is None
        assert asked == [(1, 2, 0), (1, 2, 3), (2, 4, 5)]
        asked.clear()
        assert search.next(outputs) is None
        assert asked == []
        search.lacking[1, 2] = frozenset({3})
        assert search.next(outputs) is None
    assert asked == [(1, 2, 3)]
