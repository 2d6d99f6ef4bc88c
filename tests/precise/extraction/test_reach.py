"""Where the surface of a row leaves the places in which the row is known."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from precise.arithmetic import common_denominator
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from precise.regions.walk import Walker
from precise.signatures.reach import OpenRow, Reach

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
