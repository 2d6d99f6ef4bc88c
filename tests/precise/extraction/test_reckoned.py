"""The last layer is searched again where what is missing below was supposed to be without effect, and is not."""

from __future__ import annotations

import pytest

from benchmarks.random_battery import differ
from precise.extract import _Incomplete, _Run, extract
from precise.layers.hidden_layer import Patience
from precise.layers.workers import Shared
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.local_map import Row


def with_a_seldom_neuron() -> Network:
    """One of the first layer is on so seldom that its search does not meet it."""
    network = random_network((6, 6, 4, 1), 1)
    first = network.layers[0]
    return Network((Layer(first.weights, (*first.biases[:-1], first.biases[-1] - 2**14)), *network.layers[1:]))


@pytest.mark.parametrize("failing", [1, 2])
def test_rows_are_searched_for_again_and_the_first_ones_are_not_lost(
    monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    network, finished = with_a_seldom_neuron(), _Run.finished
    reckoned, rows = list[int](), list[list[Row]]()

    def failing_at_first(run: _Run, crew: Shared) -> Network:
        assert run.search is not None
        reckoned.append(run.search.below._missing)
        rows.append(list(run.known.layers[-1]))
        if len(rows) <= failing:
            run.known.layers[-1] = []
            raise _Incomplete("the outputs do not come out")
        return finished(run, crew)

    monkeypatch.setattr(_Run, "finished", failing_at_first)
    result = extract(ExactOracle(network), network.widths, 1, patience=Patience(candidates=40, lines=10))
    assert reckoned == [0, 1, 0][: failing + 1]
    assert failing < 2 or rows[2] == rows[0]
    assert result.network is not None
    assert result.report.domain is not None
    assert not differ(network, result.network, result.report.domain)


def test_what_a_search_that_went_on_has_found_is_as_it_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    network, left = with_a_seldom_neuron(), list[tuple[int, int]]()

    def going_on_at_first(run: _Run, crew: Shared) -> Network:
        assert run.search is not None
        if not left:
            run.searched_again(lambda search: search.result.keep(range(1, len(search.result.rows))))
        assert run.known.layers[-1] == run.search.result.rows
        left.append((run.search.below._missing, len(run.known.layers[-1])))
        run.known.layers[-1] = []
        raise _Incomplete("the outputs do not come out")

    monkeypatch.setattr(_Run, "finished", going_on_at_first)
    monkeypatch.setattr(_Run, "near_origin", lambda _: None)
    result = extract(ExactOracle(network), network.widths, 1, patience=Patience(candidates=40, lines=10))
    assert [missing for missing, _ in left] == [0, 1, 0]
    assert left[2] == left[0]
    assert result.report.layers[-1].rows == left[0][1]
