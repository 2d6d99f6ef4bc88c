"""Walking past neurons of which a weight is not known, so that a large one stands for it."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.layers.postponed import LARGE_BITS
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.regions.aim import to_point
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from precise.regions.walk import CLEAR, Crossed, Event, Lost, Walker

LARGE = 1 << LARGE_BITS
BIAS = 1 << 50  # a bias that long makes the large weight larger yet, beside what a corner's coordinates are rounded to


def layer(weights: list[list[int]], biases: list[int]) -> Layer:
    return Layer(tuple(tuple(map(fmpq, row)) for row in weights), tuple(map(fmpq, biases)))


def walker(weight: int) -> Walker:
    """Of relu(4 b - a), a = relu(2 + x+) and b = relu(y+), that knows all but for the weight of x+ in a."""
    first, last = layer([[1, 0], [0, 1]], [0, 0]), layer([[1]], [0])
    network = Network((first, layer([[1, 0], [0, 1]], [2, 0]), layer([[-1, 4]], [0]), last))
    below = [Row((1, 0), (0, 0), 0), Row((0, 1), (0, 0), 0)]
    above = [Row((weight * BIAS, 0), (0, 0), 2 * BIAS), Row((0, 1), (0, 0), 0)]
    found = Walker(Probe(ExactOracle(network), range(2), [1]), Known(2, [below, above, []]))
    found.draw_tests(Random(0))
    return found


def step(walking: Walker, start: float) -> Event:
    """Along the surface 4 y = 2 + x+ towards x = 0 and beyond."""
    ends = [to_point(np.array([start, (2 + max(start, 0.0)) / 4 + side])) for side in (-(2.0**-20), 0.0, 2.0**-20)]
    surface = walking.surface(*ends)
    assert surface is not None
    return walking.step(surface, np.array([-np.sign(start), 0.0]), 8.0)


@pytest.mark.parametrize("start", [-1.0, 1.0])
def test_a_large_weight_that_keeps_its_neuron_on_does_not_stop_a_walk(start: float) -> None:
    with_large, with_true = step(walker(LARGE), start), step(walker(1), start)
    assert isinstance(with_large, Crossed)
    assert isinstance(with_true, Crossed)
    assert (with_large.layer, with_large.neuron, with_large.bend) == (0, 0, with_true.bend)
    assert with_large.surface.plane == with_true.surface.plane
    assert with_large.surface.pattern == with_true.surface.pattern


@pytest.mark.parametrize("start", [-1.0, 1.0])
def test_a_walk_goes_on_from_the_corner_past_the_large_weights_neuron(start: float) -> None:
    walking = walker(LARGE)
    crossed = step(walking, start)
    assert isinstance(crossed, Crossed)
    onward = walking.step(crossed.surface, np.array([-np.sign(start), 0.0]), 0.5)
    assert not isinstance(onward, Crossed | Lost)


@pytest.mark.parametrize("start", [-1.0, 1.0])
def test_a_large_weight_that_changes_its_neurons_state_at_the_corner_stops_a_walk(start: float) -> None:
    assert step(walker(-LARGE), start) == Lost("the corner is degenerate")


@pytest.mark.parametrize(("distance", "kept"), [(0.0, False), (0.5, False), (-0.5, False), (2.0, True), (-2.0, True)])
def test_a_neuron_is_kept_where_its_own_hyperplane_is_far_enough_from_the_corner(distance: float, kept: bool) -> None:
    """distance: in units of the least one."""
    above = [Row((0, BIAS), (0, 0), int(distance * CLEAR * BIAS)), Row((0, 1), (0, 0), 1)]
    walking = walker(1)
    known = Known(2, [walking.known.layers[0], above, []])
    start = to_point(np.array([-1.0, 2.0**-60]))
    corner = to_point(np.array([0.0, 2.0**-60]))
    assert Walker(walking.probe, known).kept(corner, known.patterns([start])[0], (0, 0), (1, 0)) is kept
