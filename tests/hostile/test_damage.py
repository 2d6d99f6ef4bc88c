"""Damaged files of every kind: read, or refused in one sentence; hypothesis chooses the damage."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.damage import MUTATIONS, damaged, finding, loaders

NAMES = (
    "network.json",
    "network.npz",
    "network.onnx",
    "network.safetensors",
    "point.json",
    "point.npy",
    "point.npz",
    "region.vnnlib",
    "certificate.json",
    "certificate.json.gz",
    "extract.checkpoint",
    "equivalent.checkpoint",
)


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    return loaders(tmp_path_factory.mktemp("whole"))


def test_every_loader_is_here_and_reads_its_whole_file(every, tmp_path):
    assert tuple(every) == NAMES
    for loader in every.values():
        path = tmp_path / f"whole{loader.suffix}"
        path.write_bytes(loader.whole)
        assert loader.read(path) is not None


def test_a_loader_that_fails_is_a_finding(every, tmp_path):
    def broken(path):
        raise KeyError("layers")

    loader = type(every["network.json"])(".json", b"{}", broken)
    assert finding(loader, tmp_path / "x.json", b"{}") == "KeyError: 'layers'"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=False))
def test_mutations(name, every, tmp_path, random):
    loader = every[name]
    assert finding(loader, tmp_path / f"fuzz{loader.suffix}", damaged(loader.whole, random)) == ""


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400))
def test_any_bytes(name, every, tmp_path, data):
    loader = every[name]
    path: Path = tmp_path / f"fuzz{loader.suffix}"
    assert finding(loader, path, data) == ""
    assert finding(loader, path, loader.whole[:8] + data) == ""


def test_every_mutation_changes_something(every):
    whole = every["network.json"].whole
    for mutate in MUTATIONS:
        assert any(mutate(whole, Random(seed)) != whole for seed in range(5))
