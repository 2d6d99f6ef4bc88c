"""A table of digits side by side (this extraction and a float64 one, say), made elsewhere and shown in the report.

{"format": "precise-side-by-side", "version": 1, "title": "...", "note": "...",
 "columns": ["network", ...], "rows": [["784-8x2-1", 12.5, ...], ...]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from precise.errors import InputError
from precise.study.tables import Table

FORMAT, VERSION = "precise-side-by-side", 1
LARGEST_BYTES = 1 << 20


def read_table(path: Path) -> Table:
    """The table of a file.

    Raises:
        InputError: it cannot be read, or is not such a table.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path}: expected a table of at most {LARGEST_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON") from error
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
        raise InputError(f'{path}: expected "format": "{FORMAT}" and "version": {VERSION}')
    columns: Any = content.get("columns")
    rows: Any = content.get("rows")
    if not _texts(columns) or not isinstance(rows, list) or not all(_fits(row, len(columns)) for row in rows):
        raise InputError(f"{path}: expected columns as a list of text, and rows of as many numbers or texts")
    title, note = content.get("title", "Digits side by side"), content.get("note", "")
    if not _texts([title, note]):
        raise InputError(f"{path}: expected title and note as text")
    return Table(title, columns, [[_text(value) for value in row] for row in rows], note)


def _texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def _fits(row: Any, length: int) -> bool:
    return isinstance(row, list) and len(row) == length and all(isinstance(v, str | int | float | None) for v in row)


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
