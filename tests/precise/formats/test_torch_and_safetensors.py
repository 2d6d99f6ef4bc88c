"""PyTorch state dicts: .safetensors, and .pt files built with stand-ins for PyTorch's classes."""

import json
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from safetensors.numpy import save_file

from precise.formats import load_network
from tests.precise.formats.foreign import (
    network,
    pairs,
    refused,
    torch_entries,
    torch_file,
    torch_state,
    zip_file,
)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_both_formats(tmp_path, monkeypatch, dtype):
    arrays = pairs(dtype=dtype)
    save_file(torch_state(arrays), tmp_path / "n.safetensors")
    torch_file(tmp_path / "n.pt", monkeypatch, arrays)
    torch_file(tmp_path / "n.pth", monkeypatch, arrays)
    for suffix in ("safetensors", "pt", "pth"):
        assert load_network(tmp_path / f"n.{suffix}") == network(arrays)


def test_more_than_ten_layers_come_in_the_order_of_their_numbers(tmp_path):
    arrays = pairs(shapes=((2, 2),) * 12)
    save_file(torch_state(arrays, [f"net.fc{n}" for n in range(1, 13)]), tmp_path / "n.safetensors")
    assert load_network(tmp_path / "n.safetensors") == network(arrays)


def test_names_without_order_need_shapes_with_one(tmp_path):
    arrays = pairs(shapes=((4, 3), (3, 5), (5, 2)))
    save_file(torch_state(arrays, ["in", "hidden", "a_head"]), tmp_path / "a.safetensors")
    assert load_network(tmp_path / "a.safetensors") == network(arrays)
    arrays = pairs(shapes=((4, 3), (3, 3), (3, 3), (3, 2)))
    save_file(torch_state(arrays, ["in", "one", "two", "out"]), tmp_path / "b.safetensors")
    refused(tmp_path / "b.safetensors", "expected layer names that differ by one number")
    save_file(torch_state(arrays, ["a0.0", "a0.1", "a1.0", "a1.1"]), tmp_path / "c.safetensors")
    refused(tmp_path / "c.safetensors", "expected layer names that differ by one number")


def test_many_layers_of_one_shape_are_refused_quickly(tmp_path):
    arrays = pairs(shapes=((2, 2),) * 90)
    names = ["".join(chr(97 + int(c)) for c in f"{n:03}") for n in range(90)]
    save_file(torch_state(arrays, names), tmp_path / "n.safetensors")
    refused(tmp_path / "n.safetensors", "expected layer names")


def test_layers_without_biases(tmp_path):
    state = torch_state(pairs())
    del state["2.bias"]
    save_file(state, tmp_path / "n.safetensors")
    expected = pairs()
    expected[1][1][:] = 0
    assert load_network(tmp_path / "n.safetensors") == network(expected)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("1.running_mean", np.zeros(3, "f4"), ["'1.running_mean'"]),
        ("1.weight", np.zeros(3, "f4"), ["'1.weight'", "(3,)"]),
        ("0.weight", np.zeros((3, 1, 2, 2), "f4"), ["'0.weight'", "(3, 1, 2, 2)"]),
        ("9.bias", np.zeros(3, "f4"), ["'9.bias'", "9.weight"]),
        ("2.weight", np.zeros((3, 4), "f4"), ["2.weight", "expected 3 inputs", "not 4"]),
        ("2.bias", np.zeros(4, "f4"), ["2.weight", "biases", "(4,)"]),
        ("2.weight", np.zeros((0, 3), "f4"), ["2.weight"]),
        ("2.weight", np.full((3, 3), np.inf, "f4"), ["'2.weight'", "finite"]),
        ("2.weight", np.zeros((3, 3), "i4"), ["2.weight"]),
    ],
)
def test_entries_that_are_refused(tmp_path, monkeypatch, name, array, words):
    state = torch_state(pairs()) | {name: array}
    save_file(state, tmp_path / "n.safetensors")
    refused(tmp_path / "n.safetensors", *words[:1])
    if array.dtype.kind == "f":
        refused(zip_file(tmp_path / "n.pt", torch_entries(monkeypatch, state)), *words[:1])


def test_safetensors_that_lie(tmp_path):
    header = {"0.weight": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    path = tmp_path / "n.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 4)
    refused(path)
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    refused(path)
    path.write_bytes((2).to_bytes(8, "little") + b"{}")
    refused(path)


def test_bfloat16_in_safetensors(tmp_path):
    values = np.array([[1.5, -2.0], [0.25, 3.0]], np.float32)
    raw = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    header = json.dumps({"fc.weight": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "n.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + raw)
    assert load_network(tmp_path / "n.safetensors") == network([(values.T, np.zeros(2))])


# --- .pt ---


def pt(path, pickled, **entries):
    return zip_file(path, {"m/data.pkl": pickled} | {f"m/data/{key}": value for key, value in entries.items()})


def test_strides_offsets_and_byte_order(tmp_path, monkeypatch):
    [(weights, biases)] = pairs(shapes=((4, 3),))
    entries = torch_entries(monkeypatch, {"0.weight": np.asfortranarray(weights.T), "0.bias": biases}, metadata=False)
    assert load_network(zip_file(tmp_path / "n.pt", entries)) == network([(weights, biases)])
    entries["model/byteorder"] = b"big"
    for n, array in enumerate((weights, biases)):
        entries[f"model/data/{n}"] = array.astype(">f4").tobytes(order="C" if n else "A")
    assert load_network(zip_file(tmp_path / "n.pt", entries)) == network([(weights, biases)])
    entries["model/byteorder"] = b"middle"
    refused(zip_file(tmp_path / "n.pt", entries), "byteorder")


class Attack:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_executed(tmp_path, protocol):
    marker = tmp_path / "executed"
    for attack in (Attack(os.system, f"touch {marker}"), Attack(eval, f"open({str(marker)!r}, 'w')")):
        for value in (attack, {"0.weight": attack}, OrderedDict(x=attack)):
            refused(pt(tmp_path / "n.pt", pickle.dumps(value, protocol)), "data.pkl")
    assert not marker.exists()


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "text",
        [],
        {},
        {"a": 1},
        {1: 2},
        {"model": {"0.weight": 1}},
        OrderedDict(),
        b"bytes",
        {1, 2},
        1.5,
    ],
)
def test_other_pickles(tmp_path, value):
    refused(pt(tmp_path / "n.pt", pickle.dumps(value, 2)), "expected")


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b".",
        b"\x80\x02.",
        b"\x80\x02(.",
        b"\x80\x02}",
        b"\x80\x02}h\x05.",
        b"\x80\x02q\x00.",
        b"\x80\x02(q\x00t.",
        b"\x80\x02}K\x01s.",
        b"\x80\x02}(X\x01\x00\x00\x00au.",
        b"\x80\x02NQ.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02ccollections\nOrderedDict\n}R.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00)))t R.",
        b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.",
        b"\x80\x02X\xff\xff\xff\x7fa.",
        b"\x80\x02}N\x86b.",
    ],
)
def test_corrupt_pickles(tmp_path, code):
    refused(pt(tmp_path / "n.pt", code))


def edited(monkeypatch, old, new):
    entries = torch_entries(monkeypatch, torch_state(pairs()))
    assert old in entries["model/data.pkl"]
    return entries | {"model/data.pkl": entries["model/data.pkl"].replace(old, new, 1)}


def test_tensors_outside_their_storage(tmp_path, monkeypatch):
    # the first tensor has the shape (3, 4) and the strides (4, 1) in a storage of 12 numbers
    for old, new, word in (
        (b"K\x03K\x04\x86", b"K\x04K\x04\x86", "inside its storage"),
        (b"K\x04K\x01\x86", b"K\x05K\x01\x86", "inside its storage"),
        (b"K\x03K\x04\x86", b"J\xff\xff\xff\xffK\x04\x86", "tensors as torch.save writes them"),
        (b"K\x0ct", b"K\x0dt", "expected 52 bytes"),
        (b"K\x0ct", b"J\xff\xff\xff\x7ft", "at most"),
        (b"X\x01\x00\x00\x000", b"X\x06\x00\x00\x00../../", "plain name"),
    ):
        entries = edited(monkeypatch, old, new)
        refused(zip_file(tmp_path / "n.pt", entries), word)


def test_a_sign_that_is_not_applied_yet(tmp_path, monkeypatch):
    # PyTorch appends {"neg": True} to the arguments of a lazily negated tensor
    entries = edited(monkeypatch, b"\x89", b"\x89")
    code = entries["model/data.pkl"]
    at = code.index(b"R", code.index(b"\x89"))
    end = code.index(b"t", at)
    entries["model/data.pkl"] = code[:end] + b"}X\x03\x00\x00\x00neg\x88s" + code[end:]
    refused(zip_file(tmp_path / "n.pt", entries), "tensors as torch.save writes them")


def test_strides_of_zero_cannot_make_a_bomb(tmp_path, monkeypatch):
    entries = edited(monkeypatch, b"K\x03K\x04\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86")
    entries["model/data.pkl"] = entries["model/data.pkl"].replace(b"K\x04K\x01\x86", b"K\x00K\x00\x86", 1)
    refused(zip_file(tmp_path / "n.pt", entries), "at most")


def test_integer_tensors_and_missing_parts(tmp_path, monkeypatch):
    refused(
        zip_file(tmp_path / "a.pt", edited(monkeypatch, b"ctorch\nFloatStorage", b"ctorch\nLongStorage")),
        "floating-point",
        "torch.LongStorage",
    )
    entries = torch_entries(monkeypatch, torch_state(pairs()))
    del entries["model/data/3"]
    refused(zip_file(tmp_path / "b.pt", entries), "model/data/3")
    refused(zip_file(tmp_path / "c.pt", {"x": b""}), "data.pkl")
