"""A combination of weights that no place of a neuron's surface shows is told where the neuron is on."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from precise.equations.open_row import OpenRow
from precise.layers.differing import Seen, copy_of
from precise.layers.on_side import completed_where_on
from precise.layers.output_layer import combined
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_points, to_point
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point, Probe
from tests.precise.extraction.test_overlooked import without
from tests.precise.extraction.test_postponed import whole


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("layer", [1, 2])
def test_an_open_combination_is_told_where_the_neuron_is_on(seed: int, layer: int) -> None:
    network = random_network("5-6-6-6-2", seed)
    true, outputs = whole(network)
    points: list[Point] = [to_point(p) for p in random_points(true, np.random.default_rng(seed), 200)]
    shares = (np.array(true.preactivations(points)[layer]) > 0).mean(axis=0)
    neuron = int(np.abs(shares - 1 / 2).argmin())
    row, other = true.layers[layer][neuron], Row((3, 0, -5, 0, 2, 0), (0,) * 6, 0)
    blurred = Row(tuple(a + 7 * b for a, b in zip(row.plus, other.plus, strict=True)), row.minus, row.bias)
    known, outputs = without(true, outputs, layer, neuron)
    probe = Probe(ExactOracle(network), range(5), [3, 5])
    scalar = combined(outputs, probe.choice)
    copy = copy_of(known, scalar)
    answers = [piece.value for piece in probe.pieces(points, [])]
    right = [a == b for a, b in zip(answers, copy(points), strict=True)]
    parted = [[p for p, r in zip(points, right, strict=True) if r == side] for side in (True, False)]
    seen = Seen(copy, *parted)
    found, told = completed_where_on(probe, known, scalar, layer, OpenRow(blurred, (other,)), seen)
    assert told
    assert found in (row, row.negated())


def test_what_acts_nowhere_is_chosen_so_that_the_neuron_stays_off() -> None:
    """In few inputs a neuron may be on only where a neuron below is off."""
    tried = 0
    for seed in range(8):
        network = random_network("2-3-3-1", seed)
        true, outputs = whole(network)
        points = [to_point(p) for p in random_points(true, np.random.default_rng(0), 200)]
        features, values = (np.array(layer) for layer in true.preactivations(points))
        for n, f in product(range(3), range(3)):
            on = values[:, n] > 0
            if on.sum() < 9 or (on & (features[:, f] > 0)).any() or not (~on & (features[:, f] > 0)).any():
                continue
            tried += 1
            row, unit = true.layers[1][n], Row(tuple(int(j == f) for j in range(3)), (0,) * 3, 0)
            known, others = without(true, outputs, 1, n)
            probe = Probe(ExactOracle(network), range(2), [1])
            scalar = combined(others, probe.choice)
            parted = [[p for p, o in zip(points, on, strict=True) if o == side] for side in (False, True)]
            seen, wanted = Seen(copy_of(known, scalar), *parted), OpenRow(row.without([f]), (unit,))
            found, told = completed_where_on(probe, known, scalar, 1, wanted, seen)
            assert found is not None
            assert not told
            both = Known(2, [true.layers[0], [found, row]]).preactivations(points)[1]
            assert all((mine > 0) == (own > 0) for mine, own in both)
    assert tried
