"""The commands `verify equal` and `verify region`: what they print, their reports and their exit statuses."""

import json
import os
import subprocess
import sys

import pytest
from flint import fmpq

from fixtures import mutants
from precise.cli import application, run
from precise.formats import load_network, save_network
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate
from tests.verify.structural.test_structural import maximum
from verify.cli import VERBS

NETWORK = random_network("4-5x2-2", seed=6)


def verify(*arguments):
    return run(application("Summary.", VERBS), "verify", [str(a) for a in arguments])


@pytest.fixture
def files(tmp_path):
    named = {
        "a": NETWORK,
        "same": mutants.rescale_neuron(mutants.permute_pair(NETWORK, 1, 2, 4), 2, 3, "5/7"),
        "flipped": mutants.flip_sign(NETWORK, 2, 3),
        "other": random_network("3-5x2-2", seed=6),
    }
    return {name: save_network(network, tmp_path / f"{name}.json").path for name, network in named.items()}


def sentence(capsys):
    """The one line on stderr; nothing is on stdout."""
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("verify: ")
    assert output.err.count("\n") == 1
    return output.err


def test_equal_networks(files, tmp_path, capsys):
    assert verify("equal", files["a"], files["same"], "--json", tmp_path / "report.json") == 0
    output = capsys.readouterr()
    assert output.out.startswith("equal on all of R^4: both networks have the same canonical form")
    assert output.err == ""
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"] == "equal"
    assert report["first"] == {"file": str(files["a"]), "widths": [4, 5, 5, 2], "sha256": NETWORK.sha256}
    assert report["details"]["alignment"][1]["counts"] == {"exact": 5}
    assert "witness" not in report


def test_different_networks_with_a_witness_that_can_be_replayed(files, tmp_path, capsys):
    assert verify("equal", files["a"], files["flipped"], "--json", tmp_path / "report.json") == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith(
        "different on all of R^4: the networks differ first in layer 2: neuron 3 has the opposite"
    )
    assert shown[1].startswith("input    ")
    assert shown[2].startswith("output ")
    witness = json.loads((tmp_path / "report.json").read_text())["witness"]
    point = [fmpq(*map(int, v.split("/"))) for v in witness["point"]]
    outputs = [list(map(str, evaluate(load_network(files[name]), point))) for name in ("a", "flipped")]
    assert outputs == [witness["first"], witness["second"]]
    assert outputs[0] != outputs[1]
    # the report is a point for the other command
    assert verify("region", files["a"], "--at", tmp_path / "report.json") == 0


def test_a_pair_left_open_ends_with_3(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("verify.equality.structural.SMALL", 0)
    paths = [save_network(maximum(order), tmp_path / f"{order[0]}.json").path for order in ((0, 1, 2), (1, 2, 0))]
    assert verify("equal", *paths) == 3
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("unknown on all of R^3: ")
    assert shown[1].endswith("--where-silent")


def test_region(files, tmp_path, capsys):
    assert verify("region", files["a"], "--at", "1,-1/2,0.25,0", "--json", tmp_path / "report.json") == 0
    output = capsys.readouterr()
    for words in ("of 5 active", "inside its region", "f1 = ", "f2 = ", "Nearest first:", ">= 0"):
        assert words in output.out
    assert output.err == ""
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["point"] == ["1", "-1/2", "1/4", "0"]
    assert [found["value"] for found in report["outputs"]] == [str(v) for v in NETWORK(["1", "-1/2", "1/4", 0])]
    for found in [*report["outputs"], *report["half_spaces"]]:
        row = [fmpq(*map(int, v.split("/"))) for v in (found["constant"], *found["weights"])]
        value = row[0] + row[1] - row[2] / 2 + row[3] / 4
        assert str(value) == found["value"]
        assert found.get("relation") in (None, ">= 0" if value > 0 else "<= 0")
    assert len(report["half_spaces"]) + len(report["implied"]) + len(report["constant"]) == 10


def test_a_wide_region_is_short_unless_asked(tmp_path, capsys):
    wide = save_network(random_network("40-30x2-1", seed=1), tmp_path / "wide.json").path
    point = ",".join(["1/2"] * 40)
    assert verify("region", wide, "--at", point) == 0
    short = capsys.readouterr().out
    assert "(34 smaller terms)" in short
    assert "more, further away" in short
    assert max(map(len, short.splitlines())) < 200
    assert verify("region", wide, "--at", point, "--full") == 0
    full = capsys.readouterr().out
    assert "smaller terms" not in full
    assert full.count("distance") > short.count("distance") == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("equal", "{a}", "missing.npz"), "missing.npz: expected a file, and there is no such file"),
        (("equal", "{folder}", "{a}"), "expected a file, and there is another thing"),
        (("equal", "{text}", "{a}"), "text.npz: expected a NumPy .npz file, not text"),
        (("equal", "{a}", "{other}"), "expected networks with the same number of inputs, not 4 and 3"),
        (("equal", "{a}", "{same}", "--json", "{a}"), "expected a report in a file of its own"),
        (("equal", "{a}", "{same}", "--json", "{folder}"), "expected the name of a file in a folder that exists"),
        (("equal", "{a}", "{same}", "--json", "{folder}/no/x.json"), "expected the name of a file in a folder"),
        (("equal", "{a}", "a.txt"), "a.txt: expected a name ending in .json"),
        (("region", "{a}", "--at", "1,2"), "the point: expected 4 coordinates, not 2"),
        (("region", "{a}", "--at", "1,2,x,4"), "the point, coordinate 3: expected a rational"),
        (("region", "{a}", "--at", "1,2,nan,4"), "the point, coordinate 3: expected a rational"),
        (("region", "{a}", "--at", "missing.json"), "missing.json: expected a file, and there is no such file"),
        (("region", "{a}", "--at", "{text}"), "text.npz: expected a point in a whole .npz file"),
        (("region", "{text}", "--at", "1,2,3,4"), "text.npz: expected a NumPy .npz file, not text"),
        (("region", "{a}", "--at", "1,2,3,4", "--json", "{a}"), "expected a report in a file of its own"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(files, tmp_path, capsys, arguments, words):
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    text = tmp_path / "text.npz"
    text.write_text("W1 = 1, 2, 3\n")
    before = sorted(tmp_path.rglob("*")), files["a"].read_bytes()
    assert verify(*(a.format(**files, folder=folder, text=text) for a in arguments)) == 2
    assert words in sentence(capsys)
    assert (sorted(tmp_path.rglob("*")), files["a"].read_bytes()) == before


@pytest.mark.parametrize(
    "arguments", [("equal",), ("region", "a.json"), ("equal", "a", "b", "--timeout", "-1"), ("no",)]
)
def test_wrong_usage_ends_with_2(arguments, capsys):
    assert verify(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("name", "status"), [("same", 0), ("flipped", 1)])
def test_a_reader_that_leaves_early_changes_nothing(files, name, status):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "verify", "equal", str(files["a"]), str(files[name])]
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (status, b"")
