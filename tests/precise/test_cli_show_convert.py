"""The command `precise`: its verbs show and convert, errors and exit statuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from flint import fmpq

from precise.cli import VERBS, application, run
from precise.commands.show import mantissa_bits
from precise.errors import PreciseError
from precise.formats import load_network, save_network
from precise.network import Network
from precise.random_networks import random_network

SMALL = Network.from_rows([([["1/2", 0], ["-3/4", 2]], ["1/3", 0]), ([[1, 1]], [5])])


def precise(*arguments):
    return run(application("Summary.", VERBS), "precise", [str(a) for a in arguments])


@pytest.fixture
def small(tmp_path):
    return save_network(SMALL, tmp_path / "small.json").path


def test_show(small, tmp_path, capsys):
    assert precise("show", small, "--json", tmp_path / "report.json") == 0
    output = capsys.readouterr()
    for words in ("exact JSON", "2-2-1", SMALL.sha256, "not dyadic", "-0.75 .. 2.0"):
        assert words in output.out
    assert output.err == ""
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["widths"] == [2, 2, 1]
    assert report["parameters"] == 9
    assert report["sha256"] == SMALL.sha256
    assert report["layers"][0] == {
        "inputs": 2,
        "neurons": 2,
        "activation": "relu",
        "weight_range": ["-3/4", "2"],
        "bias_range": ["0", "1/3"],
        "mantissa_bits": None,
        "zero_weights": 1,
        "zero_biases": 1,
    }
    assert report["layers"][1]["activation"] == "none"
    assert report["layers"][1]["mantissa_bits"] == 3


def test_show_says_when_a_format_stores_no_activations(tmp_path, capsys):
    for suffix, said in ((".npz", True), (".onnx", False), (".json", False), (".safetensors", True)):
        save_network(random_network("3-2-1", 1), tmp_path / f"n{suffix}")
        assert precise("show", tmp_path / f"n{suffix}") == 0
        output = capsys.readouterr().out
        assert ("stores no activations" in output) == said
        assert "24 bits" in output or "23 bits" in output


def test_show_numbers_of_any_size(tmp_path, capsys):
    long = fmpq((1 << 100_000) + 1, 3**9000)
    save_network(Network.from_rows([([[long]], [-long])]), tmp_path / "n.json")
    assert precise("show", tmp_path / "n.json") == 0
    assert "e+" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "bits"), [("0", 0), ("1", 1), ("-8", 1), ("5/4", 3), ("1/3", None)])
def test_mantissa_bits(value, bits):
    assert mantissa_bits(fmpq(*map(int, value.split("/")))) == bits


@pytest.mark.parametrize("suffix", [".npz", ".onnx", ".safetensors"])
def test_convert_says_what_was_rounded(small, tmp_path, capsys, suffix):
    assert precise("convert", small, tmp_path / f"n{suffix}", "--json", tmp_path / "report.json") == 0
    assert "1 of them rounded to float64" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["rounded"] == 1
    assert precise("convert", tmp_path / f"n{suffix}", tmp_path / "back.json") == 0
    assert "all exact" in capsys.readouterr().out
    assert load_network(tmp_path / "back.json").layers[0].biases[0] == fmpq(*(1 / 3).as_integer_ratio())


def test_bad_input_is_one_sentence_and_status_2(small, tmp_path, capsys):
    np.savez(tmp_path / "bad.npz", W1=np.full((2, 1), np.nan), b1=np.zeros(1))
    for arguments, words in (
        (["show", tmp_path / "none.npz"], "no such file"),
        (["show", tmp_path / "bad.npz"], "W1: expected finite numbers"),
        (["show", small, "--json", tmp_path / "no" / "report.json"], "written to"),
        (["show", small, "--json", small], "a file of its own"),
        (["convert", small, tmp_path / "n.txt"], "expected a name ending in"),
        (["convert", small, tmp_path / "n.h5"], "formats that are written"),
        (["convert", small, tmp_path / "n.npz", "--json", tmp_path / "n.npz"], "a file of its own"),
        (["convert", tmp_path / "bad.npz", tmp_path / "n.json"], "W1"),
    ):
        before = sorted(path.name for path in tmp_path.iterdir())
        assert precise(*arguments) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith("precise: ")
        assert output.err.count("\n") == 1
        assert words in output.err
        assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert load_network(small) == SMALL


def test_names_with_control_characters_stay_on_one_line(tmp_path, capsys):
    assert precise("show", tmp_path / "a\nb\x1b[31m.npz") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "\x1b" not in error
    assert r"a\nb\x1b" in error


def test_wrong_usage_is_status_2(capsys):
    for arguments in (["show"], ["nothing"], ["show", "a.npz", "--unknown"], []):
        assert precise(*arguments) == 2
        output = capsys.readouterr()
        assert "Traceback" not in output.err + output.out


def test_help_and_version(capsys):
    assert precise("--version") == 0
    assert capsys.readouterr().out.startswith("precise-verify ")
    for arguments in (["--help"], ["show", "--help"], ["convert", "--help"]):
        assert precise(*arguments) == 0
        help_text = " ".join(capsys.readouterr().out.split())
        assert "0 done" in help_text
        assert "3 unknown or incomplete" in help_text


def test_a_verb_of_another_module(capsys):
    def stop() -> None:
        """Stop in some way."""
        raise stop.error  # type: ignore[attr-defined]

    for error, status, words in (
        (PreciseError("a sentence"), 2, "precise: a sentence"),
        (KeyboardInterrupt(), 130, "precise: interrupted"),
        (typer.Exit(3), 3, ""),
        (typer.Exit(1), 1, ""),
        (OSError(28, "No space left on device", "x.json"), 2, "precise: x.json: No space left on device"),
    ):
        stop.error = error  # type: ignore[attr-defined]
        assert run(application("Summary.", (*VERBS, stop)), "precise", ["stop"]) == status
        assert capsys.readouterr().err.strip() == words


def test_show_loads_nothing_heavy(small):
    code = (
        "import sys; sys.argv = ['precise', 'show', sys.argv[1]]\n"
        "import precise.cli\n"
        "try: precise.cli.main()\n"
        "except SystemExit as done: assert done.code == 0\n"
        "heavy = {'sympy', 'scipy', 'z3', 'onnx', 'h5py', 'safetensors', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(small)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
