"""What the verbs share: text for people, and places for files that are checked before the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from precise.errors import InputError

Progress = Callable[[str, int, int], None]  # (stage, done, total)


def show(text: str) -> None:
    """Print to stdout; a reader that has gone, such as `head`, is no failure and changes no exit status."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered goes nowhere


def check_place(path: Path | None) -> None:
    """Make sure, before long work, that a file can come to stand at a path.

    Raises:
        InputError: there is no such folder, or it cannot be written to, or the path is a folder itself.
    """
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir():
        raise InputError(f"{path}: expected the name of a file in a folder that exists")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: expected a folder that can be written to")


@contextmanager
def progress_display() -> Iterator[Progress]:
    """A progress display on a terminal; silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich import progress as parts
    from rich.console import Console

    text, bar = parts.TextColumn("{task.description}"), parts.BarColumn()
    columns = (text, bar, parts.MofNCompleteColumn(), parts.TimeElapsedColumn())
    with parts.Progress(*columns, console=Console(stderr=True)) as display:
        shown: dict[str, int] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                shown[stage] = int(display.add_task(stage, total=total))
            display.update(shown[stage], completed=done)  # type: ignore[arg-type]

        yield progress
