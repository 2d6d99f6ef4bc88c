"""What is saved and read again is the same network, and roundings are counted."""

import json
import os
from itertools import pairwise

import numpy as np
import pytest
from flint import fmpq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precise.errors import InputError
from precise.formats import load_network, save_network
from precise.network import Network

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)
RATIONALS = st.fractions().map(lambda value: fmpq(value.numerator, value.denominator))
SHARED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def networks(draw, numbers):
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    layers = []
    for inputs, outputs in pairwise(widths):
        rows = st.lists(numbers, min_size=inputs, max_size=inputs)
        layers.append(
            (
                draw(st.lists(rows, min_size=outputs, max_size=outputs)),
                draw(st.lists(numbers, min_size=outputs, max_size=outputs)),
            )
        )
    return Network.from_rows(layers)


@pytest.mark.parametrize("suffix", [".json", ".npz", ".onnx", ".safetensors"])
@SHARED
@given(network=networks(FLOATS))
def test_float64_networks_come_back_exactly(tmp_path, suffix, network):
    saved = save_network(network, tmp_path / f"n{suffix}")
    assert saved.rounded == 0
    assert load_network(saved.path) == network


@SHARED
@given(network=networks(RATIONALS))
def test_rationals_come_back_exactly_from_json(tmp_path, network):
    saved = save_network(network, tmp_path / "n.json")
    assert (saved.rounded, load_network(saved.path)) == (0, network)


@pytest.mark.parametrize("suffix", [".npz", ".onnx", ".safetensors"])
@SHARED
@given(network=networks(RATIONALS))
def test_roundings_are_correct_and_counted(tmp_path, suffix, network):
    saved = save_network(network, tmp_path / f"n{suffix}")
    again = load_network(saved.path)
    values = [
        [value for layer in n.layers for row in (*layer.weights, layer.biases) for value in row]
        for n in (network, again)
    ]
    assert saved.rounded == sum(exact != near for exact, near in zip(*values))
    for exact, near in zip(*values):
        assert int(exact.p) / int(exact.q) == int(near.p) / int(near.q)


def test_numbers_of_a_hundred_thousand_bits(tmp_path):
    long = fmpq((1 << 100_000) + 1, 3**1000)
    network = Network.from_rows([([[long]], [-long])])
    save_network(network, tmp_path / "long.json")
    assert load_network(tmp_path / "long.json") == network


@pytest.mark.parametrize("suffix", [".npz", ".onnx", ".safetensors"])
def test_a_value_out_of_range_leaves_no_file(tmp_path, suffix):
    network = Network.from_rows([([[fmpq(1 << 2000)]], [0])])
    with pytest.raises(InputError, match=r"layer 1: a value is too large for float64; the \.json"):
        save_network(network, tmp_path / f"n{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_survives_a_failure(tmp_path):
    path = tmp_path / "n.npz"
    save_network(Network.from_rows([([[1]], [2])]), path)
    before = path.read_bytes()
    with pytest.raises(InputError):
        save_network(Network.from_rows([([[fmpq(1 << 2000)]], [0])]), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["n.h5", "n.keras", "n.pt", "n.txt", "n"])
def test_formats_that_are_not_written(tmp_path, name):
    with pytest.raises(InputError, match=r"\.json"):
        save_network(Network.from_rows([([[1]], [2])]), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_and_a_target_that_is_a_folder(tmp_path):
    network = Network.from_rows([([[1]], [2])])
    with pytest.raises(InputError, match="expected a place that can be written to"):
        save_network(network, tmp_path / "no" / "n.json")
    (tmp_path / "n.json").mkdir()
    with pytest.raises(InputError, match="expected a place that can be written to"):
        save_network(network, tmp_path / "n.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["n.json"]


def test_links_stay_and_devices_are_not_replaced(tmp_path):
    network = Network.from_rows([([[1]], [2])])
    (tmp_path / "link.json").symlink_to(tmp_path / "n.json")
    save_network(network, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert load_network(tmp_path / "n.json") == network
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="not a folder or a device"):
        save_network(network, tmp_path / "pipe.json")
    with pytest.raises(InputError, match="expected a file"):
        load_network(tmp_path / "pipe.json")


def test_the_exact_file_is_plain_json(tmp_path):
    save_network(Network.from_rows([([["1/3", -2]], ["0"]), ([[5]], ["7/2"])]), tmp_path / "n.json")
    assert json.loads((tmp_path / "n.json").read_text()) == {
        "format": "precise-network",
        "version": 1,
        "widths": [2, 1, 1],
        "layers": [
            {"weights": [["1/3", "-2"]], "biases": ["0"]},
            {"weights": [["5"]], "biases": ["7/2"]},
        ],
    }


def test_saving_twice_gives_the_same_bytes(tmp_path):
    network = Network.from_arrays([(np.ones((2, 3)), np.zeros(3)), (np.ones((3, 1)), np.zeros(1))])
    for suffix in (".json", ".npz", ".onnx", ".safetensors"):
        files = [tmp_path / f"{n}{suffix}" for n in "ab"]
        for file in files:
            save_network(network, file)
        assert files[0].read_bytes() == files[1].read_bytes()
