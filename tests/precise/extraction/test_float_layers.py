"""Known layers in float64: what stands for unknown weights must not drown what is known."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from precise.regions.aim import to_point
from precise.regions.float_layers import BLOCK, FloatLayers
from precise.regions.local_map import Known, Row

STANDS_FOR = -(1 << 400)  # a weight that is not known


def layers(depth: int, seed: int, unknown: int) -> Known:
    """Layers of 6 neurons, the first `unknown` rows of each layer behind the first lacking one weight."""
    random = Random(seed)
    rows = [[[random.randint(-99, 99) or 1 for _ in range(7)] for _ in range(6)] for _ in range(depth)]
    for behind in rows[1:]:
        for number in range(unknown):
            behind[number][number] = STANDS_FOR
    return Known(6, [[Row(tuple(row[:-1]), (0,) * 6, row[-1]) for row in layer] for layer in rows])


@pytest.mark.parametrize("seed", range(3))
def test_many_layers_with_unknown_weights_stay_within_the_range_of_float64(seed: int) -> None:
    known = layers(10, seed, 2)
    points = np.random.default_rng(seed).uniform(-4, 4, (64, 6))
    exact = known.preactivations([to_point(point) for point in points])
    found = FloatLayers(known).preactivations(points)
    for floats, integers in zip(found, exact, strict=True):
        assert np.isfinite(floats).all()
        assert (np.sign(floats) == [[(v > 0) - (v < 0) for v in row] for row in integers]).all()


def test_the_topmost_layers_are_the_same_block_by_block() -> None:
    floats = FloatLayers(layers(5, 1, 0))
    points = np.random.default_rng(1).uniform(-4, 4, (2 * BLOCK + 3, 6))
    whole = floats.preactivations(points)
    for count in (1, 2):
        for block, all_at_once in zip(floats.topmost(points, count), whole[-count:], strict=True):
            np.testing.assert_allclose(block, all_at_once, rtol=1e-9)
    assert [part.shape for part in floats.topmost(points[:0], 2)] == [(0, 6), (0, 6)]
