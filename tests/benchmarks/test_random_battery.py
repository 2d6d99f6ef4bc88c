"""The battery's judge: what is wrong is called wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from flint import fmpq

from benchmarks import random_battery
from benchmarks.random_battery import account, describe, drawn, judge
from precise.extract import Extraction
from precise.network import Layer, Network
from precise.random_networks import PLANTED, random_network
from precise.regions.local_map import Known
from precise.report import Report

TRUE = random_network("2-3-2", 1)


def claimed(network: Network | None, complete: bool, domain: int | None = None) -> Extraction:
    report = Report([2, 3, 2], 0, None, 1, complete=complete, domain=domain)
    return Extraction(network, Known(2), report)


def with_kink_at(place: int) -> Network:
    """TRUE with one more neuron, which begins to act where the first input passes `place`."""
    first, last = TRUE.layers
    more = Layer((*first.weights, (fmpq(1), fmpq(0))), (*first.biases, fmpq(-place)))
    return Network((more, replace(last, weights=tuple((*row, fmpq(1)) for row in last.weights))))


def test_the_judge() -> None:
    assert judge(TRUE, claimed(TRUE, complete=True)) == "exact"
    assert judge(TRUE, claimed(TRUE, complete=False, domain=64)) == "equivalent"
    assert judge(TRUE, claimed(None, complete=False)) == "incomplete"
    assert judge(TRUE, claimed(with_kink_at(100), complete=True)) == "wrong"
    assert judge(TRUE, claimed(with_kink_at(100), complete=False, domain=1024)) == "wrong"
    assert judge(TRUE, claimed(with_kink_at(100), complete=False)) == "wrong"  # it states no box
    assert judge(TRUE, claimed(with_kink_at(100), complete=False, domain=64)) in ("equivalent", "unproved")


def test_networks_are_drawn_from_all_kinds() -> None:
    networks = [drawn(seed) for seed in range(200)]
    depths = {len(network.layers) - 1 for network, _ in networks}
    widths = {width for network, _ in networks for width in network.widths[1:-1]}
    kinds = {kind.partition(": ")[2] for _, planted_rows in networks for kind in planted_rows}
    assert depths == set(range(1, 7))
    assert widths == set(range(1, 13))
    assert kinds == set(PLANTED)


def test_a_wrong_network_ends_the_battery_with_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"seed": 0, "widths": [2, 1], "planted": [], "parameters": 3, "outcome": "Complete.", "queries": 9}
    run |= {"processor_seconds": 0.1, "judgement": "wrong"}
    monkeypatch.setattr(random_battery, "measure", lambda seed, *_: run | {"seed": seed})
    with pytest.raises(SystemExit) as stop:
        random_battery.main(["--networks", "2", "--json", str(tmp_path / "runs.json")])
    assert stop.value.code == 1
    runs = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert [kept["seed"] for kept in runs] == [0, 1]
    assert "2 wrong" in account(runs)
    assert "wrong" in describe(runs[0])
    good = [kept | {"judgement": "exact"} for kept in runs]
    assert "ratio: 3 queries a parameter" in account(good)
