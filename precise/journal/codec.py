"""Plain records as text and back: integers of any length, rationals, tuples and a stated set of dataclasses.

Equal values give equal text, so that it serves for content hashes too. Nothing else than these types is ever built from
a text: a file from elsewhere can be wrong, but it cannot run code.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from flint import fmpq, fmpz

SHORT = 1 << 53  # integers below it are JSON numbers; longer ones hexadecimal text, which has no limit of digits


class Codec:
    """Text for values that are made of a few types."""

    def __init__(self, *records: type[Any]) -> None:
        """The dataclasses that may occur, beside None, bool, int, str, fmpq, list, tuple and frozenset."""
        self._records = {record.__name__: record for record in records}
        self._fields = {record.__name__: [field.name for field in fields(record)] for record in records}

    def text(self, value: Any) -> str:
        """Canonical JSON.

        Raises:
            TypeError: a part of the value has another type.
        """
        return json.dumps(self._plain(value), separators=(",", ":"))

    def value(self, text: str) -> Any:
        """The value of a text.

        Raises:
            ValueError: `text` did not write this.
        """
        try:
            return self._built(json.loads(text))
        except (KeyError, TypeError, IndexError, RecursionError, ZeroDivisionError) as error:
            raise ValueError(f"not a record: {text:.40}") from error

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return value if abs(value) < SHORT else ["int", hex(value)]
        if isinstance(value, fmpz):
            return ["fmpz", hex(int(value))]
        if isinstance(value, fmpq):
            return ["fmpq", hex(int(value.p)), hex(int(value.q))]
        if isinstance(value, list | tuple):
            return [type(value).__name__, *map(self._plain, value)]
        if isinstance(value, frozenset):
            return ["frozenset", *map(self._plain, sorted(value))]
        name = type(value).__name__
        if self._records.get(name) is not type(value):
            raise TypeError(f"a {name} cannot be written")
        return [name, *(self._plain(getattr(value, field)) for field in self._fields[name])]

    def _built(self, plain: Any) -> Any:
        if isinstance(plain, float | dict):
            raise TypeError("neither occurs in a record")
        if not isinstance(plain, list):
            return plain
        kind, *parts = plain
        if kind in ("int", "fmpz", "fmpq"):
            numbers = [int(part, 16) for part in parts]
            return {"int": int, "fmpz": fmpz, "fmpq": fmpq}[kind](*numbers)
        built = [self._built(part) for part in parts]
        if kind in ("list", "tuple", "frozenset"):
            return {"list": list, "tuple": tuple, "frozenset": frozenset}[kind](built)
        return self._records[kind](*built)
