"""HDF5 files from strangers: read in a process of their own, which may crash or hang alone."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from precise.errors import InputError
from precise.formats.limits import MAX_PARAMETERS, parameter_count
from precise.formats.strict_json import parse
from precise.formats.tensors import ITEM_BYTES, decode

TIMEOUT = 60.0  # seconds that reading one file may take
MAGIC = b"\x89HDF\r\n\x1a\n"
_CHILD = Path(__file__).with_name("hdf5_child.py")


@dataclass(frozen=True)
class Tree:
    """The parts of a Keras HDF5 file that matter here."""

    attributes: dict[str, dict[str, Any]]  # path of a group or dataset -> its attributes; "" is the root
    arrays: dict[str, np.ndarray]  # path of a dataset -> its values in float64 (exact)


def read_tree(data: bytes) -> Tree:
    """The attributes and arrays of an HDF5 file.

    Raises:
        InputError: it is not HDF5, or corrupt, or refers to other files, or holds too much.
    """
    if not data.startswith(MAGIC):
        raise InputError("expected an HDF5 file, not one of another kind")
    output = _run(data)
    length = int.from_bytes(output[:8], "little")
    header = parse(output[8 : 8 + length], "the HDF5 listing")
    if "refused" in header:
        raise InputError(header["refused"])
    arrays, start = {}, 8 + length
    for path, kind, shape in header["datasets"]:
        size = parameter_count(shape, path) * ITEM_BYTES[kind]
        arrays[path] = decode(output[start : start + size], kind, shape, path)
        start += size
    return Tree(header["attributes"], arrays)


def _run(data: bytes) -> bytes:
    """What the child prints for this file."""
    command = [sys.executable, "-P", str(_CHILD), str(2 * MAX_PARAMETERS)]
    # one thread, or the linear-algebra library alone takes gigabytes of address space
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HDF5_PLUGIN_PRELOAD": "::",
    }
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT, env=environment)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"expected an HDF5 file that can be read within {TIMEOUT:.0f} seconds") from error
    if done.returncode or len(done.stdout) < 8:
        raise InputError("expected a whole HDF5 file, not one that the HDF5 library fails on")
    return done.stdout
