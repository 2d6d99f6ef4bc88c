"""The folder of a study: its checkpoint, and the files that are written when all cells are there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from precise.errors import InputError
from precise.formats.atomic_file import write_whole
from precise.journal.file import Journal

CHECKPOINT = "study.checkpoint"


class Folder:
    """DIR of the command line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self, resume: bool) -> None:
        """Make the folder if it is new, and make sure that a study can begin, or go on, in it.

        Raises:
            InputError: it cannot be made or written to, holds a study already, or none to go on with.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: expected a folder, not a file")
        kept = (self.path / CHECKPOINT).is_file()
        if resume and not kept:
            raise InputError(f"{self.path}: expected a folder in which an earlier study was begun, to go on with it")
        if kept and not resume:
            raise InputError(f"{self.path}: holds a study already; give --resume to go on with it, or another folder")
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: the folder cannot be made: {error.strerror}") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise InputError(f"{self.path}: expected a folder that can be written to")

    def journal(self, identity: Mapping[str, str], resume: bool) -> Journal:
        """The checkpoint, new or of an earlier run.

        Raises:
            InputError: it is of another model, version or setting, or damaged.
        """
        path = self.path / CHECKPOINT
        return Journal.resume(path, identity) if resume else Journal.create(path, identity)

    def abandon_if_empty(self, journal: Journal) -> None:
        """Take a checkpoint away in which nothing is kept, so that the next run can begin anew."""
        if not journal.has_outcomes():
            journal.close()
            for suffix in ("", "-wal", "-shm"):
                journal.path.with_name(journal.path.name + suffix).unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> Path:
        """Write a file, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        write_whole(self.path / name, data)
        return self.path / name
