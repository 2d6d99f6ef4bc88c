"""What the verbs share: text for people, JSON for programs, progress on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from precise.commands.output import check_place, show
from precise.formats.atomic_file import other_file, write_whole
from precise.network import Network


def check_report(path: Path | None, *taken: str | Path) -> None:
    """Make sure, before the work, that a report can be written and destroys no file that is read.

    Raises:
        InputError: there is no such folder, or the path is a folder or one of the files `taken`.
    """
    if path is None:
        return
    other_file(path, *map(Path, taken))
    check_place(path)


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


__all__ = ["check_report", "described", "show", "working", "write_report"]


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """A function that shows on a terminal what is being done; silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda step: status.update(step)
