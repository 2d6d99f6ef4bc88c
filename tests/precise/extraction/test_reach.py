"""Where the surface of a row leaves the places in which the row is known."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.arithmetic import common_denominator
from precise.equations.open_row import OpenRow
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_points, to_point
from precise.regions.float_layers import FloatLayers
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from precise.regions.walk import Walker
from precise.signatures.reach import Reach, behind_others, closed_row
from tests.precise.extraction.test_rows import rows_of

INPUTS, WIDTH = 6, 5


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5])  # with 2, the surface does not meet the border
def test_an_open_coefficient_is_measured_at_the_first_corner(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(f"{INPUTS}-{WIDTH}x2-1", seed)
    first, second = network.layers[:2]
    scales = [int(common_denominator([*row, bias])) for row, bias in zip(first.weights, first.biases, strict=True)]
    below = [
        Row(tuple(int(v * s) for v in row), (0,) * INPUTS, int(bias * s))
        for row, bias, s in zip(first.weights, first.biases, scales, strict=True)
    ]
    weights = [w / s for w, s in zip(second.weights[0], scales, strict=True)]
    scale = int(common_denominator([*weights, second.biases[0]]))
    true = [int(w * scale) for w in weights]
    open_one = max(range(WIDTH), key=lambda j: abs(second.weights[0][j]))
    unit = [int(j == open_one) for j in range(WIDTH)]
    wanted = OpenRow(
        Row(
            tuple(0 if on else w for w, on in zip(true, unit, strict=True)), (0,) * WIDTH, int(second.biases[0] * scale)
        ),
        (Row(tuple(unit), (0,) * WIDTH, 0),),
    )
    walker = Walker(Probe(ExactOracle(network), range(INPUTS), [1]), Known(INPUTS, [below, []]))
    walker.draw_tests(Random(seed))
    looks = []
    measured = Reach._measured
    monkeypatch.setattr(Reach, "_measured", lambda self, *place: looks.append(0) or measured(self, *place))
    crossed = Reach(walker, wanted, [0] * INPUTS, np.random.default_rng(seed)).border().crossed
    assert crossed is not None
    assert (crossed.layer, crossed.neuron, crossed.bend) == (0, open_one, true[open_one])
    assert len(looks) == 1


def test_a_side_that_random_points_do_not_show_is_climbed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network("12-10x4-1", 2)
    layer, neuron = network.layers[3], 3
    negative = tuple(w * fmpq(6, 5) if w < 0 and j != neuron else w for j, w in enumerate(layer.weights[0]))
    layer = Layer((negative, *layer.weights[1:]), (fmpq(-1, 64), *layer.biases[1:]))
    network = Network((*network.layers[:3], layer, network.layers[4]))
    below, row = [rows_of(network, number) for number in range(3)], rows_of(network, 3)[0]
    floats = FloatLayers(Known(12, [*below, [row]]))
    points = random_points(Known(12, below), np.random.default_rng(0), 1 << 15)
    *_, under, values = floats.preactivations(points)
    on, off = (points[(under[:, neuron] <= 0) & ((values[:, 0] > 0) == side)][0] for side in (True, False))
    for _ in range(60):
        middle = (on + off) / 2
        positive = floats.preactivations(middle[None])[-1][0, 0] > 0
        on, off = (middle, off) if positive else (on, middle)
    wanted = OpenRow(row.without([neuron]), (Row(tuple(int(j == neuron) for j in range(10)), (0,) * 10, 0),))

    def found() -> int:
        met = 0
        for seed in range(6):
            walker = Walker(Probe(ExactOracle(network), range(12), [1]), Known(12, [*below, []]))
            walker.draw_tests(Random(seed))
            met += Reach(walker, wanted, to_point(on), np.random.default_rng(seed)).border().crossed is not None
        return met

    climbing = found()
    monkeypatch.setattr(Reach, "_climbed", lambda *_: None)
    assert climbing >= 5 > found()


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_a_weight_that_stands_for_an_unknown_one_is_beyond_it_and_no_larger_than_float64_can_take_back(
    seed: int, positive: bool
) -> None:
    """The rows below are integers, each on a scale of its own."""
    random = Random(seed)
    number = lambda: random.randint(-99, 99) or 1  # noqa: E731
    scales = [1 << random.randint(0, 90) for _ in range(WIDTH)]
    zeros, inputs = (0,) * WIDTH, (0,) * INPUTS
    below = [Row(tuple(s * number() for _ in inputs), inputs, s * number()) for s in scales]
    least = max(scales)
    true = [number() * (least // s) for s in scales]
    true[0] = (1 if positive else -1) * abs(true[0])
    row = Row((0, *true[1:]), zeros, least * number())
    closed = closed_row(row, {0: frozenset({positive})}, Known(INPUTS, [below]))
    assert closed is not None
    assert closed.plus[1:] == row.plus[1:]
    assert closed.bias == row.bias
    assert 0 < true[0] / closed.plus[0] < 1
    passed_on, taken_back = Row((1, 0, 0, 0, 0), zeros, 0, linear=True), Row((1, true[0] - closed.plus[0]), (0, 0), 0)
    behind = [[replace(closed, linear=True), passed_on], [taken_back]]  # on a side on which the row acts linearly
    points = np.random.default_rng(seed).uniform(-4, 4, (256, INPUTS))
    exact = Known(INPUTS, [below, [replace(row, plus=tuple(true))]]).preactivations([to_point(p) for p in points])[-1]
    found = FloatLayers(Known(INPUTS, [below, *behind])).preactivations(points)[-1][:, 0]
    agreement = np.corrcoef([float(fmpq(int(v), least)) for (v,) in exact], found)[0, 1]
    assert agreement > 1 - 2.0**-40  # it lacks the square of errors


def test_a_row_that_should_be_met_where_a_neuron_is_on_is_not_closed() -> None:
    row = Row((0, 3), (0, 0), 5)
    assert closed_row(row, {0: frozenset({True, False})}, Known(2, [[row, row]])) is None


@pytest.mark.parametrize("side", [False, True])
def test_a_row_keeps_its_side_where_a_neuron_is_on_behind_another(side: bool) -> None:
    """Neuron 1 is on only where 0 is, by which the row's side is told; neuron 2 elsewhere as well."""
    below = Known(1, [[Row((1,), (0,), -1), Row((1,), (0,), -2), Row((-1,), (0,), 4)]])
    sides = {0: frozenset({side}), 1: frozenset[bool](), 2: frozenset[bool]()}
    closed = closed_row(Row((0, 0, 0), (0, 0, 0), 5), {0: sides[0]}, below)
    assert closed is not None
    assert behind_others(closed, sides, below, np.random.default_rng(1)) == {1: frozenset({side})}
