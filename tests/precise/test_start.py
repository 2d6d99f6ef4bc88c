"""Ctrl-C while a command is still being imported."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Sends Ctrl-C to this very process when a module is about to be imported, then runs the command.
CODE = """
import os, runpy, signal, sys
from importlib.abc import MetaPathFinder
name, where, *arguments = sys.argv[1:]
class Interrupting(MetaPathFinder):
    def find_spec(self, module, path, target=None):
        if module == where:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = [name, *arguments]
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


def interrupted(name: str, where: str, *arguments: str, ignored: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, name, where, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None,
    )


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("precise", "typer"),
        ("precise", "numpy"),
        ("precise", "precise.commands.study"),
        ("verify", "flint"),
        ("verify", "verify.cli"),
        ("verify", "verify.commands.check"),
    ],
)
def test_it_is_one_sentence_while_the_command_is_imported(name: str, where: str) -> None:
    done = interrupted(name, where, "--help")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{name}: interrupted\n")


@pytest.mark.parametrize(
    ("name", "where", "arguments"),
    [
        ("precise", "precise.extract", ["extract", "fixtures/mnist_784_8x2_1.npz", "-o", "never.json"]),
        ("verify", "verify.equality", ["equal", *["fixtures/mnist_784_8x2_1.npz"] * 2]),
    ],
)
def test_it_is_one_sentence_while_a_verb_is_imported(name: str, where: str, arguments: list[str]) -> None:
    done = interrupted(name, where, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{name}: interrupted\n")


def test_who_ignores_it_is_not_disturbed() -> None:
    assert interrupted("precise", "typer", "--version", ignored=True).returncode == 0


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = (
        "import sys, precise, verify, precise.start\n"
        "heavy = {'numpy', 'flint', 'typer', 'mpmath'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert precise.Network.__module__ == 'precise.network'\n"
        "assert verify.Verdict.__module__ == 'verify.verdict'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# Sends Ctrl-C at the moment at which it would be ignored from then on.
LATE = """
import os, signal, sys
from precise.start import start
set_handler = signal.signal
def late(number, handler):
    if handler is signal.SIG_IGN and signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal = set_handler
        os.kill(os.getpid(), signal.SIGINT)  # the command has run, and is about to ignore it
    return set_handler(number, handler)
signal.signal = late
start("precise", lambda: lambda: sys.exit(0))
"""


def test_it_is_one_sentence_when_the_command_has_just_run() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "precise: interrupted\n")
