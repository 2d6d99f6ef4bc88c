"""Runs that end in the middle and go on: the same result, the same counts, and no question put to the oracle twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from precise.formats import save_network
from precise.random_networks import random_network

# A served model that writes down what it answered, and may end the run at its n-th batch of questions.
SERVED = """
import hashlib, os, resource, signal
from precise.formats import load_network
network = load_network("model.json")
ends = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT}
batches = 0

def ask(points):
    global batches
    batches += 1
    end, _, number = os.environ.get("END", "").partition(" ")
    if end in ends and batches == int(number):
        os.kill(os.getpid(), ends[end])
    if end == "full" and batches == int(number):
        size = os.path.getsize("run.checkpoint-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    answers = [network(point) for point in points]
    with open("paid", "a") as paid:
        paid.writelines(hashlib.sha256(str(point).encode()).hexdigest() + "\\n" for point in points)
    return answers
"""


class Place:
    """A folder with a served model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        save_network(random_network("6-4x2-1", seed=3), folder / "model.json")
        (folder / "served.py").write_text(SERVED)

    def run(self, *options: str, end: str = "", seed: int = 0) -> subprocess.CompletedProcess[str]:
        """`precise extract` in a process of its own."""
        arguments = ["--oracle", "served:ask", "--widths", "6,4,4,1", "-o", "copy.json", "--json", "report.json"]
        return subprocess.run(
            [sys.executable, "-m", "precise", "extract", *arguments, *options],
            cwd=self.folder,
            env={**os.environ, "END": end},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def result(self) -> tuple[str, Any]:
        """The copy and the report, without what a clock measured."""
        report = json.loads((self.folder / "report.json").read_text())
        return (self.folder / "copy.json").read_text(), _untimed(report)

    def paid(self) -> list[str]:
        """Every point that was answered, as a hash: shorter than the checkpoint, whose size is what fills the disk."""
        return (self.folder / "paid").read_text().splitlines()


def _untimed(part: Any) -> Any:
    if isinstance(part, dict):
        return {k: _untimed(v) for k, v in part.items() if "seconds" not in k and k not in ("peak_megabytes", "jobs")}
    return [_untimed(entry) for entry in part] if isinstance(part, list) else part


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("unbroken"))
    assert place.run().returncode == 0
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_again_and_again_it_comes_to_the_same_result(unbroken: Place, place: Place, jobs: str) -> None:
    random = Random(int(jobs))
    option, deaths = "--checkpoint", 0
    while (
        run := place.run(option, "run.checkpoint", "--jobs", jobs, end=f"kill {random.randint(20, 150)}")
    ).returncode:
        assert run.returncode == -signal.SIGKILL or "worker processes died" in run.stdout + run.stderr, run.stderr
        option, deaths = "--resume", deaths + 1
        assert deaths < 60
    assert place.result() == unbroken.result()
    if jobs == "1":
        assert deaths > 1
        assert Counter(place.paid()) == Counter(unbroken.paid())  # asked as often as by a run that nothing ended


def test_after_an_interrupt_it_goes_on(unbroken: Place, place: Place) -> None:
    assert place.run("--checkpoint", "run.checkpoint", end="interrupt 60").returncode == 130
    assert place.run("--resume", "run.checkpoint").returncode == 0
    assert place.result() == unbroken.result()


def test_after_a_full_disk_it_goes_on(unbroken: Place, place: Place) -> None:
    full = place.run("--checkpoint", "run.checkpoint", end="full 60")
    assert full.returncode == 2
    assert full.stderr.count("\n") == 1
    assert "run.checkpoint: the checkpoint cannot be used" in full.stderr
    assert place.run("--resume", "run.checkpoint").returncode == 0
    assert place.result() == unbroken.result()


def test_a_finished_run_is_repeated_without_a_query(unbroken: Place, place: Place) -> None:
    assert place.run("--checkpoint", "run.checkpoint").returncode == 0
    asked = place.paid()
    assert place.run("--resume", "run.checkpoint", "--jobs", "2", end="kill 1").returncode == 0
    assert place.paid() == asked
    assert place.result() == unbroken.result()


def test_a_run_whose_budget_ended_goes_on_with_a_larger_one(unbroken: Place, place: Place) -> None:
    assert place.run("--checkpoint", "run.checkpoint", "--max-queries", "300").returncode == 3
    assert place.run("--resume", "run.checkpoint").returncode == 0
    assert place.result() == unbroken.result()
    assert Counter(place.paid()) == Counter(unbroken.paid())


def test_a_changed_model_is_refused(place: Place) -> None:
    assert place.run("--checkpoint", "run.checkpoint", end="kill 60").returncode == -signal.SIGKILL
    with (place.folder / "served.py").open("a") as file:
        file.write("\n# another model\n")
    refused = place.run("--resume", "run.checkpoint")
    assert refused.returncode == 2
    assert refused.stderr.startswith("precise: run.checkpoint: a checkpoint of another model")
    assert refused.stderr.count("\n") == 1


def test_a_run_under_rounding_error_goes_on_as_well(place: Place) -> None:
    """The same result and counts as unbroken, and no point is put to the oracle twice for one question."""
    save_network(random_network("6-4x2-1", seed=2), place.folder / "model.json")
    match = ("--signatures", "match", "--precision", "80")
    assert place.run(*match).returncode == 0
    result, paid = place.result(), Counter(place.paid())
    (place.folder / "paid").unlink()
    assert place.run(*match, "--checkpoint", "run.checkpoint", end="kill 20").returncode == -signal.SIGKILL
    assert place.run(*match, "--resume", "run.checkpoint", end="kill 40").returncode == -signal.SIGKILL
    refused = place.run(*match, "--signs", "soe", "--resume", "run.checkpoint")
    assert refused.returncode == 2
    assert "a checkpoint of another sign method: exact, expected soe" in refused.stderr
    assert place.run(*match, "--resume", "run.checkpoint").returncode == 0
    assert place.result() == result
    assert Counter(place.paid()) == paid
