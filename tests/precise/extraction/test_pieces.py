"""Pieces of one neuron's row count as one neuron."""

from __future__ import annotations

import pytest

from precise.layers.candidate import Outcome
from precise.layers.hidden_layer import LayerSearch, Patience
from precise.network import Network
from precise.oracle import ExactOracle
from precise.regions.local_map import Known, Row
from precise.regions.probe import Calibration, Probe

LARGE = 10**30


def row(*weights: int) -> Row:
    *plus, bias = weights
    return Row(tuple(plus), (0,) * len(plus), bias)


@pytest.mark.parametrize(
    ("fresh", "lacking", "count"),
    [
        (row(-2, 4, 6, LARGE, 10), (3,), 1),  # -2 times the first, which lacks the second weight
        (row(1, LARGE, -3, 4, -5), (1,), 1),
        (row(2, 4, 6, LARGE, 10), (3,), 2),
        (row(1, LARGE, LARGE, LARGE, -5), (1, 2, 3), 2),  # too little that both have
    ],
)
def test_a_row_that_differs_from_another_only_where_one_of_them_is_open_is_the_same(
    fresh: Row, lacking: tuple[int, ...], count: int
) -> None:
    network = Network.from_rows([([[1, 0], [0, 1], [1, 1], [1, -1]], [1, 2, 3, 4]), ([[1, 1, 1, 1]], [0])])
    below = [Row((1, 0), (0, 0), 1), Row((0, 1), (0, 0), 2), Row((1, 1), (0, 0), 3), Row((1, -1), (0, 0), 4)]
    probe = Probe(ExactOracle(network), range(2), [1])
    search = LayerSearch(
        probe,
        Known(2, [below]),
        8,
        0,
        frozenset(),
        lambda tasks, ahead: iter(()),
        0,
        Patience(),
        lambda *_: None,
        found=[row(1, LARGE, -3, 4, -5)],
    )
    search.result.lacking = {(0, 1)}
    search._merge(Outcome(fresh, True, "", 0, 0, Calibration(), [0, 0], lacking=lacking))
    assert len(search.result.rows) == count
