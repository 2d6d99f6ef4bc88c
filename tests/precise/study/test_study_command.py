"""`precise study` as a user runs it: its files, kills and resumes, refusals, and the page."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from precise import cli
from precise.formats import save_network
from precise.random_networks import random_network
from precise.study import written

GRID = ("--bits", "8,40,192", "--formats", "float64")
# The command with a death at the n-th cell: before its work, or when its outcome is about to be kept.
DYING = """
import os, signal, sys
from precise.journal.file import Journal
from precise.study.measure import Measure
place, number = os.environ["END"].split()
count = 0
def dying(inner):
    def call(*arguments):
        global count
        count += 1
        if count == int(number):
            os.kill(os.getpid(), signal.SIGINT if place == "interrupt" else signal.SIGKILL)
        with open("begun", "a") as file:
            file.write("x")
        return inner(*arguments)
    return call
import precise.study.written as written
written.find_spec = lambda name: None  # no plots: they are the same for the same study.json
if place == "keep":
    Journal.keep_outcome = dying(Journal.keep_outcome)
else:
    Measure.cell = dying(Measure.cell)
from precise.cli import main
main()
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_network(random_network("4-3-1", 1, bits=24), folder / "one.json")
    save_network(random_network("3-2-1", 6, bits=24), folder / "two.json")
    return folder


@pytest.fixture(scope="module")
def whole(models: Path) -> Path:
    """A study that nothing ended."""
    assert run(models, "whole", "one.json", "two.json", *GRID) == 0
    return models / "whole"


def run(folder: Path, out: str, *arguments: str) -> int:
    before = Path.cwd()
    os.chdir(folder)
    try:
        return cli.run(cli.application("Summary.", cli.VERBS), "precise", ["study", "-o", out, *arguments])
    finally:
        os.chdir(before)


def content(folder: Path) -> Any:
    """study.json without what a clock measured and the folder's name."""
    return untimed(json.loads((folder / "study.json").read_text()))


def untimed(part: Any) -> Any:
    if isinstance(part, dict):
        return {k: untimed(v) for k, v in part.items() if "seconds" not in k and k != "command"}
    return [untimed(entry) for entry in part] if isinstance(part, list) else part


def test_all_files_are_there_and_say_the_same(whole: Path) -> None:
    study = json.loads((whole / "study.json").read_text())
    assert (study["format"], study["version"], study["bits"]) == ("precise-study", 1, [8, 40, 192])
    assert [record["wrong"] for record in study["extractions"]] == [0] * 8
    one = study["models"][0]
    assert one["recovered"] == {"bits": 40, "above": 8}
    assert one["exact"] == {"bits": 192, "above": 40}
    table = (whole / "study.md").read_text()
    assert "| one | whole network | 4-3-1 | 40 (not 8) | 192 (not 40) | float64 |" in table
    assert study["command"] in table


def test_the_page_needs_nothing_else_and_is_well_formed(whole: Path) -> None:
    text = (whole / "report.html").read_text()
    page = Page(text)
    assert not page.open
    assert not {"script", "link", "img", "iframe"} & page.tags
    assert len(page.ids) == len(set(page.ids))
    assert page.images
    assert all(len(label) > 30 for label in page.images)
    assert not re.search(r"""(src|href)=["'](?!#)""", text)
    assert "No row, sign or rational that a run claimed was wrong." in text


class Page(HTMLParser):
    """Tags that are not closed, ids, and the alternative texts of drawings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.images: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        if found.get("role") == "img":
            self.images.append(found["aria-label"] or "")
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_number_of_processes_changes_nothing_but_seconds(
    models: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "find_spec", lambda name: None)
    assert run(models, "two-jobs", "one.json", "two.json", *GRID, "--jobs", "2") == 0
    assert content(models / "two-jobs") == content(whole)


def test_interrupted_and_killed_it_comes_to_the_same_result(models: Path, whole: Path) -> None:
    done = dying(models, "ended", "interrupt 2")
    assert (done.returncode, done.stderr) == (130, "precise: interrupted\n")
    assert [path.name for path in (models / "ended").iterdir()] == ["study.checkpoint"]
    for end in ("cell 3", "keep 4"):
        assert dying(models, "ended", end, "--resume").returncode == -signal.SIGKILL
        assert not (models / "ended" / "study.json").exists()
    assert run(models, "ended", "one.json", "two.json", *GRID, "--resume") == 0
    assert content(models / "ended") == content(whole)
    kept = 1 + 2 + 3  # before the interrupted cell, the killed one, and the one whose outcome was lost
    assert len((models / "begun").read_text()) == kept


def dying(folder: Path, out: str, end: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DYING, "study", "one.json", "two.json", "-o", out, *GRID, *more],
        cwd=folder,
        env={**os.environ, "END": end},
        capture_output=True,
        text=True,
        timeout=120,
    )


WORKING_LONG = """
import os, time
from precise.study.measure import Measure
def long(self, cell):
    with open("workers", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(300)
Measure.cell = long
from precise.cli import main
main()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_workers_end_when_the_study_is_killed(models: Path) -> None:
    command = [sys.executable, "-c", WORKING_LONG, "study", "one.json", "-o", "orphaned", *GRID, "--jobs", "2"]
    workers = models / "workers"
    with subprocess.Popen(command, cwd=models, stderr=subprocess.DEVNULL) as study:
        assert eventually(lambda: workers.exists() and len(workers.read_text().split()) == 2)
        pids = workers.read_text().split()
        assert all(running(pid) for pid in pids)
        study.kill()
    assert eventually(lambda: not any(running(pid) for pid in pids))


def running(pid: str) -> bool:
    """Also of a process that was given to another parent; one that nobody waits for has ended all the same."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("one.json", "two.json", *GRID), "whole: holds a study already; give --resume"),
        (("one.json", *GRID, "--resume"), "a checkpoint of another model:"),
        (
            ("one.json", "two.json", *GRID, "--seed", "1", "--resume"),
            "a checkpoint of another setting --seed and --seeds:",
        ),
        (("one.json", "two.json", "--resume"), "a checkpoint of another setting --bits:"),
        (("none.json",), "none.json"),
        (("one.json", "./one.json"), "the same network as one.json; give each one once"),
        (("one.json", "--bits", "8,x"), "--bits 8,x: expected numbers from 2"),
        (("one.json", "--beside", "one.json"), 'one.json: expected "format": "precise-side-by-side"'),
    ],
)
def test_wrong_input_is_one_sentence(
    models: Path, whole: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir() if "checkpoint" not in path.name}
    assert run(models, "whole", *arguments) == 2
    sentence = capsys.readouterr().err
    assert said in sentence
    assert sentence.count("\n") == 1
    assert {path.name: path.read_bytes() for path in whole.iterdir() if "checkpoint" not in path.name} == before


def test_another_version_and_a_damaged_checkpoint_are_refused(
    models: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "study.checkpoint"
    kept.write_bytes((whole / "study.checkpoint").read_bytes())
    with sqlite3.connect(kept) as connection:
        connection.execute("UPDATE identity SET value = 'precise-verify 0.0.1' WHERE name = 'version'")
    assert run(models, str(tmp_path), "one.json", "two.json", *GRID, "--resume") == 2
    assert "a checkpoint of another version: precise-verify 0.0.1, expected" in capsys.readouterr().err
    with sqlite3.connect(kept) as connection:
        connection.execute("DELETE FROM identity")
        connection.execute("INSERT INTO identity SELECT 'schema', 'x'")
    assert run(models, str(tmp_path), "one.json", "two.json", *GRID, "--resume") == 2
    assert "a checkpoint of another schema" in capsys.readouterr().err
    kept.write_bytes(b"not a database" * 100)
    assert run(models, str(tmp_path), "one.json", "two.json", *GRID, "--resume") == 2
    assert "not a damaged one" in capsys.readouterr().err


def test_folders_that_cannot_be_used(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models, "one.json", "one.json") == 2
    assert "one.json: expected a folder, not a file" in capsys.readouterr().err
    assert run(models, str(tmp_path / "a" / "b"), "one.json") == 2
    assert "the folder cannot be made" in capsys.readouterr().err
    assert run(models, str(tmp_path), "one.json", "--resume") == 2
    assert "an earlier study was begun" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert run(models, str(tmp_path), "one.json", "--scheduler", "nowhere") == 2
    assert "expected an address such as tcp" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())  # a study that never began is not in the way of the next one


def test_without_matplotlib_the_tables_are_written(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(written, "find_spec", lambda name: None)
    assert run(models, "plain", "one.json", "--bits", "40", "--formats", "none") == 0
    assert "pip install 'precise-verify[plots]'" in capsys.readouterr().out
    assert {path.name for path in (models / "plain").iterdir()} == {
        "study.checkpoint",
        "study.json",
        "study.md",
        "report.html",
    }


def test_a_table_from_elsewhere_is_in_the_report(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "find_spec", lambda name: None)
    rows = [["<b>4-3-1</b>", 12.5]]
    table = {"format": "precise-side-by-side", "version": 1, "columns": ["network", "digits"], "rows": rows}
    (models / "beside.json").write_text(json.dumps(table))
    assert run(models, "beside", "one.json", "--bits", "40", "--formats", "none", "--beside", "beside.json") == 0
    assert "&lt;b&gt;4-3-1&lt;/b&gt;" in (models / "beside" / "report.html").read_text()


def test_two_seeds_are_both_needed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "find_spec", lambda name: None)
    assert run(models, "seeds", "one.json", "--bits", "40", "--formats", "none", "--seed", "3", "--seeds", "2") == 0
    study = json.loads((models / "seeds" / "study.json").read_text())
    assert [record["seed"] for record in study["extractions"]] == study["seeds"] == [3, 4]
