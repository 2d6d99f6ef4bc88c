"""Zip archives from strangers: sizes are checked before anything is unpacked, all in memory."""

from __future__ import annotations

import io
import zipfile

from precise.errors import InputError
from precise.formats.limits import MAX_BYTES

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_ENTRIES = 10_000


class Archive:
    """The entries of a zip archive held in memory.

    Raises:
        InputError: the archive declares too much, repeats a name, or is encrypted.
        zipfile.BadZipFile: it is not a zip archive, or a corrupt one.
    """

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        entries = self._zip.infolist()
        self.names = tuple(entry.filename for entry in entries)
        if len(entries) > _MAX_ENTRIES or len(set(self.names)) != len(entries):
            raise InputError(f"expected at most {_MAX_ENTRIES:,} entries of different names in the archive")
        if sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise InputError(f"expected at most {MAX_BYTES:,} bytes in the archive when unpacked")
        for entry in entries:
            if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
                raise InputError(f"entry {entry.filename!r}: expected plain or deflated data without a password")

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of one entry, checked against its CRC.

        Raises:
            InputError: there is no such entry, or it is longer than `limit` bytes.
        """
        if name not in self.names:
            raise InputError(f"expected an entry {name!r} in the archive, and there is none")
        size = self._zip.getinfo(name).file_size
        if size > limit:
            raise InputError(f"entry {name!r}: expected at most {limit:,} bytes, not {size:,}")
        return self._zip.read(name)
