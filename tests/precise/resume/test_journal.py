"""The checkpoint's file: what it keeps, what it refuses, and an oracle that is asked nothing twice."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from flint import fmpq

from precise.arithmetic import Batch
from precise.errors import BudgetExceeded, InputError
from precise.journal.file import Journal
from precise.journal.oracle import JournaledOracle, content_hash
from precise.oracle import ExactOracle, FunctionOracle
from precise.random_networks import random_network

IDENTITY = {"version": "1", "model": "abc", "seed": "0"}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / "run.checkpoint", IDENTITY)


def test_what_was_kept_is_there_in_the_next_run(journal: Journal) -> None:
    journal.keep_answer(b"key", b"answer", None)
    journal.keep_outcome(b"task", "outcome")
    later = Journal.resume(journal.path, IDENTITY)
    assert later.answer(b"key") == b"answer"
    assert later.outcome(b"task") == "outcome"
    assert later.answer(b"other") is None
    assert later.outcome(b"other") is None


def test_an_outcome_replaces_the_answers_that_led_to_it(journal: Journal) -> None:
    journal.keep_answer(b"a", b"1", b"task")
    journal.keep_answer(b"b", b"2", b"other task")
    journal.keep_answer(b"c", b"3", None)
    journal.keep_outcome(b"task", "outcome")
    assert [journal.answer(key) for key in (b"a", b"b", b"c")] == [None, b"2", b"3"]


@pytest.mark.parametrize("name", IDENTITY)
def test_a_checkpoint_of_another_run_is_refused(journal: Journal, name: str) -> None:
    with pytest.raises(InputError, match=f"run.checkpoint: a checkpoint of another {name}"):
        Journal.resume(journal.path, {**IDENTITY, name: "changed"})


def test_a_checkpoint_is_not_overwritten(journal: Journal) -> None:
    with pytest.raises(InputError, match="--resume"):
        Journal.create(journal.path, IDENTITY)


def test_a_checkpoint_that_had_not_begun_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    Journal.resume(path, IDENTITY).keep_answer(b"key", b"answer", None)
    assert Journal.resume(path, IDENTITY).answer(b"key") == b"answer"


@pytest.mark.parametrize("start", [0, 20, 100, 1000, 5000])
def test_a_damaged_file_is_refused_or_read(journal: Journal, start: int) -> None:
    journal.keep_answer(b"key", b"answer", None)
    journal.close()
    data = bytearray(journal.path.read_bytes())
    data[start : start + 64] = b"\xff" * 64
    journal.path.write_bytes(data)
    with suppress(InputError):
        assert Journal.resume(journal.path, IDENTITY).answer(b"key") in (b"answer", None)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("not a database, and longer than a header of a hundred bytes " * 9)
    with pytest.raises(InputError, match="expected a checkpoint"):
        Journal.resume(tmp_path / "other", IDENTITY)
    with pytest.raises(InputError, match="expected a checkpoint"):
        Journal.resume(tmp_path / "missing", IDENTITY)


def test_a_forked_process_writes_to_the_same_file(journal: Journal) -> None:
    journal.keep_answer(b"before", b"1", None)
    child = os.fork()
    if not child:
        journal.keep_answer(b"in the child", b"2", None)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    journal.keep_answer(b"after", b"3", None)
    assert [journal.answer(key) for key in (b"before", b"in the child", b"after")] == [b"1", b"2", b"3"]


POINTS = Batch.from_rows([["1/3", -2, 0], [5, "7/2", 1]])


def test_an_answer_is_paid_once_and_counted_every_time(journal: Journal) -> None:
    network = random_network("3-2-2", seed=1)
    first = JournaledOracle(ExactOracle(network), journal)
    rows = first.query(POINTS).rows()
    assert rows == network.evaluate(POINTS).rows()

    class Closed(ExactOracle):
        def _answer(self, points: Batch) -> Batch:
            raise AssertionError("asked again")

    again = JournaledOracle(Closed(network), Journal.resume(journal.path, IDENTITY))
    assert again.query(POINTS).rows() == rows
    assert again.queries == first.queries == 2


def test_kept_answers_use_up_the_budget_too(journal: Journal) -> None:
    network = random_network("3-2-2", seed=1)
    JournaledOracle(ExactOracle(network), journal).query(POINTS)
    with pytest.raises(BudgetExceeded):
        JournaledOracle(ExactOracle(network, budget=1), journal).query(POINTS)


def test_an_answer_of_another_shape_is_refused(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "answer", lambda self, key: b"1,2")
    with pytest.raises(InputError, match="damaged"):
        JournaledOracle(ExactOracle(random_network("3-2-2", seed=1)), journal).query(POINTS)


def test_what_a_run_asks_twice_is_asked_twice_and_both_answers_are_kept(journal: Journal) -> None:
    replies = iter([[[1]], [[2]], [[3]]])
    changing = FunctionOracle(lambda points: next(replies), 3, 1)
    point = Batch.from_rows([[1, 2, 3]])

    def ask_thrice(oracle: JournaledOracle) -> list[list[list[fmpq]]]:
        answers = [oracle.query(point).rows(), oracle.query(point).rows()]
        with oracle.within(b"task"):
            return [*answers, oracle.query(point).rows()]

    first = ask_thrice(JournaledOracle(changing, journal))
    assert first == [[[1]], [[2]], [[3]]]
    assert ask_thrice(JournaledOracle(changing, Journal.resume(journal.path, IDENTITY))) == first


def test_on_another_machine_the_oracle_comes_without_its_journal(journal: Journal) -> None:
    asked = pickle.loads(pickle.dumps(JournaledOracle(ExactOracle(random_network("3-2-2", seed=1)), journal)))
    assert isinstance(asked, ExactOracle)
    assert asked.query(POINTS).size == 2


def test_the_hash_is_of_the_content() -> None:
    assert content_hash(POINTS) == content_hash(Batch.from_rows(POINTS.rows()))
    others = [[["1/3", -2, 0], [5, "7/2", 2]], [["1/3", -2, 0]], [[5, "7/2", 1], ["1/3", -2, 0]]]
    assert len({content_hash(POINTS), *(content_hash(Batch.from_rows(rows)) for rows in others)}) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM outcomes; END",
        "DROP TABLE outcomes",
        "ALTER TABLE outcomes ADD COLUMN more TEXT",
    ],
)
def test_a_file_with_other_tables_views_or_triggers_is_refused(tmp_path, statement):
    path = tmp_path / "run"
    Journal.create(path, {"model": "one"}).close()
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    with pytest.raises(InputError, match="expected a checkpoint that an earlier run wrote, not a damaged one"):
        Journal.resume(path, {"model": "one"})
