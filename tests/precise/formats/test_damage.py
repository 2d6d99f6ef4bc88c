"""Damaged files of every format: a network or one clear sentence, never anything else."""

import random

import pytest

from precise.errors import InputError
from precise.formats import hdf5, load_network, save_network
from tests.precise.formats.foreign import (
    gemm_nodes,
    keras2_h5,
    keras_file,
    network,
    onnx_file,
    pairs,
    torch_file,
)


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """An undamaged file of every format by suffix."""
    files = {suffix: tmp_path / f"whole{suffix}" for suffix in (".json", ".npz", ".onnx", ".safetensors")}
    for path in files.values():
        save_network(network(pairs()), path)
    onnx_file(files[".onnx"], *gemm_nodes(pairs(), alpha=0.5))
    keras_file(tmp_path / "whole.keras", pairs())
    keras2_h5(tmp_path / "whole.h5", pairs())
    torch_file(tmp_path / "whole.pt", monkeypatch, pairs())
    files |= {suffix: tmp_path / f"whole{suffix}" for suffix in (".keras", ".h5", ".pt")}
    for path in files.values():
        load_network(path)
    return {suffix: path.read_bytes() for suffix, path in files.items()}


def damaged(data, draw):
    """The file cut short, with some bits flipped, with some bytes replaced, or with a part repeated."""
    changed, kind = bytearray(data), draw.choice(["cut", "flip", "flip", "bytes", "repeat"])
    if kind == "cut":
        return bytes(changed[: draw.randrange(len(changed))])
    if kind == "repeat":
        start = draw.randrange(len(changed))
        end = start + draw.randrange(200)
        return bytes(changed[:end] + changed[start:])
    for _ in range(draw.choice([1, 1, 2, 8])):
        at = draw.randrange(len(changed))
        changed[at] = changed[at] ^ (1 << draw.randrange(8)) if kind == "flip" else draw.choice(b"\0\x01\x7f\x80\xff")
    return bytes(changed)


def outcome(path):
    """PATH: and what became of reading it."""
    try:
        return f"{path}: {load_network(path)!r}"
    except InputError as error:
        return str(error)


# an HDF5 file takes a process of its own
CASES = {".json": 300, ".npz": 300, ".onnx": 300, ".safetensors": 300, ".pt": 300, ".keras": 30, ".h5": 15}


@pytest.mark.parametrize("suffix", CASES)
def test_damage(tmp_path, whole, monkeypatch, suffix):
    monkeypatch.setattr(hdf5, "TIMEOUT", 2.0)
    path = tmp_path / f"n{suffix}"
    for seed in range(CASES[suffix]):
        path.write_bytes(damaged(whole[suffix], random.Random(seed)))
        said = outcome(path)
        assert said.startswith(f"{path}: "), seed
        assert "\n" not in said, seed
