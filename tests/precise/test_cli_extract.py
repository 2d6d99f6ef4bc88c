"""`precise extract` as a new user meets it: good runs, wrong input, interruption, a reader that leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from precise import cli
from precise.formats import load_network, save_network
from precise.random_networks import random_network
from verify.equality.structural import prove_equal
from verify.verdict import Outcome

Done = subprocess.CompletedProcess[str]
COMMAND = [sys.executable, "-m", "precise", "extract"]
SERVED = """
import time

def ask(points):
    return [[max(x - 2 * y, 0) + max(x + y - 1, 0)] for x, y in points]

def slow(points):
    time.sleep(0.05)
    return ask(points)

def strings(points):
    return [["abc"] for _ in points]

def shapes(points):
    return [[1, 2] for _ in points]

def raises(points):
    raise RuntimeError("server down")

def infinite(points):
    return [[float("inf")] for _ in points]

def noisy(points):
    return [[max(float(x - 2 * y), 0.0) + hash((x, y)) % 1000 * 1e-9] for x, y in points]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served.py").write_text(SERVED)
    save_network(random_network("10-5x2-1", seed=1), tmp_path / "model.json")
    return tmp_path


@pytest.fixture
def here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Done]]:
    """The command in this process, which starts none, from the folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("served", None)

    def call(*arguments: str) -> Done:
        status = cli.run(cli.application("", cli.VERBS), "precise", ["extract", *arguments])
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    yield call
    sys.modules.pop("served", None)


def run(folder: Path, *arguments: str) -> Done:
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_network_is_recovered_from_its_oracle(folder: Path) -> None:
    done = run(folder, "model.json", "-o", "out.json", "--seed", "3", "--json", "report.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Complete")
    assert done.stderr == ""
    networks = load_network(folder / "model.json"), load_network(folder / "out.json")
    assert prove_equal(*networks).outcome is Outcome.EQUAL
    report = json.loads((folder / "report.json").read_text())
    assert report["seed"] == 3
    assert report["complete"] is True
    assert report["queries"] > 0
    assert [layer["rows"] for layer in report["layers"]] == [5, 5]


@pytest.mark.parametrize("widths", ["2,2,1", "2,auto,1"])
def test_a_served_function_is_recovered(folder: Path, widths: str) -> None:
    done = run(folder, "--oracle", "served:ask", "--widths", widths, "-o", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert load_network(folder / "out.json").widths == (2, 2, 1)


def test_widths_of_a_model_are_found(folder: Path) -> None:
    done = run(folder, "model.json", "-o", "out.json", "--widths", "auto")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "widths      10-5-5-1" in done.stdout


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("strings", "an output is not a number"),
        ("shapes", "expected 1 outputs a point, not 2"),
        ("raises", "raised RuntimeError after 0 queries: server down"),
        ("infinite", "expected a finite number, not inf"),
        ("noisy", "not"),
    ],
)
def test_an_oracle_that_fails_ends_with_one_sentence(
    folder: Path, here: Callable[..., Done], function: str, said: str
) -> None:
    done = here("--oracle", f"served:{function}", "--widths", "2,2,1", "-o", "out.json")
    assert done.returncode == 3
    assert done.stdout.startswith("Incomplete: ")
    assert said in done.stdout.splitlines()[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert json.loads((folder / "out.json").read_text())["format"] == "precise-partial-extraction"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["empty.npz"], "empty.npz: expected"),
        (["model.json", "--attempts", "2", "--signatures", "match"], "--attempts only with --signatures walk"),
        (["text.npz"], "text.npz: expected"),
        (["missing.npz"], "missing.npz: expected a file"),
        (["model.json", "--oracle", "foo"], "--oracle foo: expected"),
        (["model.json", "--oracle", "served:ask"], "expected no model file"),
        (["--oracle", "served:ask"], "--widths"),
        (["--oracle", "served:ask", "--widths", "2,x,1"], "widths '2,x,1'"),
        (["--oracle", "served:nothing", "--widths", "2,2,1"], "no function nothing"),
        (["--oracle", "nowhere:ask", "--widths", "2,2,1"], "nowhere"),
        ([], "MODEL"),
    ],
)
def test_wrong_input_ends_with_one_sentence(
    folder: Path, here: Callable[..., Done], arguments: list[str], said: str
) -> None:
    (folder / "empty.npz").write_bytes(b"")
    (folder / "text.npz").write_text("hello")
    done = here(*arguments, "-o", "out.json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (folder / "out.json").exists()


@pytest.mark.parametrize("out", ["nowhere/out.json", "out.xyz", "."])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(here: Callable[..., Done], out: str) -> None:
    done = here("model.json", "-o", out)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "expected" in done.stderr


def test_wrong_widths_for_the_oracle_end_without_a_network(here: Callable[..., Done]) -> None:
    done = here("--oracle", "served:ask", "--widths", "3,2,1", "-o", "out.json")
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr


def test_a_budget_ends_a_run_cleanly(folder: Path, here: Callable[..., Done]) -> None:
    done = here("model.json", "-o", "out.json", "--max-queries", "10")
    assert done.returncode == 3
    assert "budget of 10 queries" in done.stdout
    assert json.loads((folder / "out.json").read_text())["report"]["queries"] <= 10


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_run_keeps_what_it_has(folder: Path, jobs: str) -> None:
    arguments = ["--oracle", "served:slow", "--widths", "2,2,1", "-o", "out.json", "--jobs", jobs]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        time.sleep(2.5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: workers get it too
        text, errors = process.communicate(timeout=60)
    assert "Traceback" not in text + errors
    if process.returncode == 130:
        assert "interrupted" in text + errors
    else:
        assert process.returncode == 0  # a fast machine may be done by then
    assert not list(folder.glob("*.tmp"))


def test_a_reader_that_leaves_changes_nothing(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        [*COMMAND, "model.json", "-o", "out.json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        process.wait(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    assert (folder / "out.json").exists()
