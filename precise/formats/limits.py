"""The largest files that are read; declared sizes are checked before memory is taken."""

from __future__ import annotations

from collections.abc import Sequence

from precise.errors import InputError

MAX_BYTES = 2**30  # of a file, and of everything inside it when unpacked
MAX_PARAMETERS = 2**24  # of a network: exact rationals take about 100 bytes each in memory
MAX_TEXT = 2**22  # bytes of a configuration (JSON or pickle) inside a file


def parameter_count(shape: Sequence[int], field: str) -> int:
    """The number of entries of an array of that shape.

    Raises:
        InputError: a length is negative, or there are more than MAX_PARAMETERS entries.
    """
    count = 1
    for length in shape:
        if length < 0:
            raise InputError(f"{field}: expected lengths of at least 0, not {length}")
        count *= length
    if count > MAX_PARAMETERS or len(shape) > 8:
        raise InputError(f"{field}: expected at most {MAX_PARAMETERS:,} values, not shape {tuple(shape)}")
    return count
