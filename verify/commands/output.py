"""What the verbs share: text for people, JSON for programs, progress on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from precise.formats.atomic_file import other_file, write_whole
from precise.network import Network
from verify.errors import InputError


def show(text: str) -> None:
    """Print to stdout; a reader that has gone, such as `head`, is no failure and changes no exit status."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered goes nowhere


def check_report(path: Path | None, *taken: str | Path) -> None:
    """Make sure, before the work, that a report can be written and destroys no file that is read.

    Raises:
        InputError: there is no such folder, or the path is a folder or one of the files `taken`.
    """
    if path is None:
        return
    other_file(path, *map(Path, taken))
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(f"{path}: expected the name of a file in a folder that exists")


def write_report(path: Path | None, report: dict[str, object]) -> None:
    """Write a report as JSON, whole or not at all; None writes nothing.

    Raises:
        InputError: the path cannot be written to.
    """
    if path is not None:
        write_whole(path, (json.dumps(report, indent=1) + "\n").encode())


def described(path: Path, network: Network) -> dict[str, object]:
    """A network file for a report."""
    return {"file": str(path), "widths": network.widths, "sha256": network.sha256}


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """A function that shows on a terminal what is being done; silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda step: status.update(step)
