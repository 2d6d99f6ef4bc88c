"""Writing a file as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

from precise.errors import InputError


def other_file(path: Path, *taken: Path) -> None:
    """Make sure that writing `path` destroys none of the files `taken`.

    Raises:
        InputError: it is one of them.
    """
    if path.resolve() in [other.resolve() for other in taken]:
        raise InputError(f"{path}: expected a report in a file of its own, not in the network's")


def write_whole(path: str | Path, data: bytes) -> None:
    """Write `data` to a temporary file in the same folder, then move it to `path`.

    Raises:
        InputError: the folder is missing or not writable, the disk is full, or `path` is a folder.
    """
    target = Path(os.path.realpath(path))  # a link stays, its target is replaced
    if target.exists() and not target.is_file():  # never move a file over a device
        raise InputError(f"{path}: expected a place that can be written to, not a folder or a device")
    temporary = target.with_name(f".{target.name}.{token_hex(4)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{path}: expected a place that can be written to: {error.strerror}") from error
