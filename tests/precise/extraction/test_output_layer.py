"""The points whose local maps give the output layer."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.layers.output_layer import both_sides, solve_outputs
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_points, to_point
from precise.regions.local_map import Known, Row
from precise.regions.probe import FRACTION_BITS, Probe
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign
from tests.precise.extraction.test_rows import rows_of


@pytest.mark.parametrize("offset", [0, 1, -1])
def test_points_lie_on_either_side_of_a_sharp_corner(offset: int) -> None:
    below = [Row((1, 0), (0, 0), 0), Row((-1, 0), (0, 0), 0), Row((0, 1), (0, 0), 100)]
    bent = Row((5, 5, 1), (0, 0, 0), -100)  # y + 5 |x|
    known = Known(2, [below, [bent]])
    unit = 1 << (FRACTION_BITS - 60)
    points = both_sides(known, 0, [offset * unit, -5 * abs(offset) * unit])
    assert [pattern[-1] for pattern in known.patterns(points)] == [(True,), (False,)]


@pytest.mark.parametrize("seed", range(4))
def test_outputs_are_solved_where_a_missing_neuron_is_on_at_many_points(seed: int) -> None:
    network = random_network((6, 8, 6, 1), seed)
    whole = Known(6, [rows_of(network, 0), rows_of(network, 1)])
    points = [to_point(point) for point in random_points(whole, np.random.default_rng(seed), 256)]
    patterns = [pattern[-1] for pattern in whole.patterns(points)]
    shares = [sum(pattern[j] for pattern in patterns) / len(patterns) for j in range(6)]
    absent = min(range(6), key=lambda j: abs(shares[j] - 0.3))
    assert 0.1 < shares[absent] < 0.45
    known = Known(6, [rows_of(network, 0), [row for j, row in enumerate(rows_of(network, 1)) if j != absent]])
    probe = Probe(ExactOracle(network), range(6), [1])
    below = LayerBelow(known, 1, 0, Random(seed))
    result = solve_outputs(probe, known, below, [], Random(seed), left_out=0.5, orders=64)
    assert result.rows, result.reason
    off = [point for point, pattern in zip(points, patterns, strict=True) if not pattern[absent]]
    (output,) = result.rows
    for point, values in zip(off, known.preactivations(off)[-1], strict=True):
        told = sum((w * max(value, 0) for w, value in zip(output.weights, values, strict=True)), fmpq(0))
        unit = 1 << FRACTION_BITS
        assert told / unit + output.bias == network([fmpq(v, unit) for v in point])[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_neuron_keeps_its_sign_where_a_missing_one_is_on_wherever_it_is_off(seed: int) -> None:
    network = random_network((6, 8, 6, 1), seed)
    hidden, points = network.layers[1], np.random.default_rng(seed)
    whole = Known(6, [rows_of(network, 0), rows_of(network, 1)])
    drawn = [to_point(point) for point in random_points(whole, points, 512)]
    fed = [[max(v, 0) for v in values] for values in whole.preactivations(drawn)[0]]
    row = hidden.weights[0]
    scales = [fmpq(1) / r.plus[0] * w[0] for r, w in zip(rows_of(network, 0), network.layers[0].weights, strict=True)]
    sizes = sorted(sum((w * s * v for w, s, v in zip(row, scales, at, strict=True)), fmpq(0)) for at in fed)
    bias = -sizes[len(sizes) // 32] / (1 << FRACTION_BITS)  # off at one point of 32
    weights = (row, tuple(-w * fmpq(9, 10) for w in row), *hidden.weights[2:])
    biases = (bias, (fmpq(1, 8) - bias) * fmpq(9, 10), *hidden.biases[2:])
    network = Network((network.layers[0], Layer(weights, biases), network.layers[2]))
    rows = rows_of(network, 1)
    known = Known(6, [rows_of(network, 0), [rows[0], *rows[2:]]])
    below = LayerBelow(known, 1, 0, Random(seed), ignored=1)
    probe = Probe(ExactOracle(network), range(6), [1])
    result = solve_outputs(probe, known, below, [], Random(seed), left_out=0.25)
    assert result.rows, result.reason
    assert below.signs is not None
    assert set(below.signs) <= {Sign.POSITIVE, Sign.UNSEEN}


def test_nothing_is_asked_where_an_unknown_weight_acts() -> None:
    network = random_network((6, 8, 6, 1), 1)
    rows = rows_of(network, 1)
    large = replace(rows[0], plus=(1 << 200, *rows[0].plus[1:]))
    for stand_in in (large, rows[0].without([0])):
        known = Known(6, [rows_of(network, 0), [stand_in, *rows[1:]]])
        probe = Probe(ExactOracle(network), range(6), [1])
        refused = solve_outputs(probe, known, LayerBelow(known, 1, 0, Random(1)), [], Random(1))
        assert not refused.rows
        below = LayerBelow(known, 1, 0, Random(1))
        assert solve_outputs(probe, known, below, [], Random(1), lacking={(1, 0, 0)}).rows


def test_a_neuron_that_acts_at_no_point_keeps_its_sign_open() -> None:
    network = random_network((6, 8, 6, 1), 2)
    hidden = network.layers[1]
    far = Layer(hidden.weights, (fmpq(-(10**9)), *hidden.biases[1:]))
    network = Network((network.layers[0], far, network.layers[2]))
    known = Known(6, [rows_of(network, 0), rows_of(network, 1)])
    probe = Probe(ExactOracle(network), range(6), [1])
    refused = solve_outputs(probe, known, LayerBelow(known, 1, 0, Random(1)), [], Random(1))
    assert "1 of 13 coefficients are left open" in refused.reason
    below = LayerBelow(known, 1, 0, Random(1))
    (output,) = solve_outputs(probe, known, below, [], Random(1), left_out=0.25).rows
    assert below.signs == [Sign.UNSEEN, *[Sign.POSITIVE] * 5]
    assert output.weights[0] == 0
    assert all(output.weights[1:])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("side", [1, -1])  # of the row, wherever neuron 0 below is on
@pytest.mark.parametrize("stands", [1 << 100, -1 << 100])
def test_a_row_is_on_or_off_where_a_weight_acts_that_it_lacks(seed: int, side: int, stands: int) -> None:
    network = random_network((6, 8, 6, 1), seed)
    hidden = network.layers[1]
    weights = ((fmpq(side * 10**4), *hidden.weights[0][1:]), *hidden.weights[1:])
    network = Network((network.layers[0], Layer(weights, hidden.biases), network.layers[2]))
    rows = rows_of(network, 1)
    known = Known(6, [rows_of(network, 0), [replace(rows[0], plus=(stands, *rows[0].plus[1:])), *rows[1:]]])
    probe = Probe(ExactOracle(network), range(6), [1])
    below = LayerBelow(known, 1, 0, Random(seed), ignored_lacking={(0, 0)})
    result = solve_outputs(probe, known, below, [], Random(seed), lacking={(1, 0, 0)})
    assert result.rows, result.reason
    (output,) = result.rows
    told = known.layers[1][0]
    if side > 0:
        assert below.ignored_lacking == set()
        assert told.plus[0] * rows[0].bias == rows[0].plus[0] * told.bias
    else:
        assert told.plus[0] == -(1 << 100)
    points = [to_point(point) for point in random_points(known, np.random.default_rng(seed), 64)]
    for point, values in zip(points, known.preactivations(points)[-1], strict=True):
        value = sum((w * max(v, 0) for w, v in zip(output.weights, values, strict=True)), fmpq(0))
        unit = 1 << FRACTION_BITS
        assert value / unit + output.bias == network([fmpq(v, unit) for v in point])[0]


def test_where_nothing_may_be_asked_all_coefficients_of_all_outputs_stay_open() -> None:
    network = random_network((6, 8, 6, 3), 1)
    (always_on, *others), rows = rows_of(network, 0), rows_of(network, 1)
    known = Known(6, [[replace(always_on, linear=True), *others], [rows[0].without([0]), *rows[1:]]])
    lacking = {(1, 0, 0)}
    probe = Probe(ExactOracle(network), range(6), [1, 1, 1])
    result = solve_outputs(
        probe, known, LayerBelow(known, 1, 0, Random(1)), [], Random(1), left_out=0.25, lacking=lacking
    )
    assert result.rows == ()
    assert result.reason == "output 1: 13 of 13 coefficients are left open"
