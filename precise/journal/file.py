"""The file: SQLite in write-ahead mode. What was committed outlives a killed process; a torn write is rolled back.

Everything is stored under the hash of its content, so that a resumed run, which makes the same choices from the same
seed, finds its way without any saved state, and two runs at one file do not harm each other.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from precise.errors import InputError

SCHEMA = 1
BUSY_SECONDS = 60.0  # that a writer waits for another worker's write
_TABLES = """\
CREATE TABLE identity (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE answers (key BLOB PRIMARY KEY, task BLOB, answer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outcomes (key BLOB PRIMARY KEY, outcome TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX answers_of_task ON answers (task) WHERE task IS NOT NULL;
"""


class Journal:
    """A checkpoint that is being written, and read when the run is resumed.

    A forked process opens the file for itself; the parent's connection is closed while it forks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: sqlite3.Connection | None = None
        _journals.add(self)

    @classmethod
    def create(cls, path: Path, identity: Mapping[str, str]) -> Journal:
        """A new checkpoint of the run that `identity` describes (model, version, settings).

        Raises:
            InputError: the file exists, or cannot be written.
        """
        if path.exists():
            raise InputError(f"{path}: expected a new file; to go on with this checkpoint give --resume {path}")
        journal = cls(path)
        with journal._connection(new=True) as connection:
            _begin(connection, identity)
        return journal

    @classmethod
    def resume(cls, path: Path, identity: Mapping[str, str]) -> Journal:
        """The checkpoint of an earlier run.

        Raises:
            InputError: there is none, or it is of another model, version or setting.
        """
        if not path.is_file():
            raise InputError(f"{path}: expected a checkpoint that an earlier run wrote with --checkpoint")
        journal = cls(path)
        try:
            journal._continue(identity)
        except InputError:
            journal.close()  # what holds a damaged file open may keep it locked
            raise
        return journal

    def _continue(self, identity: Mapping[str, str]) -> None:
        with self._connection() as connection:
            objects = connection.execute("SELECT type, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
            if not objects:
                _begin(connection, identity)  # the run ended before it had begun its checkpoint
            elif {kind for kind, _ in objects} - {"table", "index"}:
                raise self.unreadable()  # a view or a trigger could make any query endless
            kept = dict(connection.execute("SELECT name, value FROM identity").fetchall())
        for name, value in {"schema": str(SCHEMA), **identity}.items():
            if kept.get(name) != value:
                raise InputError(
                    f"{self.path}: a checkpoint of another {name}: {kept.get(name)!s:.80}, expected {value:.80}"
                )
        if objects and {sql for _, sql in objects} != set(_statements()):
            raise self.unreadable()

    def answer(self, key: bytes) -> bytes | None:
        """What was answered to a batch of points."""
        with self._connection() as connection:
            found = connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def keep_answer(self, key: bytes, answer: bytes, task: bytes | None) -> None:
        """Store an answer; those of a task are needed until its outcome is there."""
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, task, answer))

    def outcome(self, key: bytes) -> str | None:
        """What came out of a task."""
        with self._connection() as connection:
            found = connection.execute("SELECT outcome FROM outcomes WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def keep_outcome(self, key: bytes, outcome: str) -> None:
        """Store an outcome in place of the answers that led to it."""
        with self._connection() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", (key, outcome))
            connection.execute("DELETE FROM answers WHERE task = ?", (key,))

    def has_outcomes(self) -> bool:
        """Is any task finished?"""
        with self._connection() as connection:
            return connection.execute("SELECT 1 FROM outcomes LIMIT 1").fetchone() is not None

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def unreadable(self) -> InputError:
        """The error that says so."""
        return InputError(f"{self.path}: expected a checkpoint that an earlier run wrote, not a damaged one")

    @contextmanager
    def _connection(self, new: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if self._opened is None:
                self._opened = self._open(new)
            yield self._opened
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{self.path}: the checkpoint cannot be used ({error}); when that is mended, "
                f"--resume {self.path} goes on where it was"
            ) from error
        except (sqlite3.Error, TypeError, UnicodeDecodeError) as error:  # the last: of SQLite's words on a damaged file
            raise self.unreadable() from error

    def _open(self, new: bool) -> sqlite3.Connection:
        mode = "rwc" if new else "rw"
        address = f"{self.path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing, a power cut the last moments.
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _statements() -> list[str]:
    """What makes the tables, in order."""
    return [statement.strip() for statement in _TABLES.split(";") if statement.strip()]


def _begin(connection: sqlite3.Connection, identity: Mapping[str, str]) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _statements():
            connection.execute(statement)
        entries = {"schema": str(SCHEMA), **identity}
        connection.executemany("INSERT INTO identity VALUES (?, ?)", entries.items())


_journals: WeakSet[Journal] = WeakSet()


def _close_all() -> None:
    for journal in list(_journals):
        journal.close()


os.register_at_fork(before=_close_all)
