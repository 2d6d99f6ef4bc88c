"""`verify equivalent` that ends in the middle and goes on: the same verdict and bounds, and nothing looked at twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from flint import fmpq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precise.cli import application, run
from precise.errors import InputError
from precise.formats import save_network
from precise.journal.file import Journal
from tests.verify.equivalence.unfinished import FIRST, SECOND, kept_in
from verify.certificate import Certificate
from verify.checker import check
from verify.cli import VERBS
from verify.differential.kept import Kept
from verify.equivalence import Decision, Effort, maximum
from verify.properties.domain import box
from verify.verdict import Outcome

DOMAIN = box(-1, 1, 3)


def decided(journal: Journal | None = None, jobs: int = 1) -> Decision:
    return maximum(FIRST, SECOND, DOMAIN, Effort(seconds=100, jobs=jobs, journal=journal))


def untimed(decision: Decision) -> tuple[Any, Certificate | None]:
    details = {key: value for key, value in decision.verdict.details.items() if key != "seconds"}
    return (decision.verdict.outcome, decision.verdict.claim, details), decision.certificate


@pytest.fixture(scope="module")
def unbroken() -> Decision:
    found = decided()
    assert found.verdict.outcome is Outcome.EQUIVALENT
    assert int(str(found.verdict.details["parts"])) > 20  # or there is nothing to interrupt
    return found


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Counts the looks that are kept, and ends the run before the n-th is."""

    class Ending:
        error: BaseException | None = None
        at = 0
        kept = 0

    state, keep = Ending(), Kept.keep

    def counted(self: Kept, *rest: Any) -> None:
        if state.error is not None and state.kept == state.at:
            raise state.error
        state.kept += 1
        keep(self, *rest)

    monkeypatch.setattr(Kept, "keep", counted)
    return state


def test_after_an_interrupt_only_what_is_left_is_looked_at(unbroken: Decision, tmp_path: Path, ending: Any) -> None:
    whole = decided(Journal.create(tmp_path / "whole", {}))
    looks = ending.kept
    assert untimed(whole) == untimed(unbroken)
    ending.kept, ending.at, ending.error = 0, 7, KeyboardInterrupt()
    broken = decided(Journal.create(tmp_path / "run", {}))
    assert broken.verdict.outcome is Outcome.UNKNOWN
    ending.kept, ending.error = 0, None
    again = decided(Journal.resume(tmp_path / "run", {}))
    assert untimed(again) == untimed(unbroken)
    assert ending.kept == looks - 7


def test_after_a_full_disk_it_goes_on(unbroken: Decision, tmp_path: Path, ending: Any) -> None:
    ending.at, ending.error = 5, InputError("run: the checkpoint cannot be used (disk full)")
    with pytest.raises(InputError, match="disk full"):
        decided(Journal.create(tmp_path / "run", {}))
    ending.error = None
    assert untimed(decided(Journal.resume(tmp_path / "run", {}))) == untimed(unbroken)


def test_processes_change_nothing(unbroken: Decision, tmp_path: Path) -> None:
    assert untimed(decided(Journal.create(tmp_path / "run", {}), jobs=2)) == untimed(unbroken)
    assert untimed(decided(Journal.resume(tmp_path / "run", {}))) == untimed(unbroken)


def command(folder: Path, *options: str, second: str = "g.json", domain: tuple[str, str] = ("-1", "1")) -> list[str]:
    run = [sys.executable, "-m", "verify", "equivalent"]
    files = [str(folder / "f.json"), str(folder / second)]
    return [*run, *files, "--box", *domain, "--max", "--jobs", "1", *options]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_network(FIRST, tmp_path / "f.json")
    save_network(SECOND, tmp_path / "g.json")
    return tmp_path


def test_killed_it_comes_to_the_same_result(unbroken: Decision, folder: Path) -> None:
    path = folder / "run.checkpoint"
    option = "--checkpoint"
    for looks in (1, 8):
        process = subprocess.Popen(command(folder, option, str(path)), stdout=subprocess.DEVNULL)
        while kept_in(path) < looks and process.poll() is None:
            sleep(0.005)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        option = "--resume"
    report = folder / "report.json"
    done = subprocess.run(command(folder, option, str(path), "--json", str(report)), check=True, env=dict(os.environ))
    assert done.returncode == 0
    found = json.loads(report.read_text())
    (outcome, claim, details), certificate = untimed(unbroken)
    del found["details"]["seconds"]
    assert certificate is not None
    assert (found["verdict"], found["claim"], found["details"]) == (outcome.value, claim, details)
    assert found["certificate"] == certificate["seal"]


def test_a_checkpoint_of_another_question_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "run.checkpoint"
    assert run(application("", VERBS), "verify", command(folder, "--checkpoint", str(path))[3:]) == 0
    for others, said in (({"second": "f.json"}, "second network"), ({"domain": ("-1", "2")}, "domain")):
        arguments = command(folder, "--resume", str(path), **others)[3:]
        assert run(application("", VERBS), "verify", arguments) == 2
        refused = capsys.readouterr().err
        assert refused.startswith(f"verify: {path}: a checkpoint of another {said}")
        assert refused.count("\n") == 1


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[bytes, str]]]:
    """A checkpoint and the outcomes in it."""
    path = tmp_path_factory.mktemp("hostile") / "run"
    journal = Journal.create(path, {})
    decided(journal)
    journal.close()
    with sqlite3.connect(path) as connection:
        return path, connection.execute("SELECT key, outcome FROM outcomes").fetchall()


HOSTILE = st.sampled_from(
    ["[]", "{}", "null", "[" * 5000, "[1, 2]", '[{"part": []}]', "NaN", "1e999", '["z", 99, 99]', '["input", 0, 1e308]']
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_hostile_checkpoint_proves_nothing_false(
    data: st.DataObject, texts: tuple[Path, list[tuple[bytes, str]]], unbroken: Decision
) -> None:
    """Some outcomes are replaced; the run refuses the file, does them again, or ends with a certificate that holds."""
    path, outcomes = texts
    chosen = data.draw(st.sets(st.integers(0, len(outcomes) - 1), min_size=1, max_size=3))
    with sqlite3.connect(path) as connection:
        connection.executemany("UPDATE outcomes SET outcome = ? WHERE key = ?", [(text, key) for key, text in outcomes])
        for number in chosen:
            key, text = outcomes[number]
            connection.execute("UPDATE outcomes SET outcome = ? WHERE key = ?", (changed(data, text), key))
    found = decided_or_refused(path)
    if isinstance(found, str):
        assert found.startswith(f"{path}: expected a checkpoint")
        return
    if found.verdict.outcome is Outcome.EQUIVALENT:
        assert found.certificate is not None
        assert check(found.certificate, FIRST, SECOND).holds
        proved = fmpq(*map(int, str(found.verdict.details["proved"]).split("/")))
        attained = fmpq(*map(int, str(unbroken.verdict.details["attained"]).split("/")))
        assert proved >= attained


def decided_or_refused(path: Path) -> Decision | str:
    try:
        return maximum(FIRST, SECOND, DOMAIN, Effort(seconds=10, journal=Journal.resume(path, {})))
    except InputError as error:
        return str(error)


def changed(data: st.DataObject, text: str) -> str:
    """An outcome with one of its parts replaced by another thing, or cut."""
    kind = data.draw(st.sampled_from(["whole", "cut", "part"]))
    if kind == "whole":
        return data.draw(HOSTILE)
    if kind == "cut":
        return text[: data.draw(st.integers(0, len(text)))]
    steps = json.loads(text)
    step = data.draw(st.sampled_from(steps))
    name = data.draw(st.sampled_from(sorted(step)))
    step[name] = data.draw(
        st.sampled_from(
            [None, True, -1, 1e308, "x", [], {}, ["z", 1, 0], ["g", 9, 9], {"leaf": {"duals": [[]]}}, ["AA=="]]
        )
    )
    return json.dumps(steps)
