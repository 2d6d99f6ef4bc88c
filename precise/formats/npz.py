"""NumPy's .npz with W1, b1, W2, b2, ...: each W of shape (inputs, outputs), each b of shape (outputs,)."""

from __future__ import annotations

import io

import numpy as np

from precise.errors import InputError
from precise.formats.archive import Archive
from precise.formats.chain import affine, alternate
from precise.formats.limits import MAX_PARAMETERS, parameter_count
from precise.formats.tensors import finite, rounded_arrays
from precise.network import Network

_HEADER = 2**16  # more bytes than any header of such an array has
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(data: bytes) -> Network:
    """The network in an .npz file; a ReLU stands after every layer but the last.

    Raises:
        InputError: arrays are missing, of other names, or do not fit.
    """
    archive = Archive(data)
    count = len(archive.names) // 2
    wanted = [f"{kind}{number}" for number in range(1, count + 1) for kind in "Wb"]
    if not count or sorted(archive.names) != sorted(f"{name}.npy" for name in wanted):
        found = ", ".join(name.removesuffix(".npy")[:40] for name in archive.names[:8]) or "none"
        raise InputError(f"expected the arrays W1, b1, W2, b2, ... and no others, not {found}")
    arrays = {name: _array(archive, name) for name in wanted}
    layers = [affine(f"W{n}", arrays[f"W{n}"], arrays[f"b{n}"]) for n in range(1, count + 1)]
    return alternate(layers)


def _array(archive: Archive, name: str) -> np.ndarray:
    stream = io.BytesIO(archive.read(f"{name}.npy", 8 * MAX_PARAMETERS + _HEADER))
    version = np.lib.format.read_magic(stream)
    if version not in _READERS:
        raise InputError(f"{name}: expected the array format 1.0 or 2.0, not {version}")
    shape, fortran, dtype = _READERS[version](stream)
    if dtype.hasobject:
        raise InputError(f"{name}: expected numbers, not pickled objects, which are never loaded")
    expected, raw = parameter_count(shape, name) * dtype.itemsize, stream.read()
    if dtype.kind not in "fiu" or len(raw) != expected:
        raise InputError(f"{name}: expected {expected} bytes of numbers, not {len(raw)} of {dtype}")
    return finite(np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C"), name)


def write(network: Network) -> tuple[bytes, int]:
    """(the bytes of an .npz file in float64, the number of values rounded).

    Raises:
        InputError: a value lies outside the range of float64.
    """
    arrays, rounded = rounded_arrays(network)
    named = {f"{kind}{n}": array for n, pair in enumerate(arrays, 1) for kind, array in zip("Wb", pair)}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **named)
    return stream.getvalue(), rounded
