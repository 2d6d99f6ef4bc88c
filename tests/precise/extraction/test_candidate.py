"""A worker that follows candidates: what it was given before does not change an outcome."""

from __future__ import annotations

import numpy as np
import pytest

from precise.layers import candidate
from precise.layers.candidate import Assembled, Follower, Outcome, Task
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import random_line
from precise.regions.critical_points import critical_points
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from precise.signatures.confirm import Confirmation
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


@pytest.mark.parametrize("taken", [False, True])
def test_a_row_that_was_seen_to_pass_another_when_it_was_taken_need_not_do_so_again(
    taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network("6-4-3-1", seed=1)
    rows, probe = rows_of(network, 0), Probe(ExactOracle(network), range(6), [1])
    monkeypatch.setattr(candidate, "confirm", lambda *_: Confirmation(48, 0, (), False, passed=False))
    again = Assembled(rows[0], [0] * 6, 48, lacking=(0, 1), doubted=1, taken=taken)
    task = Task((tuple(rows), ()), False, False, True, False, (), again, 7, probe.calibration)
    outcome = Follower(probe)(task)
    assert (outcome.confirmed, outcome.doubtful, outcome.doubted) == (taken, not taken, 1)
