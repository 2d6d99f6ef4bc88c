"""A worker that follows candidates: what it was given before does not change an outcome."""

from __future__ import annotations

import numpy as np

from precise.layers.candidate import Follower, Outcome, Task
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_line
from precise.regions.critical_points import critical_points
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from tests.precise.extraction.test_rows import rows_of


def test_another_known_part_of_the_same_depth_is_taken_in() -> None:
    network = random_network("6-4-3-1", seed=1)
    rows = rows_of(network, 0)
    line = random_line(Known(6), np.random.default_rng(0))
    point = critical_points(Probe(ExactOracle(network), range(6), [1]), *line)[0]

    probe = Probe(ExactOracle(network), range(6), [1])

    def followed(follower: Follower, below: list[Row]) -> Outcome:
        probe.forget()
        return follower(Task((tuple(below), ()), False, False, True, False, (), point, 7, probe.calibration))

    used = Follower(probe)
    fewer, whole = followed(used, rows[:2]), followed(used, rows)
    assert whole == followed(Follower(probe), rows) != fewer
