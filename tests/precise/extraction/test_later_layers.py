"""Surfaces of later layers that pass for rows of a small one: they take places of their own, and none of its."""

from __future__ import annotations

import pytest

from benchmarks.random_battery import differ
from precise.assemble import DOMAIN
from precise.extract import extract
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.report import LayerReport, Report


@pytest.mark.parametrize(("widths", "seed"), [((3, 2, 3, 3, 1), 6), ((4, 2, 3, 2, 1), 14)])
def test_a_small_layer_has_rows_beyond_its_width_where_later_surfaces_meet_none_of_its_neurons(
    widths: tuple[int, ...], seed: int
) -> None:
    network = random_network(widths, seed)
    result = extract(ExactOracle(network), widths, seed)
    second, third = result.report.layers[1:]
    assert (second.rows, third.rows) == (widths[2] + 1, 0)
    assert third.always_active
    said = f"layer 2: {second.rows} rows for {widths[2]} neurons, some of them of later layers' neurons that meet none"
    assert said in result.report.outcome
    assert not result.report.complete
    assert result.network is not None
    assert result.report.domain is not None
    assert not differ(network, result.network, result.report.domain)


def test_weights_that_act_with_others_only_are_told_from_those_that_act_nowhere() -> None:
    report = Report([2, 3, 1], 0, None, 1)
    report.layers = [LayerReport(1, 3, rows=3, lacking=[(1, 1), (2, 1), (3, 2)], together=[(1, 2), (2, 1)])]
    assert report.unidentified() == [
        "layer 1: 2 weights act nowhere that was seen",
        "layer 1: 1 weights act together with others only, wherever their neuron is on",
    ]
    report.layers[0].lacking = [(2, 1)]
    assert len(report.unidentified()) == 1


def test_weights_need_not_be_known_that_act_with_others_only() -> None:
    network = random_network((2, 3, 5, 1), 2)
    result = extract(ExactOracle(network), network.widths, 2)
    assert "1 weights act together with others only" in result.report.outcome
    assert result.network is not None
    assert result.report.domain == DOMAIN
    assert not differ(network, result.network, DOMAIN)
