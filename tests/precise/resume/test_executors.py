"""Serial, processes and a Dask cluster: the same results, also when a worker dies in the middle."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from precise.errors import InputError, OracleError
from precise.executors import Workers, working
from precise.extract import Extraction, extract
from precise.journal.file import Journal
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from tests.dask_cluster import cluster, needs_dask

NETWORK = random_network("10-4x2-1", seed=3)  # wider than its slice: columns are read by workers too


def _squares() -> Callable[[int], int]:
    return lambda number: number * number


@pytest.mark.parametrize("workers", [Workers(), Workers(2), Workers(3)])
def test_every_item_has_its_result(workers: Workers) -> None:
    with working(_squares, workers) as run:
        assert dict(run(range(20))) == {number: number * number for number in range(20)}
        assert dict(run([])) == {}
        assert dict(run([7])) == {0: 49}


def _dies_once(marker: Path) -> Callable[[int], int]:
    def work(number: int) -> int:
        if number == 5 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    return work


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with working(partial(_dies_once, tmp_path / "died"), Workers(2)) as run:
        assert dict(run(range(20))) == {number: number for number in range(20)}
    assert (tmp_path / "died").exists()


def test_processes_that_always_die_end_the_run() -> None:
    def start() -> Callable[[int], int]:
        return lambda number: os.kill(os.getpid(), signal.SIGKILL) or number

    with working(start, Workers(2)) as run, pytest.raises(OracleError, match="worker processes died"):
        list(run([1]))


def _fails(number: int) -> int:
    raise OracleError(f"no answer to {number}")


def test_an_error_reaches_the_caller() -> None:
    with working(lambda: _fails, Workers(2)) as run, pytest.raises(OracleError, match="no answer to 1"):
        list(run([1]))


@pytest.fixture(scope="module")
def serial() -> Extraction:
    found = extract(ExactOracle(NETWORK), NETWORK.widths, seed=1)
    assert len(found.report.slice_inputs) < NETWORK.input_width
    return found


def _same(one: Extraction, other: Extraction) -> bool:
    assert one.network is not None
    assert other.network is not None
    counts = [(r.report.queries, r.report.longest_query_bits, r.report.layers[0].neurons) for r in (one, other)]
    return one.network.sha256 == other.network.sha256 and counts[0] == counts[1]


def test_processes_change_nothing(serial: Extraction) -> None:
    assert _same(extract(ExactOracle(NETWORK), NETWORK.widths, seed=1, jobs=2), serial)


@needs_dask
def test_a_cluster_changes_nothing_although_a_worker_is_killed(serial: Extraction, tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "run.checkpoint", {})
    killed = []
    with cluster(tmp_path) as (address, workers):

        def kill(stage: str, done: int, total: int) -> None:
            if not killed and stage == "layer 2":
                killed.append(workers[0].pid)
                workers[0].kill()

        found = extract(ExactOracle(NETWORK), NETWORK.widths, seed=1, scheduler=address, journal=journal, progress=kill)
        assert killed
        assert _same(found, serial)
    again = extract(ExactOracle(NETWORK), NETWORK.widths, seed=1, journal=Journal.resume(journal.path, {}))
    assert _same(again, serial)


SERVED = """
import os, signal
from pathlib import Path

def start():
    return work

def work(number):
    if number == 5 and not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number
"""


@needs_dask
def test_what_a_killed_worker_of_a_cluster_was_at_is_done_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served_by_workers.py").write_text(SERVED)
    monkeypatch.syspath_prepend(tmp_path)
    start = importlib.import_module("served_by_workers").start
    with cluster(tmp_path) as (address, workers):
        with working(start, Workers(scheduler=address)) as run:
            assert dict(run(range(20))) == {number: number for number in range(20)}
        assert sum(worker.poll() is not None for worker in workers) == 1


@needs_dask
def test_a_scheduler_without_workers_is_refused(tmp_path: Path) -> None:
    with cluster(tmp_path, workers=0) as (address, _), pytest.raises(InputError, match="no workers"):
        extract(ExactOracle(NETWORK), NETWORK.widths, scheduler=address)


@needs_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://", "http://127.0.0.1:1"])
def test_an_address_without_a_scheduler_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("precise.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match=f"--scheduler {address}: "):
        extract(ExactOracle(NETWORK), NETWORK.widths, scheduler=address)


def test_a_budget_and_a_scheduler_exclude_each_other() -> None:
    with pytest.raises(InputError, match="budget"):
        extract(ExactOracle(NETWORK, budget=100), NETWORK.widths, scheduler="tcp://127.0.0.1:1")
