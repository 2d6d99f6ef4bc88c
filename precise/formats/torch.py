"""`.pt` and `.pth` files of a PyTorch state dict (zip form), read without PyTorch and without unpickling."""

from __future__ import annotations

import re

import numpy as np

from precise.errors import InputError
from precise.formats.archive import Archive
from precise.formats.limits import MAX_PARAMETERS, MAX_TEXT, parameter_count
from precise.formats.state_dict import network_of_state
from precise.formats.tensors import ITEM_BYTES, finite, stored
from precise.formats.torch_pickle import Storage, Tensor, read_state
from precise.network import Network

_KEY = re.compile(r"[A-Za-z0-9_]{1,64}\Z")
_BYTE_ORDERS = {b"little": "<", b"big": ">"}


def read(data: bytes) -> Network:
    """The network in a file that `torch.save(model.state_dict(), path)` wrote (PyTorch 1.6 or later).

    Raises:
        InputError: the file holds anything but a state dict of linear layers.
    """
    archive = Archive(data)
    pickles = [name for name in archive.names if name.split("/")[1:] == ["data.pkl"]]
    if len(pickles) != 1:
        raise InputError("expected one entry NAME/data.pkl, as torch.save writes it")
    root = pickles[0].removesuffix("data.pkl")
    tensors = read_state(archive.read(pickles[0], MAX_TEXT))
    total = sum(parameter_count(tensor.shape, repr(name[:60])) for name, tensor in tensors.items())
    if total > MAX_PARAMETERS:
        raise InputError(f"expected at most {MAX_PARAMETERS:,} values in all tensors together")
    order = _byte_order(archive, root)
    loaded: dict[Storage, np.ndarray] = {}
    state = {}
    for name, tensor in tensors.items():
        if tensor.storage not in loaded:
            loaded[tensor.storage] = _load(archive, root, tensor.storage, order)
        state[name] = _view(loaded[tensor.storage], tensor, repr(name[:60]))
    return network_of_state(state)


def _byte_order(archive: Archive, root: str) -> str:
    name = f"{root}byteorder"
    written = archive.read(name, 16) if name in archive.names else b"little"
    if written not in _BYTE_ORDERS:
        raise InputError(f"{name}: expected little or big")
    return _BYTE_ORDERS[written]


def _load(archive: Archive, root: str, storage: Storage, order: str) -> np.ndarray:
    if not _KEY.match(storage.key):
        raise InputError(f"storage {storage.key[:60]!r}: expected a plain name")
    name = f"{root}data/{storage.key}"
    raw = archive.read(name, MAX_PARAMETERS * ITEM_BYTES[storage.kind])
    return stored(raw, storage.kind, (storage.count,), name, order)


def _view(numbers: np.ndarray, tensor: Tensor, field: str) -> np.ndarray:
    """The tensor's own array, after a check that it stays inside its storage."""
    if 0 in tensor.shape:
        raise InputError(f"{field}: expected a tensor that is not empty")
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides))
    if last >= len(numbers):
        raise InputError(f"{field}: expected a tensor inside its storage of {len(numbers)} numbers")
    strides = [step * numbers.itemsize for step in tensor.strides]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
    return finite(view, field)
