"""A stand-alone program: HDF5 from standard input to a plain listing on standard output.

The HDF5 library can hang or crash on a corrupt file, so `hdf5.py` runs this apart, with limits. The output is
the length of a JSON header (8 bytes, little-endian), the header, and the arrays' bytes one after another.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import h5py

MEMORY = 6 * 2**30  # bytes of address space
SECONDS = 120  # of processor time
OBJECTS = 10_000  # groups and datasets looked at
DEPTH = 12  # of nested groups
ATTRIBUTES = ("model_config", "weight_names", "name")  # all that a Keras file is read for
GROUPS = ("model_weights", "layers", "_layer_checkpoint_dependencies")
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
KINDS = {"<f2": "float16", "<f4": "float32", "<f8": "float64", ">f4": "float32", ">f8": "float64"}
KINDS |= {"|V2": "bfloat16"}  # Keras stores bfloat16 as two opaque bytes


class Refused(Exception):
    """The message is the sentence for the user."""


def attributes(node: Any) -> dict[str, Any]:
    """The attributes of interest as text or lists of text."""
    found: dict[str, Any] = {}
    for key in ATTRIBUTES:
        if key in node.attrs:
            value = node.attrs[key]
            found[key] = [text(v) for v in value] if getattr(value, "shape", ()) else text(value)
    return found


def text(value: Any) -> str:
    """Text that HDF5 holds as bytes or as a string."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def hard_links(group: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every object below a group that is stored in this very file, with its path."""
    if depth > DEPTH:
        raise Refused(f"{path}: expected groups nested at most {DEPTH} deep")
    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise Refused(f"{path}/{key}: expected an object of this file, not a link to another place")
        node = group[key]
        yield f"{path}/{key}", node
        if isinstance(node, h5py.Group):
            yield from hard_links(node, f"{path}/{key}", depth + 1)


def check(path: str, dataset: Any, limit: int) -> None:
    """Refuse a dataset that is too large, or stored elsewhere, or by a filter from elsewhere."""
    size = 1
    for length in dataset.shape or ():
        size *= length
    if dataset.shape is None:
        raise Refused(f"{path}: expected values, not an empty dataset")
    if size > limit:
        raise Refused(f"{path}: expected at most {limit:,} values, not shape {dataset.shape}")
    plan = dataset.id.get_create_plist()
    if dataset.is_virtual or dataset.external:
        raise Refused(f"{path}: expected values stored in this file, not in another")
    if any(plan.get_filter(i)[0] not in FILTERS for i in range(plan.get_nfilters())):
        raise Refused(f"{path}: expected values stored plainly or deflated")
    if dataset.dtype.str not in KINDS:
        raise Refused(f"{path}: expected floating-point values, not {dataset.dtype}")
    chunk = 1
    for length in dataset.chunks or ():
        chunk *= length
    if chunk > 4 * limit:
        raise Refused(f"{path}: expected smaller chunks, not {dataset.chunks}")


def listing(file: Any, limit: int) -> tuple[dict[str, Any], list[bytes]]:
    """The header and the arrays' bytes (little-endian, C order)."""
    header: dict[str, Any] = {"attributes": {"": attributes(file)}, "datasets": []}
    blobs: list[bytes] = []
    seen = 0
    for name in GROUPS:
        if name not in file:
            continue
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise Refused(f"{name}: expected a group of this file, not a link to another place")
        for path, node in hard_links(file[name], name):
            seen += 1
            if seen > OBJECTS:
                raise Refused(f"expected at most {OBJECTS:,} groups and datasets")
            header["attributes"][path] = attributes(node)
            if not isinstance(node, h5py.Dataset):
                continue
            check(path, node, limit)
            limit -= node.size
            kind = KINDS[node.dtype.str]
            header["datasets"].append([path, kind, list(node.shape)])
            array = node[()]
            blobs.append(
                array.tobytes() if kind == "bfloat16" else array.astype(array.dtype.newbyteorder("<")).tobytes()
            )
    return header, blobs


def main() -> None:
    """Read standard input, write standard output; the only argument is the most values to read."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limits on some systems
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = sys.stdin.buffer.read()
    try:
        with h5py.File(h5py.h5f.open_file_image(data), "r") as file:
            header, blobs = listing(file, int(sys.argv[1]))
    except Refused as error:
        header, blobs = {"refused": str(error)}, []
    except Exception as error:
        header, blobs = {"refused": f"expected a whole HDF5 file: {type(error).__name__}: {error}"}, []
    plain = json.dumps(header).encode()
    sys.stdout.buffer.write(len(plain).to_bytes(8, "little") + plain + b"".join(blobs))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
