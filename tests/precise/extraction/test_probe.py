"""A slice through a network, read by one output or by all."""

from __future__ import annotations

from random import Random

import numpy as np

from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import to_point
from precise.regions.corners import directions
from precise.regions.probe import Probe


def test_every_output_is_read_from_the_queries_of_one() -> None:
    network = random_network("5-6x2-3", 1)
    points = [to_point(point) for point in np.random.default_rng(1).uniform(-4, 4, (16, 5))]
    tests = directions(5, Random(1))
    of_all = Probe(ExactOracle(network), range(5), [3, 1, 2])
    pieces = of_all.of_every_output(points, tests)
    for number in range(3):
        of_one = Probe(ExactOracle(network), range(5), [3, 1, 2])
        assert of_one.output(number).pieces(points, tests) == pieces[number]
        assert of_one.queries == of_all.queries
