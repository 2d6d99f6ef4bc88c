"""A point as a user gives it: numbers with commas between them, or a file, every number read exactly."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flint import fmpq

from precise.arithmetic import rational
from precise.formats.limits import MAX_BYTES, MAX_PARAMETERS
from precise.formats.wording import printable
from verify.errors import InputError


def read_point(text: str, inputs: int) -> list[fmpq]:
    """The point that an argument stands for.

    Args:
        text: numbers such as `1,-3/8,0.25` (decimals count exactly), or the path of a file: a JSON list of
            numbers or texts, a report of `verify equal` that holds a witness, a NumPy array (.npy), or an
            .npz with one array.
        inputs: how many coordinates it must have.

    Raises:
        InputError: the file is missing or not of that kind, or a coordinate is not a finite number.
    """
    kind = _READERS.get(Path(text).suffix.lower())
    if kind is None and "," not in text and os.path.isfile(text):
        raise InputError(f"{text}: expected a point in a file ending in {', '.join(_READERS)}")
    where, values = (text, _from_file(Path(text), kind)) if kind else ("the point", text.split(","))
    point = [_coordinate(where, number, value) for number, value in enumerate(values, 1)]
    if len(point) != inputs:
        raise InputError(f"{where}: expected {inputs} coordinates, not {len(point)}")
    return point


def _coordinate(where: str, number: int, value: Any) -> fmpq:
    try:
        return rational(value)
    except InputError as error:
        raise InputError(f"{where}, coordinate {number}: {error}") from error


def _from_file(path: Path, read: Callable[[Path], list[object]]) -> list[object]:
    if not path.is_file():
        raise InputError(
            f"{path}: expected a file, and there is {'another thing' if path.exists() else 'no such file'}"
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"expected a file of at most {MAX_BYTES:,} bytes")
        return read(path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (Exception, MemoryError) as error:  # whatever a corrupt file makes a library raise
        said = printable(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}")
        raise InputError(f"{path}: expected a point in a whole {path.suffix} file: {said}") from error


def _from_json(path: Path) -> list[object]:
    # numbers stay text, so that 0.1 is a tenth
    found = json.loads(path.read_bytes(), parse_float=str, parse_int=str, parse_constant=str)
    if isinstance(found, dict) and isinstance(found.get("witness"), dict):
        found = found["witness"].get("point")
    if not isinstance(found, list):
        raise InputError("expected a list of numbers, or a report that holds a witness")
    return found


def _from_npy(path: Path) -> list[object]:
    # a map: a false shape takes no memory; np.load leaves the file open where bytes begin like a zip archive
    return _listed(np.lib.format.open_memmap(path, mode="r"))


def _from_npz(path: Path) -> list[object]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:  # closed, whatever is in it
        if not isinstance(archive, np.lib.npyio.NpzFile) or len(archive.files) != 1:
            names = ", ".join(getattr(archive, "files", [])[:8]) or "none"
            raise InputError(f"expected one array, the point, not {names}")
        return _listed(archive[archive.files[0]])


def _listed(array: np.ndarray) -> list[object]:
    if array.dtype.kind not in "fiu" or array.ndim != 1 or array.size > MAX_PARAMETERS:
        raise InputError(f"expected numbers in one dimension, not {array.dtype} of shape {array.shape}")
    return list(array)


_READERS: dict[str, Callable[[Path], list[object]]] = {".json": _from_json, ".npz": _from_npz, ".npy": _from_npy}
