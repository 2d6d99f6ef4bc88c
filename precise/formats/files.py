"""Networks from and to files, by suffix: the one place that turns failures into sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from precise.errors import InputError
from precise.formats.atomic_file import write_whole
from precise.formats.limits import MAX_BYTES
from precise.formats.wording import printable
from precise.network import Network

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_SIGNS = {_ZIP: "a zip archive", _HDF5: "an HDF5 file", b"\x80": "a pickle", b"\x93NUMPY": "a single array"}


@dataclass(frozen=True)
class Format:
    """One file format. Its module is imported when a file needs it."""

    name: str  # in words, for messages
    module: str  # precise.formats.MODULE
    reader: str = "read"  # a function of the module: bytes -> Network
    writes: bool = False  # whether the module has write: Network -> (bytes, values rounded)
    magic: bytes = b""  # what a file must begin with
    activations: bool = False  # whether it names them; else a ReLU follows every layer but the last


FORMATS = {
    ".json": Format("exact JSON", "exact", writes=True, activations=True),
    ".npz": Format("NumPy .npz", "npz", writes=True, magic=_ZIP),
    ".onnx": Format("ONNX", "onnx", writes=True, activations=True),
    ".safetensors": Format("safetensors", "safetensors", writes=True),
    ".keras": Format("Keras .keras", "keras", "read_keras", magic=_ZIP, activations=True),
    ".h5": Format("Keras HDF5", "keras", "read_h5", magic=_HDF5, activations=True),
    ".pt": Format("PyTorch state_dict", "torch", magic=_ZIP),
}
FORMATS |= {".hdf5": FORMATS[".h5"], ".pth": FORMATS[".pt"]}


@dataclass(frozen=True)
class Saved:
    """What `save_network` did."""

    path: Path  # the file written
    format: str  # its format in words
    rounded: int  # values that the format could not hold exactly


def format_of(path: str | Path) -> Format:
    """The format that a path's suffix names.

    Raises:
        InputError: the suffix is none of the known ones.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: expected a name ending in {', '.join(FORMATS)}, not {suffix or 'no suffix'}")
    return FORMATS[suffix]


def load_network(path: str | Path) -> Network:
    """The network in a file, exactly as stored; the suffix names the format. Nothing is unpickled or run.

    Raises:
        InputError: the file is missing, corrupt, too large, of another format, or no ReLU network. The
            message is one sentence with the path, the field and what was expected.
    """
    kind = format_of(path)
    try:
        return _read(kind, _bytes(Path(path), kind))
    except InputError as error:
        raise InputError(f"{path}: {printable(str(error))}") from error
    except MemoryError as error:
        raise InputError(f"{path}: expected a smaller network: memory ran out") from error
    except Exception as error:  # whatever a library raises on a corrupt file
        said = printable(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}")
        raise InputError(f"{path}: expected a whole {kind.name} file: {said}") from error


def save_network(network: Network, path: str | Path) -> Saved:
    """Write a network in the format that the suffix names; a half-written file is never left behind.

    `.json` is exact. `.npz`, `.onnx` and `.safetensors` hold float64, correctly rounded; the result counts
    how many values were.

    Raises:
        InputError: the format is not written, a value lies outside the range of float64, or the path is bad.
    """
    kind = format_of(path)
    if not kind.writes:
        known = ", ".join(suffix for suffix, other in FORMATS.items() if other.writes)
        raise InputError(f"{path}: expected one of the formats that are written: {known}")
    write = cast(Callable[[Network], tuple[bytes, int]], _function(kind, "write"))
    try:
        data, rounded = write(network)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    write_whole(path, data)
    return Saved(Path(path), kind.name, rounded)


def _bytes(path: Path, kind: Format) -> bytes:
    if not path.is_file():  # a pipe would block
        raise InputError(f"expected a file, and there is {'no such file' if not path.exists() else 'another thing'}")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"expected a file that can be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"expected a file of at most {MAX_BYTES:,} bytes")
    if not data:
        raise InputError(f"expected a {kind.name} file, not an empty one")
    if not data.startswith(kind.magic):
        raise InputError(f"expected a {kind.name} file, not {_looks_like(data)}")
    return data


def _looks_like(data: bytes) -> str:
    for sign, name in _SIGNS.items():
        if data.startswith(sign):
            return name
    return "text" if data[:256].isascii() and b"\0" not in data[:256] else "bytes of another kind"


def _read(kind: Format, data: bytes) -> Network:
    return cast(Callable[[bytes], Network], _function(kind, kind.reader))(data)


def _function(kind: Format, name: str) -> object:
    return getattr(import_module(f"precise.formats.{kind.module}"), name)
