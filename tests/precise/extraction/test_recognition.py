"""Surfaces that are recognised as those of rows which lack weights, and the layers that a surface may belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.executors import Workers
from precise.layers.output_layer import OutputRow
from precise.layers.overlooked import LastSearch
from precise.layers.recognition import possible_layers, recognised
from precise.layers.workers import shared
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_line
from precise.regions.critical_points import critical_points
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from precise.regions.walk import Surface, Walker
from tests.precise.extraction.test_overlooked import values
from tests.precise.extraction.test_postponed import whole

LINES = 24
LARGE = 1 << 20  # times the largest weight: what stands for one that is not known


def surfaces(network: Network) -> Iterator[tuple[tuple[int, int], Surface]]:
    """Surfaces on random lines, each with the (layer, neuron) whose it is."""
    true, _ = whole(network)
    probe = Probe(ExactOracle(network), range(network.widths[0]), [3, 5])
    generator, walker = np.random.default_rng(0), Walker(probe, true)
    for _ in range(LINES):
        for at in critical_points(probe, *random_line(true, generator)):
            before, after = true.patterns([at.before, at.after])
            (turned,) = [
                (layer, j)
                for layer, (a, b) in enumerate(zip(before, after, strict=True))
                for j in range(len(a))
                if a[j] != b[j]
            ]
            surface = walker.surface(at.before, at.at, at.after)
            assert surface is not None
            yield turned, surface


def with_stand_in(row: Row, features: set[int]) -> Row:
    large = -LARGE * max(map(abs, row.plus))
    return replace(row, plus=tuple(large if j in features else w for j, w in enumerate(row.plus)))


@pytest.mark.parametrize("lacking", [{2}, {0, 3}])
def test_a_surface_tells_the_weights_that_its_row_lacks_and_those_of_no_other_row(lacking: set[int]) -> None:
    network = random_network("12-9x3-2", 1)
    true, _ = whole(network)
    told, others = 0, 0
    for (layer, neuron), surface in surfaces(network):
        for number, row in enumerate(true.layers[1]):
            found = recognised(true, surface, 1, with_stand_in(row, lacking), lacking)
            if (layer, neuron) == (1, number):
                assert all(found[p] == row.plus[p] for p in found)
                told += len(found)
            else:
                assert not found
                others += 1
    assert told > 8
    assert others > 200


def test_a_surface_may_belong_to_its_own_layer_and_mostly_to_no_other() -> None:
    network = random_network("12-9x3-2", 1)
    true, _ = whole(network)
    seen = Counter[tuple[int, bool]]()
    for (layer, neuron), surface in surfaces(network):
        off = tuple(on and j != neuron for j, on in enumerate(surface.pattern[layer]))  # as if it were not known
        unknown = replace(surface, pattern=(*surface.pattern[:layer], off, *surface.pattern[layer + 1 :]))
        found = possible_layers(true, unknown, [0, 1, 2])
        assert layer in found
        seen[layer, found == [layer]] += 1
    assert {layer for layer, _ in seen} == {0, 1, 2}
    assert all(seen[layer, True] > seen[layer, False] for layer in (0, 1, 2))


def test_a_weight_is_completed_for_few_queries() -> None:
    network = random_network("8-6x3-2", 1)
    true, told = whole(network)
    outputs: Sequence[OutputRow] = told
    lacking = {1}
    rows = [with_stand_in(row, lacking) if n == 2 else row for n, row in enumerate(true.layers[1])]
    known = Known(true.inputs, [true.layers[0], rows, true.layers[2]])
    oracle = ExactOracle(network)
    probe = Probe(oracle, range(8), [3, 5])
    with shared(probe, Workers()) as crew:
        search = LastSearch(probe, known, [1], {1: 0}, {(1, 2): lacking}, crew.follow, Random(1))
        while search.lacking[1, 2]:
            found = search.next(outputs)
            assert found is not None
            assert not found.fresh
            outputs = found.outputs
    assert oracle.queries < 1000
    points = np.random.default_rng(1).uniform(-8, 8, (512, 8))
    assert values(known, outputs, points) == values(true, told, points)
    assert fmpq(known.layers[1][2].plus[1], known.layers[1][2].bias) == fmpq(
        true.layers[1][2].plus[1], true.layers[1][2].bias
    )
