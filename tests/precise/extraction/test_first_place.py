"""Where a weight that nothing has shown would act first: no random point is better than what the program finds."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from precise.layers.first_place import LARGEST, first_places
from precise.regions.float_layers import FloatLayers
from precise.regions.local_map import Known, Row
from precise.regions.program import CLOSE, LayerProgram

SIZE = 4.0
POINTS = 4000
ROUNDING = 1e-6  # of the largest value at the points: HiGHS's tolerance is 1e-9 of the most that a neuron can have


def row(generator: np.random.Generator, features: int, linear: bool = False) -> Row:
    entries = [int(v) for v in generator.integers(-99, 100, features + 1)]
    return Row(tuple(entries[:-1]), (0,) * features, entries[-1] * 2, linear)


def layers(seed: int, *widths: int, linear: bool = False) -> Known:
    """Random rows, the last one of the layer before the last linear if that is asked for."""
    generator = np.random.default_rng(seed)
    sizes = list(pairwise(widths))
    rows = [[row(generator, below) for _ in range(width)] for below, width in sizes]
    if linear:
        rows[-2][-1] = row(generator, widths[-3], linear=True)
    return Known(widths[0], rows)


def sampled(known: Known, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Preactivations of the last two layers at random points, the last layer's only row among them."""
    points = np.random.default_rng(seed + 1).uniform(-SIZE, SIZE, (POINTS, known.inputs))
    below, last = FloatLayers(known).topmost(points, 2)
    return below, last[:, 0]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([-3.0, 0.0, 2.0, 50.0]))
def test_no_random_point_is_higher(seed: int, linear: bool, factor: float) -> None:
    known = layers(seed, 3, 4, 4, 1, linear=linear)
    floats = FloatLayers(known)
    below, value = sampled(known, seed)
    allowed = (below[:, 0] > 0) & (below[:, 1] <= 0)
    found = LayerProgram(floats, SIZE).highest(0, factor, [1])
    if found is None:
        assert not allowed.any()
        return
    assert np.abs(found).max() <= SIZE * (1 + ROUNDING)
    at, last = floats.topmost(found[None], 2)
    largest = float(np.abs(below).max() + np.abs(value).max())
    assert at[0, 0] > 0
    assert at[0, 1] <= ROUNDING * largest
    reached = float(last[0, 0] + factor * at[0, 0])
    best = (value + factor * below[:, 0])[allowed].max(initial=-np.inf)
    assert reached >= best - 2 * CLOSE * abs(best) - ROUNDING * largest * (1 + abs(factor))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
@example(2689)
def test_no_random_point_needs_less_of_the_weight(seed: int) -> None:
    known = layers(seed, 3, 4, 4, 1)
    lacking = {(2, 0): {2}}
    points = first_places(known, 2, 0, 2, lacking, SIZE)
    bare = Known(known.inputs, [*known.layers[:-1], [known.layers[-1][0].without([2])]])
    below, value = sampled(bare, seed)
    on = below[:, 2] > 1e-3 * np.abs(below[:, 2]).max()  # beside its surface any weight does
    ratios = -value[on] / below[on, 2]
    if not len(points):
        assert not on.any()
        return
    floats = FloatLayers(bare)
    at, last = floats.topmost(points, 2)
    weights = np.abs(floats.maps()[-1][0])
    ended = -LARGEST * float(np.median(weights[weights > 0]))  # the neuron is on there, whatever the weight
    needed = -last[:, 0] / at[:, 2]
    assert (at[:, 2] > 0).all()
    assert (np.diff(needed) <= ROUNDING * np.abs(needed[1:])).all()
    assert needed[-1] <= max(ended, ratios.min(initial=np.inf)) + 4 * CLOSE * np.abs(ratios).max(initial=1.0)


def test_a_weight_whose_neuron_is_nowhere_on_has_no_first_place() -> None:
    known = Known(2, [[Row((1, 1), (0, 0), -100), Row((1, 0), (0, 0), 0)], [Row((5, 3), (0, 0), -1)]])
    assert len(first_places(known, 1, 0, 0, {(1, 0): {0}}, 4.0)) == 0
    assert len(first_places(known, 1, 0, 0, {(1, 0): {0}}, 400.0)) > 0


@pytest.mark.parametrize("size", [1.0, 1024.0])
def test_it_is_the_same_every_time(size: int) -> None:
    known = layers(7, 4, 6, 6, 1)
    runs = [first_places(known, 2, 0, 1, {(2, 0): {1, 3}}, size) for _ in range(2)]
    assert np.array_equal(*runs)


def test_another_use_of_the_solver_with_all_cores_does_not_matter() -> None:
    code = """
import highspy
from tests.precise.extraction.test_first_place import SIZE, layers
from precise.layers.first_place import first_places
other = highspy.Highs()
other.silent()
other.maximize(other.addVariable(0, 5))
print(len(first_places(layers(7, 4, 6, 6, 1), 2, 0, 1, {(2, 0): {1, 3}}, SIZE)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert int(ran.stdout.split()[-1]) == len(first_places(layers(7, 4, 6, 6, 1), 2, 0, 1, {(2, 0): {1, 3}}, SIZE)) > 0
