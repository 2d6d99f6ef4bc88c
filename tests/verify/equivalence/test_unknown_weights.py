"""A weight that acts nowhere is not identified; the copy is proved to be the same function all the same."""

from __future__ import annotations

import pytest

from precise.extract import extract
from precise.network import Network
from precise.oracle import ExactOracle
from verify.equivalence import Effort, decide
from verify.properties.claim import within
from verify.properties.domain import box
from verify.verdict import Outcome, Verdict

FIRST = ([[-2, 0, 0], [0, -2, 0], [1, "1/2", 3], [-1, -1, 0]], [0, 0, 1, -1])
OUTPUT = ([[1, 2, -1]], ["1/2"])


def network(unknown: int) -> Network:
    """The first neuron of layer 2 needs -2 x1 - 2 x2 < 1, the fourth one below it -x1 - x2 > 1."""
    second = [[-1, -1, "-1/2", unknown], ["1/3", "-1/5", 1, "-1/2"], ["1/4", 1, "-1/3", "2/3"]]
    return Network.from_rows([FIRST, (second, [1, "-2/7", "1/5"]), OUTPUT])


def equality(first: Network, second: Network) -> Verdict:
    return decide(first, second, box(-8, 8, 3), within(0, 1), Effort(seconds=20, jobs=1)).verdict


@pytest.mark.parametrize("seed", range(2))
def test_a_copy_without_a_weight_that_acts_nowhere_is_proved(seed: int) -> None:
    truth = network(-7)
    result = extract(ExactOracle(truth), truth.widths, seed)
    assert sum(len(layer.lacking) for layer in result.report.layers) == 1, result.report.outcome
    assert result.network is not None
    assert not result.report.complete
    assert equality(truth, result.network).outcome is Outcome.EQUAL


def test_the_weight_acts_once_its_sign_is_another() -> None:
    assert equality(network(-7), network(-9)).outcome is Outcome.EQUAL
    assert equality(network(-7), network(9)).outcome is Outcome.DIFFERENT
