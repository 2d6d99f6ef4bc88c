"""Stored floating-point numbers, in and out: reading is exact, writing counts its roundings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precise.arithmetic import rational, to_float
from precise.errors import InputError
from precise.formats.limits import parameter_count
from precise.network import Network

_STORED = {"float16": "f2", "float32": "f4", "float64": "f8", "bfloat16": "u2"}
ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


def decode(raw: bytes, kind: str, shape: Sequence[int], field: str, byte_order: str = "<") -> np.ndarray:
    """The array stored in `raw`, C order, as float64 (exact); for the arguments and errors see `stored`.

    Raises:
        InputError: also for a value that is not finite.
    """
    return finite(stored(raw, kind, shape, field, byte_order), field)


def stored(raw: bytes, kind: str, shape: Sequence[int], field: str, byte_order: str = "<") -> np.ndarray:
    """The array stored in `raw`, C order, in the type that it is stored in (bfloat16: as float32).

    Args:
        raw: as many bytes as the shape needs.
        kind: float16, bfloat16, float32 or float64.
        shape: of the array.
        field: its name in messages.
        byte_order: "<" or ">".

    Raises:
        InputError: another kind, or sizes that do not fit.
    """
    if kind not in ITEM_BYTES:
        raise InputError(f"{field}: expected values of float16, bfloat16, float32 or float64, not {kind[:40]}")
    expected = parameter_count(shape, field) * ITEM_BYTES[kind]
    if len(raw) != expected:
        raise InputError(f"{field}: expected {expected} bytes for shape {tuple(shape)} of {kind}, not {len(raw)}")
    array = np.frombuffer(raw, dtype=byte_order + _STORED[kind])
    if kind == "bfloat16":  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.reshape(shape)


def finite(array: np.ndarray, field: str) -> np.ndarray:
    """An array of floats or short integers as float64 (exact).

    Raises:
        InputError: the array holds something else, or a value that is not finite.
    """
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        raise InputError(f"{field}: expected numbers of at most 64 bits, not {array.dtype}")
    with np.errstate(invalid="ignore"):  # signalling NaN; refused two lines below
        exact = array.astype(np.float64)
    if not np.isfinite(exact).all():
        raise InputError(f"{field}: expected finite numbers, not {_first_bad(exact)}")
    if array.dtype.kind in "iu" and exact.size and np.abs(exact).max() > 2**53:
        raise InputError(f"{field}: expected integers of at most 53 bits")
    return exact


def _first_bad(array: np.ndarray) -> str:
    where = np.argwhere(~np.isfinite(array))[0]
    return f"{array[tuple(where)]} at {where.tolist()}"


def rounded_arrays(network: Network) -> tuple[list[tuple[np.ndarray, np.ndarray]], int]:
    """(W, b) pairs in float64, W of shape (inputs, outputs), and the number of values that had to be rounded.

    Raises:
        InputError: a value lies outside the range of float64.
    """
    arrays, rounded = [], 0
    for number, layer in enumerate(network.layers, 1):
        try:
            rows = [[to_float(value) for value in row] for row in (*layer.weights, layer.biases)]
        except InputError as error:
            raise InputError(f"layer {number}: {error}; the .json format holds every value") from error
        pairs = zip((*layer.weights, layer.biases), rows)
        rounded += sum(rational(near) != exact for row, new in pairs for exact, near in zip(row, new))
        arrays.append((np.array(rows[:-1]).T, np.array(rows[-1])))
    return arrays, rounded
