"""The first layer's columns outside the slice."""

from __future__ import annotations

from random import Random

from flint import fmpq

from precise.layers.columns import read
from precise.layers.expansion import missing_columns
from precise.layers.output_layer import OutputRow
from precise.network import Network
from precise.oracle import ExactOracle
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe

NETWORK = Network.from_rows([([[1, 2, 3], [4, -5, 6]], [0, 10**6]), ([[1, 1]], [0])])
NEURON = Row((1, 2), (0, 0), 0)
APART = [Row((1, 0), (0, 0), 0, linear=True), Row((0, 1), (0, 0), 0, linear=True)]  # the second one's inputs


def columns_of(rows: list[Row], weights: list[int]) -> tuple[list[list[fmpq]], list[int]] | None:
    probe = Probe(ExactOracle(NETWORK), [0, 1], [1])
    outputs = [OutputRow(tuple(map(fmpq, weights)), fmpq(10**6))]
    return missing_columns(
        probe,
        Known(2, [rows]),
        outputs,
        Random(0),
        lambda readings: (read(probe, r) for r in readings),
        lambda *_: None,
    )


def test_of_always_active_rows_the_columns_are_right_together() -> None:
    found = columns_of([NEURON, *APART], [1, 4, -5])
    assert found is not None
    (neuron, first, second), untold = found
    assert neuron == [3]
    assert 4 * first[0] - 5 * second[0] == 6
    assert untold == [1, 2]


def test_neurons_that_are_not_told_apart_have_no_columns() -> None:
    assert columns_of([NEURON, NEURON, *APART], [1, 1, 4, -5]) is None
