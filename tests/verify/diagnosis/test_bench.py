"""The bench of diagnoses interrupted, killed and resumed: the same scores as in one go."""

import json
import sqlite3

import pytest

from precise.cli import application, run
from precise.journal.file import Journal
from verify.cli import VERBS
from verify.diagnosis.bench import SHAPES as ALL_SHAPES
from verify.diagnosis.bench import _case, foreign_tool, own_tool, run_bench
from verify.diagnosis.fault import Kind
from verify.diagnosis.planting import KINDS as ALL_KINDS
from verify.diagnosis.scoring import Result

SHAPES, KINDS = ("6-4x2-2", "5-5-2"), (Kind.SIGN, Kind.SCALE, Kind.DUPLICATE)
OPTIONS = [word for shape in SHAPES for word in ("--shapes", shape)] + [
    word for kind in KINDS for word in ("--kinds", kind.name.lower())
]


def bench(*arguments):
    return run(application("verify", VERBS), "verify", ["bench-diagnosis", *OPTIONS, *map(str, arguments)])


def cases(path):
    return [{**case, "seconds": 0} for case in json.loads(path.read_text())["cases"]]


def test_a_case_survives_as_json():
    for result in run_bench(own_tool, KINDS, SHAPES, 3):
        again = Result.from_json(json.loads(json.dumps(result.to_json())))
        assert again.to_json() == result.to_json()
        assert again.answer == result.answer


def test_a_resumed_bench_scores_the_same_and_asks_only_for_the_rest(tmp_path, monkeypatch, capsys):
    whole, parts, kept = tmp_path / "whole.json", tmp_path / "parts.json", tmp_path / "kept.sqlite"
    assert bench("--runs", 6, "--json", whole) == 0
    assert bench("--runs", 4, "--checkpoint", kept) == 0
    asked = []

    def counted(original, recovered):
        asked.append(recovered)
        return own_tool(original, recovered)

    monkeypatch.setattr("verify.diagnosis.bench.own_tool", counted)
    assert bench("--runs", 6, "--resume", kept, "--json", parts) == 0
    assert len(asked) == 2
    assert cases(parts) == cases(whole)
    assert json.loads(parts.read_text())["complete"] is True
    assert bench("--runs", 6, "--resume", kept, "--json", parts) == 0
    assert len(asked) == 2
    capsys.readouterr()


def test_processes_change_nothing(tmp_path, capsys):
    one, two, kept = tmp_path / "one.json", tmp_path / "two.json", tmp_path / "kept.sqlite"
    assert bench("--runs", 5, "--json", one) == 0
    assert bench("--runs", 5, "--json", two, "--jobs", 2, "--checkpoint", kept) == 0
    assert cases(one) == cases(two)
    capsys.readouterr()


def test_what_was_scored_before_ctrl_c_is_written_and_kept(tmp_path, monkeypatch, capsys):
    report, kept = tmp_path / "report.json", tmp_path / "kept.sqlite"
    seen = []

    def interrupted(original, recovered):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(recovered)
        return own_tool(original, recovered)

    monkeypatch.setattr("verify.diagnosis.bench.own_tool", interrupted)
    assert bench("--runs", 6, "--json", report, "--checkpoint", kept) == 130
    said = capsys.readouterr()
    assert f"interrupted after 2 of 6 cases; --resume {kept} goes on from there" in said.err
    found = json.loads(report.read_text())
    assert (found["complete"], found["totals"]["cases"]) == (False, 2)
    monkeypatch.undo()
    assert bench("--runs", 6, "--json", report, "--resume", kept) == 0
    assert [case["run"] for case in cases(report)] == list(range(6))
    capsys.readouterr()


def test_other_settings_and_damaged_files_are_refused(tmp_path, capsys):
    kept = tmp_path / "kept.sqlite"
    assert bench("--runs", 2, "--checkpoint", kept) == 0
    capsys.readouterr()
    assert bench("--runs", 2, "--checkpoint", kept) == 2
    assert bench("--runs", 2, "--resume", kept, "--seed", 1) == 2
    assert bench("--runs", 2, "--resume", kept, "--shapes", "4-4-2") == 2
    assert bench("--runs", 2, "--resume", kept, "--json", kept) == 2
    assert bench("--runs", 2, "--resume", tmp_path / "none.sqlite") == 2
    assert bench("--runs", 2, "--kinds", "depth") == 2
    with sqlite3.connect(kept) as connection:
        connection.execute("UPDATE outcomes SET outcome = '{\"run\": 0}'")
    connection.close()
    assert bench("--runs", 2, "--resume", kept) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 7
    assert "damaged" in said.err


def test_a_journal_serves_any_tool(tmp_path):
    journal = Journal.create(tmp_path / "kept.sqlite", {"tool": "silent"})
    silent = foreign_tool(lambda original, recovered: [], "silent")
    first = list(run_bench(silent, KINDS, SHAPES, 3, journal=journal))

    def never(original, recovered):
        raise AssertionError

    again = list(run_bench(never, KINDS, SHAPES, 3, journal=journal))
    journal.close()
    assert [one.to_json() for one in again] == [{**one.to_json()} for one in first]
    with pytest.raises(AssertionError):
        list(run_bench(never, KINDS, SHAPES, 1))


def test_behind_an_imprecise_layer_nothing_certain_is_said_of_precision():
    result = _case(153, own_tool, ALL_KINDS, ALL_SHAPES, seed=1)  # one row of layer 2 is changed as well
    assert ("precision loss", 1, ()) in result.answer.named
    assert result.wrong == ()
