"""JSON from strangers: no duplicate keys, no NaN, bounded nesting."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from precise.errors import InputError
from precise.formats.limits import MAX_PARAMETERS


def parse(data: bytes | str, field: str) -> Any:
    """The value that a JSON text holds.

    Raises:
        InputError: it is not JSON in UTF-8, repeats a key, holds NaN or Infinity, or nests too deeply.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        if sum(map(text.count, ",[{")) > MAX_PARAMETERS:  # as many as there are values, or more
            raise InputError(f"{field}: expected at most {MAX_PARAMETERS:,} values")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise InputError(f"{field}: expected text in UTF-8, byte {error.start} is not") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{field}: expected JSON, which breaks off at {where}: {error.msg}") from error
    except RecursionError as error:
        raise InputError(f"{field}: expected JSON of a few levels, not one nested so deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(f"{field}: expected shorter numbers") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        repeated = next(key for key in names if names.count(key) > 1)
        raise InputError(f"expected every key once, not {repeated[:60]!r} twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise InputError(f"expected finite numbers, not {constant}")
