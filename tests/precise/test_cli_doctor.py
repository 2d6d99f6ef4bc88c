"""`precise doctor`, the shells' completion, and the version of both commands."""

import json

import pytest

from precise import cli
from precise.commands import doctor
from precise.commands.doctor import ENGINES, diagnose
from verify import cli as verify_cli

VERBS = {"precise": cli.VERBS, "verify": verify_cli.VERBS}


def command(name, *arguments):
    return cli.run(cli.application("Summary.", VERBS[name]), name, [str(a) for a in arguments])


def test_everything_works_here(tmp_path, capfd):
    assert command("precise", "doctor", "--json", tmp_path / "found.json") == 0
    shown = capfd.readouterr()
    assert shown.out.rstrip().endswith("All engines work.")
    assert "HiGHS 1" not in shown.out
    assert shown.err == ""
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["healthy"] is True
    assert [engine["package"] for engine in found["engines"]] == [package for package, _, _ in ENGINES]
    assert all(speed["rate"] > 0 for speed in found["speeds"])


def broken():
    raise ImportError("libsomething.so: cannot open shared object file\nmore")


@pytest.mark.parametrize(
    ("entry", "state", "said"),
    [
        (("highspy", "linear programs", broken), "broken", "ImportError: libsomething.so: cannot open"),
        (("mpmath", "numbers", lambda: False), "broken", "it answers a question with a known answer wrongly"),
        (("no-such-package-here", "nothing", lambda: True), "missing", "not installed"),
    ],
)
def test_a_broken_engine_is_named_with_what_to_do(entry, state, said, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "ENGINES", (entry,))
    assert command("precise", "doctor") == 1
    shown = capsys.readouterr().out
    assert state in shown
    assert shown.splitlines()[-1].startswith(f"{entry[0]}: {said}")
    assert "pip install --force-reinstall" in shown.splitlines()[-1]
    assert not diagnose().speeds  # what they need is not known to work


def test_a_report_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "diagnose", lambda: pytest.fail("worked first"))
    assert command("precise", "doctor", "--json", tmp_path / "none" / "found.json") == 2
    assert "in a folder that exists" in capsys.readouterr().err


@pytest.mark.parametrize("name", VERBS)
def test_version_of_both_commands(name, capsys):
    assert command(name, "--version") == 0
    assert capsys.readouterr().out.startswith("precise-verify ")


@pytest.mark.parametrize(("name", "verb"), [("precise", "extract"), ("verify", "equal")])
def test_a_shell_completes_verbs(name, verb, monkeypatch, capsys):
    monkeypatch.setenv(f"_{name.upper()}_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"{name} {verb[:2]}")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert command(name) == 0
    assert verb in capsys.readouterr().out.split()


def test_completion_is_offered(capsys):
    assert command("precise", "--help") == 0
    assert "--install-completion" in capsys.readouterr().out
