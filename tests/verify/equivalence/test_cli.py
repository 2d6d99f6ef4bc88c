"""The verbs `verify equivalent` and `verify check`: statuses, files, and one sentence for whatever is wrong."""

import gzip
import json

import numpy as np
import pytest
from flint import fmpq

from fixtures import mutants
from precise.arithmetic import rational
from precise.cli import application, run
from precise.formats import load_network, save_network
from tests.verify.equivalence.pairs import equal_pair, integer_network
from verify.cli import VERBS

BOX = ("--box", "-1", "1")


@pytest.fixture
def files(tmp_path):
    """(f, g) in files; g has a bias that is larger by 1/8, and its outputs differ by that."""
    first = integer_network((2, 3, 2), np.random.default_rng(2))
    second = mutants.shift_bias(first, 2, 1, "1/8")
    paths = [tmp_path / name for name in ("f.json", "g.json")]
    for network, path in zip((first, second), paths):
        save_network(network, path)
    return paths


def verify(*arguments):
    return run(application("", VERBS), "verify", [str(a) for a in arguments])


def test_what_is_proved_can_be_checked_from_the_file(files, tmp_path, capsys):
    certificate = tmp_path / "proof.json.gz"
    assert verify("equivalent", *files, *BOX, "--epsilon", "1/8", "--jobs", 1, "--certificate", certificate) == 0
    assert "equivalent on [-1, 1]^2" in capsys.readouterr().out
    report = tmp_path / "report.json"
    assert verify("check", certificate, *files, "--json", report) == 0
    assert "proved: |g(x) - f(x)| <= 1/8 on [-1, 1]^2" in capsys.readouterr().out
    assert max(map(rational, json.loads(report.read_text())["bounds"])) == fmpq(1, 8)
    assert verify("check", certificate, *reversed(files)) == 2
    assert "belongs to other networks" in capsys.readouterr().err


def test_what_differs_is_shown(files, tmp_path, capsys):
    report = tmp_path / "report.json"
    options = ("--epsilon", "0.1249999", "--jobs", 1, "--json", report, "--certificate", tmp_path / "none.json")
    assert verify("equivalent", *files, *BOX, *options) == 1
    out = capsys.readouterr().out
    assert "different on [-1, 1]^2" in out
    assert "no certificate" in out
    found = json.loads(report.read_text())
    point = [rational(v) for v in found["witness"]["point"]]
    a, b = (load_network(path)(point) for path in files)
    assert max(abs(u - v) for u, v in zip(a, b)) == fmpq(1, 8)
    assert len(found["details"]["float64_point"]) == 2
    assert not (tmp_path / "none.json").exists()


def test_the_maximum_comes_with_a_point(files, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert verify("equivalent", *files, "--ball", "0,1/2", "1/3", "--max", "--jobs", 1, "--json", report) == 0
    assert "attained 1/8, proved at most 1/8" in capsys.readouterr().out
    assert json.loads(report.read_text())["details"]["attained"] == "1/8"


def test_the_solver_can_be_asked_alone(files, tmp_path, capsys):
    report, proof = tmp_path / "report.json", tmp_path / "proof.json"
    options = (*BOX, "--engine", "z3", "--json", report)
    assert verify("equivalent", *files, *options, "--epsilon", "1/8", "--certificate", proof) == 0
    assert "engine   z3" in capsys.readouterr().out
    assert json.loads(report.read_text())["details"]["engine"] == "z3"
    assert verify("check", proof, *files) == 0
    assert verify("equivalent", *files, *options, "--epsilon", "1/9", "--timeout", 30) == 1
    assert verify("equivalent", *files, *options, "--max") == 0
    assert "attained 1/8, and nothing is larger: proved by Z3" in capsys.readouterr().out
    assert verify("equivalent", *files, *options, "--max", "--timeout", 0) == 3


def test_a_proof_by_form_says_that_no_certificate_is_written(tmp_path, capsys):
    paths = tmp_path / "f.json", tmp_path / "g.json"
    for network, path in zip(equal_pair(), paths, strict=True):
        save_network(network, path)
    proof = tmp_path / "proof.json"
    options = (*BOX, "--epsilon", 0, "--timeout", 0, "--certificate", proof)
    assert verify("equivalent", *paths, *options) == 0
    assert "engine   canonical form" in (told := capsys.readouterr().out)
    assert "no certificate: the engine that proves it, canonical form, writes none" in told
    assert not proof.exists()
    assert verify("equivalent", *paths, *options, "--engine", "bounds") == 3


def test_top_classes_with_a_confidence(files, capsys):
    assert verify("equivalent", *files, *BOX, "--top1", "--margin", "1/8", "--jobs", 1) == 0
    assert "top class where f leads by 1/8" in capsys.readouterr().out
    assert verify("equivalent", *files, *BOX, "--top1", "--confidence", "0.9", "--jobs", 1) == 0


def test_the_processes_work_on_one_tree(tmp_path):
    generator = np.random.default_rng(7)
    paths = tmp_path / "f.json", tmp_path / "g.json"
    for path in paths:
        save_network(integer_network((2, 4, 4, 1), generator), path)
    reports = []
    for jobs in (1, 2):
        reports.append(tmp_path / f"{jobs}.json")
        assert verify("equivalent", *paths, *BOX, "--max", "--jobs", jobs, "--json", reports[-1]) == 0
    one, two = (rational(json.loads(path.read_text())["details"]["attained"]) for path in reports)
    assert abs(one - two) <= one * fmpq(1, 10**6)


def test_a_search_without_time_says_what_was_reached(tmp_path, capsys):
    generator = np.random.default_rng(7)
    paths = tmp_path / "f.json", tmp_path / "g.json"
    for path in paths:
        save_network(integer_network((3, 6, 6, 1), generator), path)
    assert verify("equivalent", *paths, *BOX, "--max", "--jobs", 1, "--timeout", 0) == 3
    assert "proved at most" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BOX, "exactly one property"),
        (("--max",), "exactly one domain"),
        ((*BOX, "--epsilon", "1", "--max"), "exactly one property"),
        ((*BOX, "--epsilon", "-1"), "epsilon of at least 0"),
        ((*BOX, "--epsilon", "tiny"), "decimal, not 'tiny'"),
        ((*BOX, "--epsilon", "1", "--margin", "1"), "together with --top1"),
        ((*BOX, "--top1", "--margin", "1", "--confidence", "0.9"), "not both"),
        ((*BOX, "--top1", "--confidence", "1"), "below 1"),
        ((*BOX, "--clip", "0", "1", "--max"), "together with --ball"),
        (("--ball", "0,0,0", "1", "--max"), "expected 2 coordinates, not 3"),
        (("--box", "1", "0", "--max"), "lower bound first"),
        ((*BOX, "--max", "--engine", "Z3"), "expected auto, bounds or z3"),
        ((*BOX, "--max", "--engine", "z3", "--checkpoint", "none"), "without --scheduler, --checkpoint and --resume"),
    ],
)
def test_bad_options_are_one_sentence(files, options, message, capsys):
    assert verify("equivalent", *files, *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_results_never_overwrite_the_networks(files, tmp_path, capsys):
    assert verify("equivalent", *files, *BOX, "--max", "--certificate", files[0]) == 2
    same = tmp_path / "both.json"
    assert verify("equivalent", *files, *BOX, "--max", "--certificate", same, "--json", same) == 2
    assert not same.exists()
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a certificate that can be read"),
        (b"[]", "a JSON object"),
        (b"{", "certificate in JSON"),
        (b"{}", "malformed"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "certificate in JSON"),
    ],
)
def test_damaged_certificates_are_one_sentence(files, tmp_path, content, message, capsys):
    for name, packed in (("c.json", lambda data: data), ("c.json.gz", gzip.compress)):
        if content is not None:
            (tmp_path / name).write_bytes(packed(content))
        assert verify("check", tmp_path / name, *files) == 2
        assert message in capsys.readouterr().err
    (tmp_path / "c.json.gz").write_bytes(b"no gzip")
    assert verify("check", tmp_path / "c.json.gz", *files) == 2
