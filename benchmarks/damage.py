"""Hostile files for every loader: whole ones, damaged in many ways, each with the loader that must survive it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from precise.extract import extract
from precise.formats import load_network, save_network
from precise.journal.file import Journal
from precise.layers.hidden_layer import Patience
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from verify.certificate import read_certificate, write_certificate
from verify.checker import Refused, check
from verify.equivalence import Effort, decide
from verify.errors import InputError
from verify.linear_region.point import read_point
from verify.properties.claim import within
from verify.properties.domain import box
from verify.properties.specification import read_specification

NETWORKS = (".json", ".npz", ".onnx", ".safetensors")  # written by this package; the tests bring the other formats
POINTS = (".json", ".npy", ".npz")
VNNLIB = """(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(assert (>= X_0 -1.0))
(assert (<= X_0 1.0))
(assert (>= X_1 -0.5))
(assert (<= X_1 0.5))
(assert (>= Y_0 1e-3))
"""
TOKENS = (
    b"[",
    b"{",
    b"(",
    b'"',
    b"1e999999999",
    b"9" * 5000,
    b"-",
    b"NaN",
    b"\xff\xfe",
    b"\0" * 64,
    b"/0",
    b"p99999999",
)
IDENTITY = {"model": "the one of this benchmark"}
LARGEST = 1 << 20  # bytes of a file that a mutation makes


@dataclass(frozen=True)
class Loader:
    """What reads one kind of file."""

    suffix: str  # of its files; the first part may only tell kinds apart
    whole: bytes  # an undamaged file
    read: Callable[[Path], object]


def loaders(folder: Path) -> dict[str, Loader]:
    """Every loader that reads files which this package writes, by name."""
    first, second = random_network("2-4-3-1", seed=1), random_network("2-4-3-1", seed=2)
    found: dict[str, tuple[str, Callable[[Path], object]]] = {}
    for suffix in NETWORKS:
        save_network(first, folder / f"network{suffix}")
        found[f"network{suffix}"] = suffix, load_network
    (folder / "point.json").write_text(json.dumps({"witness": {"point": ["1/3", 2]}}))
    np.save(folder / "point.npy", np.array([0.5, 2.0]))
    np.savez(folder / "point.npz", x=np.array([0.5, 2.0]))
    for suffix in POINTS:
        found[f"point{suffix}"] = suffix, lambda path: read_point(str(path), 2)
    (folder / "region.vnnlib").write_text(VNNLIB)
    found["region.vnnlib"] = ".vnnlib", lambda path: read_specification(path, 2, 1)
    certificate = decide(first, second, box(-1, 1, 2), within(1000, 1), Effort(seconds=20)).certificate
    assert certificate is not None

    def checked(path: Path) -> object:
        try:
            return check(read_certificate(path), first, second)
        except Refused as refused:
            raise InputError(f"{path}: {refused}") from refused

    for suffix in (".json", ".json.gz"):
        write_certificate(folder / f"certificate{suffix}", certificate)
        found[f"certificate{suffix}"] = suffix, checked
    for name, run in (("extract.checkpoint", _extracted), ("equivalent.checkpoint", _decided)):
        journal = Journal.create(folder / name, IDENTITY)
        run(journal)
        journal.close()
        found[name] = ".checkpoint", partial(_resumed, run)
    return {name: Loader(suffix, (folder / name).read_bytes(), read) for name, (suffix, read) in found.items()}


def _extracted(journal: Journal) -> object:
    network = random_network("2-2-1", seed=1)
    return extract(ExactOracle(network), network.widths, patience=Patience(candidates=8, lines=3), journal=journal)


def _decided(journal: Journal) -> object:
    first, second = random_network("2-2-1", seed=1), random_network("2-2-1", seed=2)
    return decide(first, second, box(-1, 1, 2), within(1000, 1), Effort(seconds=5, journal=journal))


def _resumed(run: Callable[[Journal], object], path: Path) -> object:
    """A run that goes on with what is in the file."""
    journal = Journal.resume(path, IDENTITY)
    try:
        return run(journal)
    finally:
        journal.close()


def damaged(data: bytes, draw: Random) -> bytes:
    """The file after one to four mutations: cut, bits flipped, bytes or tokens put in, parts repeated, deep nesting."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        data = draw.choice(MUTATIONS)(data, draw)[:LARGEST]
    return data


def _cut(data: bytes, draw: Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _flip(data: bytes, draw: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 2, 8)) if changed else 0):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _bytes(data: bytes, draw: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 4)) if changed else 0):
        changed[draw.randrange(len(changed))] = draw.choice(b"\0\x01\x7f\x80\xff")
    return bytes(changed)


def _repeat(data: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    end = min(start + draw.randrange(400), len(data))
    return data[:end] + data[start:end] * draw.choice((1, 3, 200)) + data[end:]


def _token(data: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice(TOKENS) + data[at + draw.choice((0, 1, 8)) :]


def _nest(data: bytes, draw: Random) -> bytes:
    at, token = draw.randrange(len(data) + 1), draw.choice((b"[", b"(", b'{"a":', b"\x0a\x7f", b"(not "))
    return data[:at] + token * draw.choice((10, 5_000, 100_000)) + data[at:]


def _number(data: bytes, draw: Random) -> bytes:
    """Eight bytes at once, as a huge little-endian size."""
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice((2**31 - 1, 2**32 - 1, 2**63 - 1, 2**40)).to_bytes(8, "little") + data[at + 8 :]


MUTATIONS = (_cut, _flip, _flip, _bytes, _repeat, _token, _nest, _number)


def finding(loader: Loader, path: Path, data: bytes) -> str:
    """Empty if the loader reads these bytes or refuses them in one sentence that names the file; else what it did."""
    for beside in ("-wal", "-shm"):  # of the checkpoint before this one
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        loader.read(path)
    except InputError as error:
        said = str(error)
        return "" if said.startswith(f"{path}") and "\n" not in said and len(said) < 2000 else f"said {said[:200]!r}"
    except BaseException as error:  # a finding, whatever it is
        return f"{type(error).__name__}: {error!s:.200}"
    return ""


def temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder for the files."""
    return tempfile.TemporaryDirectory(prefix="damage-")
