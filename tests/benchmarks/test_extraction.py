"""The benchmark resumes where it stopped, and scores against the true network."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import extraction, runs
from benchmarks.rows import ROWS, Row, selected
from benchmarks.scoring import score
from fixtures.mutants import add_dead_neuron, flip_sign, one_ulp, permute_pair, rescale_neuron
from precise.extract import Extraction, extract
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network

ROW = Row("random", "10-5x2-1")


def done(row, seed, **changes):
    found = {"row": row.name, "seed": seed, "jobs": 1, "complete": True, "verdict": "equal", "outcome": "Complete."}
    return found | {"queries": 10 * seed, "seconds": 1.0} | changes


class Recorder:
    """Measures nothing; notes what was asked for and what was kept, and is interrupted at one seed."""

    def __init__(self, interrupted=None):
        self.asked, self.kept, self.interrupted = [], [], interrupted

    def measure(self, row, seed):
        if seed == self.interrupted:
            raise KeyboardInterrupt
        self.asked.append(seed)
        return done(row, seed, fresh=True)

    def keep(self, found):
        self.kept = list(found)

    def complete(self, before, seeds=5, limit=100.0):
        return extraction.complete(ROW, seeds, before, 1, limit, self.measure, self.keep)


def seeds(found):
    return [run["seed"] for run in found]


def test_every_run_is_kept_as_soon_as_it_is_done():
    first = Recorder(interrupted=3)
    with pytest.raises(KeyboardInterrupt):
        first.complete([])
    assert seeds(first.kept) == [1, 2]
    second = Recorder()
    assert seeds(second.complete(first.kept)) == [1, 2, 3, 4, 5]
    assert second.asked == [3, 4, 5]
    assert second.kept[:2] == first.kept


def test_nothing_is_done_twice():
    recorder = Recorder()
    before = [done(ROW, seed) for seed in range(1, 6)]
    assert recorder.complete(before) == before
    assert (recorder.asked, recorder.kept) == ([], [])


def test_failures_are_repeated_and_replaced():
    recorder = Recorder()
    found = recorder.complete([done(ROW, 1), done(ROW, 2, failed=True), done(ROW, 3)], seeds=3)
    assert recorder.asked == [2]
    assert sorted(seeds(found)) == [1, 2, 3]
    assert not any(run.get("failed") for run in found)


@pytest.mark.parametrize(("before", "now", "asked"), [(10, 10, []), (20, 10, []), (10, 20, [1])])
def test_a_stopped_run_is_repeated_with_more_time_only(before, now, asked):
    recorder = Recorder()
    recorder.complete([done(ROW, 1, limit=before, complete=False, verdict=None)], seeds=1, limit=now)
    assert recorder.asked == asked


def test_other_rows_and_other_numbers_of_processes_are_left_alone():
    others = [done(Row("random", "20-10x2-1"), 1), done(ROW, 1, jobs=2)]
    recorder = Recorder()
    found = recorder.complete(others, seeds=1)
    assert found[:2] == others
    assert recorder.asked == [1]


def test_the_account_of_a_row():
    row = next(row for row in ROWS if row.name == "random 784-8x2-1")  # published: 10.65 s, 51,000 queries
    good = [done(row, 1, queries=5000, seconds=2.0), done(row, 2, queries=5200, seconds=2.26)]
    text = extraction.describe(row, [*good, done(row, 3, verdict=None, outcome="stopped after 9 s")])
    assert "2 of 3 proved equal; 5,100 ± 141 queries, 2.13 ± 0.18 s" in text
    assert "0.2 of its time and 0.1 of its queries" in text
    assert text.endswith("    seed 3: stopped after 9 s")


# -- the command -------------------------------------------------------------------------------------------------------


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        extraction.main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert len(message.splitlines()) == 1
    return message


def replaced(monkeypatch, asked):
    def measure_apart(row, seed, jobs, models, limit):
        asked.append((row.name, seed))
        return done(row, seed)

    monkeypatch.setattr(extraction, "measure_apart", measure_apart)


def test_the_command_resumes_from_its_file(tmp_path, monkeypatch, capsys):
    asked, file = [], tmp_path / "runs.json"
    replaced(monkeypatch, asked)
    extraction.main(["--rows", ROW.name, "--seeds", "2", "--json", str(file)])
    extraction.main(["--rows", "random *-5x2-1", "--seeds", "3", "--json", str(file), "--resume"])
    assert asked == [(ROW.name, 1), (ROW.name, 2), (ROW.name, 3)]
    assert seeds(runs.read_runs(file)) == [1, 2, 3]
    assert "3 of 3 proved equal" in capsys.readouterr().out


def test_a_file_of_runs_is_not_overwritten(tmp_path, monkeypatch, capsys):
    asked, file = [], tmp_path / "runs.json"
    replaced(monkeypatch, asked)
    file.write_text(json.dumps({"runs": [done(ROW, 1)]}))
    before = file.read_bytes()
    assert "--resume" in refused(capsys, "--rows", ROW.name, "--json", file)
    assert (file.read_bytes(), asked) == (before, [])


@pytest.mark.parametrize("text", ["", "[]", "no JSON", '{"runs": 3}', '{"runs": [1]}', '{"runs": [{"row": "x"}]}'])
def test_a_damaged_file_is_refused(tmp_path, capsys, text):
    file = tmp_path / "runs.json"
    file.write_text(text)
    assert "expected the runs" in refused(capsys, "--table", file, "-o", tmp_path / "page.md")
    assert "expected the runs" in refused(capsys, "--rows", ROW.name, "--json", file, "--resume")
    assert not (tmp_path / "page.md").exists()
    assert file.read_text() == text


def test_unknown_rows_missing_files_and_missing_options_are_refused(tmp_path, capsys):
    assert "'nothing'" in refused(capsys, "--rows", "nothing", "--json", tmp_path / "runs.json")
    assert "expected --json" in refused(capsys, "--rows", ROW.name)
    assert "expected -o" in refused(capsys, "--table", tmp_path / "runs.json")
    assert "expected the runs" in refused(capsys, "--table", tmp_path / "none.json", "-o", tmp_path / "page.md")
    assert list(tmp_path.iterdir()) == []


def test_rows_without_their_file_are_not_run(tmp_path, monkeypatch, capsys):
    asked = []
    replaced(monkeypatch, asked)
    arguments = ["--rows", "published *", "--json", str(tmp_path / "runs.json"), "--models", str(tmp_path)]
    extraction.main(arguments)
    assert not asked
    assert set(capsys.readouterr().out.splitlines()) == {
        f"{row.name}: not run, its file is not there" for row in ROWS if row.kind == "published"
    }


def test_the_directory_of_published_networks_is_named_nowhere(tmp_path, monkeypatch):
    command = extraction.command_line(["--json", str(tmp_path / "runs.json"), "--models", str(tmp_path)])
    assert command == "python benchmarks/extraction.py --json runs.json --models DIR --jobs 1 --timeout 3600"
    message = f"{tmp_path}/a.npz and {runs.ROOT}/b.py"
    assert runs.without_paths(message, tmp_path) == "DIR/a.npz and ./b.py"


# -- one run -----------------------------------------------------------------------------------------------------------


def test_one_run_end_to_end():
    found = json.loads(json.dumps(runs.measure(ROW, 1, 1, None)))
    assert (found["complete"], found["verdict"]) == (True, "equal")
    assert (found["exact_rows"], found["exact_signs"]) == ([5, 5], [5, 5])
    assert found["queries"] == sum(stage["queries"] for stage in found["stages"].values())


def test_a_child_that_does_not_stop_is_ended(monkeypatch):
    monkeypatch.setattr(runs, "GRACE", 0.1)
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(100)"
    status, output, _, stopped = runs.run_child([sys.executable, "-c", code], 0.5)
    assert stopped
    assert status < 0
    assert runs.outcome(status, output, "", 0.5) == {"limit": 0.5, "outcome": "stopped after 0.5 s"}


def test_what_a_child_says():
    report = {"complete": False, "outcome": "Incomplete: interrupted.", "queries": 7}
    assert runs.outcome(0, json.dumps(report), "", None) == report
    stopped = runs.outcome(0, json.dumps(report), "", 60.0)
    assert stopped == report | {"limit": 60.0, "outcome": "stopped after 60 s"}
    whole = {"complete": True, "outcome": "Complete."}
    assert runs.outcome(0, json.dumps(whole), "", 60.0) == whole  # it was done while it was being stopped
    assert runs.outcome(1, "", "first\nlast\n", None) == {"failed": True, "outcome": "failed with status 1: last"}


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind != "published"], ids=lambda row: row.name)
def test_the_bundled_rows_have_the_shape_of_their_name(row):
    assert row.available(None)
    if row.kind != "random":
        network = row.network(None)
        assert (network.widths, network.parameter_count) == (row.widths, row.parameters)


def test_names_are_unique_and_published_rows_need_their_directory():
    assert len({row.name for row in ROWS}) == len(ROWS)
    published = selected(["published *"])
    assert published
    assert not any(row.available(None) for row in published)
    assert published[0].path(Path("there")) == Path("there/mnist784_8x2_1.npz")


# -- scoring -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def extracted():
    network = random_network("10-5x2-1", 1)
    return network, extract(ExactOracle(network), network.widths, seed=1)


def with_network(result, network):
    return Extraction(network, result.known, result.report)


def test_rewritings_of_the_same_function_score_in_full(extracted):
    network, result = extracted
    for found in (result.network, network, rescale_neuron(permute_pair(network, 1, 2, 4), 2, 3, 7)):
        assert score(network, with_network(result, found)).rows == (5, 5)
        assert score(network, with_network(result, found)).signs == (5, 5)


def test_planted_faults_are_counted_in_their_layer(extracted):
    network, result = extracted
    flipped = score(network, with_network(result, flip_sign(network, 2, 3)))
    assert (flipped.rows, flipped.signs) == ((5, 5), (5, 4))
    wrong = score(network, with_network(result, one_ulp(network, 1, 2, 3)))
    assert (wrong.rows[0], wrong.signs[0]) == (4, 4)
    extra = score(network, with_network(result, add_dead_neuron(network, 2)))
    assert extra.rows == (5, 5)


def test_an_incomplete_extraction_is_scored_as_far_as_it_came():
    network = random_network("10-5x2-1", 1)
    whole = extract(ExactOracle(network), network.widths, seed=1)
    assert whole.network is not None
    scores = []
    for part in (1, 3, 5, 7, 9):
        result = extract(ExactOracle(network, budget=whole.report.queries * part // 10), network.widths, seed=1)
        assert result.network is None
        scores.append(score(network, result))
    assert [sum(found.rows) for found in scores] == sorted(sum(found.rows) for found in scores)
    assert 0 < sum(scores[2].rows) < 10
    for found in scores:
        assert all(signs in (0, rows) for signs, rows in zip(found.signs, found.rows, strict=True))
    assert scores[-1].rows[0] == scores[-1].signs[0] == 5


def test_a_copy_that_differs_where_an_unknown_weight_acts_is_asked_about_where_it_is_silent():
    """Neuron 2 of layer 2 reads neuron 1, which is on for x1 > 50 only, with another weight in the copy."""
    network, copy = (
        Network.from_rows([([[1, 0], [0, 1]], [-50, 0]), ([[1, 1], [weight, 1]], [0, 1]), ([[1, 1]], [0])])
        for weight in (2, 3)
    )
    assert runs._judged(network, copy) == ("different", "equal")
    assert runs._judged(network, network) == ("equal", None)
