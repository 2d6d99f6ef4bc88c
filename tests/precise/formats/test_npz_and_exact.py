"""The two plain formats: .npz and exact JSON."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from precise.formats import load_network
from tests.precise.formats.foreign import network, pairs, refused, zip_file


def savez(path, arrays, **more):
    named = {f"{kind}{n}": a for n, pair in enumerate(arrays, 1) for kind, a in zip("Wb", pair)}
    np.savez(path, **(named | more))
    return path


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", ">f8", "i1", "u2", "<i8"])
def test_npz_of_every_number_type_is_exact(tmp_path, dtype):
    arrays = [(np.abs(w * 8).astype(dtype), np.abs(b * 8).astype(dtype)) for w, b in pairs()]
    assert load_network(savez(tmp_path / "n.npz", arrays)) == network(arrays)


def test_npz_compressed_and_in_fortran_order(tmp_path):
    arrays = [(np.asfortranarray(w), b) for w, b in pairs()]
    named = {f"{kind}{n}": a for n, pair in enumerate(arrays, 1) for kind, a in zip("Wb", pair)}
    np.savez_compressed(tmp_path / "n.npz", **named)
    assert load_network(tmp_path / "n.npz") == network(arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_npz_not_finite(tmp_path, value):
    arrays = pairs()
    arrays[1][0][2, 1] = value
    refused(savez(tmp_path / "n.npz", arrays), "W2", "finite", "[2, 1]")


def test_npz_shapes(tmp_path):
    first, second, _ = pairs()
    refused(savez(tmp_path / "a.npz", [second, first]), "W2", "expected 3 inputs", "W1", "not 4")
    refused(savez(tmp_path / "b.npz", [(first[0], second[1][:2])]), "W1", "biases of shape (3,)", "(2,)")
    refused(savez(tmp_path / "c.npz", [(first[0][0], first[1])]), "W1", "matrix")
    refused(savez(tmp_path / "d.npz", [(np.zeros((4, 0)), np.zeros(0))]), "W1", "matrix")


def test_npz_names(tmp_path):
    expected = "expected the arrays W1, b1, W2, b2, ..."
    one, two, three = pairs()
    refused(savez(tmp_path / "a.npz", [one], step=np.zeros(1)), expected, "step")
    np.savez(tmp_path / "b.npz", W1=one[0], b1=one[1], W3=two[0], b3=two[1])
    refused(tmp_path / "b.npz", expected)
    np.savez(tmp_path / "c.npz", one[0], one[1])
    refused(tmp_path / "c.npz", expected, "arr_0")
    np.savez(tmp_path / "d.npz", W1=one[0])
    refused(tmp_path / "d.npz", expected)
    np.savez(tmp_path / "e.npz", W1=one[0], b1=one[1], W2=three[0])
    refused(tmp_path / "e.npz", expected)


def test_npz_of_pickled_objects_is_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path / "executed").touch, ()

    np.savez(tmp_path / "n.npz", W1=np.array([[Bomb()]], dtype=object), b1=np.zeros(1))
    refused(tmp_path / "n.npz", "W1", "pickled objects")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("dtype", ["S4", "?", "c8", "M8[s]", [("a", "f4")], "V2", np.longdouble])
def test_npz_of_other_types(tmp_path, dtype):
    refused(savez(tmp_path / "n.npz", [(np.zeros((2, 2), dtype), np.zeros(2))]), "W1", "numbers")


def npy_header(shape, dtype="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def test_npz_that_declares_terabytes(tmp_path):
    entries = {"W1.npy": npy_header((10**6, 10**6)) + b"\0" * 64, "b1.npy": npy_header((1,)) + b"\0" * 4}
    refused(zip_file(tmp_path / "n.npz", entries), "W1", "at most")


def test_npz_zip_bombs(tmp_path):
    deflated = {"compression": zipfile.ZIP_DEFLATED}
    bomb = npy_header((2**28,)) + bytes(2**28)
    entries = {"W1.npy": bomb, "b1.npy": b""}
    refused(zip_file(tmp_path / "one.npz", entries, **deflated), "W1.npy", "at most")
    # five entries that declare 256 MiB each
    many = zip_file(tmp_path / "many.npz", {f"W{n}.npy": b"x" for n in range(5)}).read_bytes()
    many = many.replace(b"\x01\0\0\0\x01\0\0\0\x06\0", b"\x01\0\0\0\0\0\0\x10\x06\0")
    (tmp_path / "many.npz").write_bytes(many)
    refused(tmp_path / "many.npz", "at most", "unpacked")


def test_zip_entries_repeated_encrypted_or_packed_otherwise(tmp_path):
    twice = zip_file(tmp_path / "a.npz", {"W1.npy": b"", "W2.npy": b""}).read_bytes()
    (tmp_path / "a.npz").write_bytes(twice.replace(b"W2.npy", b"W1.npy"))
    refused(tmp_path / "a.npz", "different names")
    refused(zip_file(tmp_path / "b.npz", {"W1.npy": b"0"}, compression=zipfile.ZIP_LZMA), "W1.npy", "deflated")
    plain = zip_file(tmp_path / "c.npz", {"W1.npy": b"0"}).read_bytes()
    encrypted = plain.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\x01\0")
    assert encrypted != plain
    (tmp_path / "c.npz").write_bytes(encrypted)
    refused(tmp_path / "c.npz", "W1.npy", "password")


# --- exact JSON ---


def good():
    return {
        "format": "precise-network",
        "version": 1,
        "widths": [2, 1],
        "layers": [{"weights": [["1/3", "-2"]], "biases": ["0"]}],
    }


def written(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_exact_with_metadata_and_unreduced_numbers(tmp_path):
    file = good() | {"metadata": {"anything": [1, {"x": None}]}}
    file["layers"][0]["weights"][0][0] = "2/6"
    assert load_network(written(tmp_path / "n.json", file)) == load_network(written(tmp_path / "m.json", good()))


def test_the_example_in_the_documentation(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "file-formats.md").read_text()
    [example] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert load_network(written(tmp_path / "n.json", example)).widths == (2, 2, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, ["format", "precise-network"]),
        ({"version": 2}, ["version", "expected 1"]),
        ({"version": True}, ["version"]),
        ({"widths": [2, 2]}, ["widths", "[2, 1]"]),
        ({"layers": []}, ["layers", "not empty"]),
        ({"layers": {"a": 1}}, ["layers", "a list"]),
        ({"layers": [{"weights": [["1"]]}]}, ["layers[0]", "weights and biases"]),
        ({"layers": [{"weights": [["1"], "1"], "biases": ["0"]}]}, ["layers[0].weights[1]"]),
        ({"layers": [{"weights": [["1", 2]], "biases": ["0"]}]}, ["layers[0].weights[0][1]", "rational"]),
        ({"layers": [{"weights": [["1", "0.5"]], "biases": ["0"]}]}, ["[0][1]", "'0.5'"]),
        ({"layers": [{"weights": [["1", "1/0"]], "biases": ["0"]}]}, ["[0][1]", "denominator"]),
        ({"layers": [{"weights": [["1", "\u0661"]], "biases": ["0"]}]}, ["[0][1]", "rational"]),
        ({"layers": [{"weights": [["1", "1 "]], "biases": ["0"]}]}, ["[0][1]", "rational"]),
        ({"layers": [{"weights": [["1", "2"]], "biases": ["0", "1"]}]}, ["layer 1", "1 biases"]),
        ({"layers": [{"weights": [["1", "2"], ["1"]], "biases": ["0", "1"]}]}, ["layer 1", "rows"]),
        ({"extra": 1}, ["'extra'", "metadata"]),
    ],
)
def test_exact_fields(tmp_path, change, words):
    refused(written(tmp_path / "n.json", good() | change), *words)


@pytest.mark.parametrize("key", ["version", "widths", "layers"])
def test_exact_missing_fields(tmp_path, key):
    file = good()
    del file[key]
    refused(written(tmp_path / "n.json", file), key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, ["JSON"]),
        ("[" * 100_000 + "]" * 100_000, ["nested"]),
        ('{"a": ' * 5_000 + "1" + "}" * 5_000, ["nested"]),
        ('{"format": "precise-network", "format": "x"}', ["'format' twice"]),
        ('{"metadata": {"a": NaN}}', ["NaN"]),
        ('{"version": ' + "1" * 5000 + "}", ["numbers"]),
        ("not json", ["JSON", "line 1"]),
        ("null", ["format"]),
        ("[1, 2]", ["format"]),
        ('{"format": ', ["JSON", "line 1"]),
    ],
)
def test_exact_text(tmp_path, text, words):
    refused(written(tmp_path / "n.json", text), *words)


def test_exact_bytes_that_are_no_text(tmp_path):
    (tmp_path / "n.json").write_bytes(b'{"format": "\xff"}')
    refused(tmp_path / "n.json", "UTF-8")


def test_exact_with_too_many_values(tmp_path, monkeypatch):
    monkeypatch.setattr("precise.formats.strict_json.MAX_PARAMETERS", 5)
    refused(written(tmp_path / "n.json", good()), "at most 5 values")


# --- every format ---

SUFFIXES = [".json", ".npz", ".onnx", ".safetensors", ".keras", ".h5", ".hdf5", ".pt", ".pth"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_missing_and_foreign_files(tmp_path, suffix):
    path = tmp_path / f"n{suffix}"
    refused(path, "no such file")
    path.touch()
    refused(path, "empty")
    path.write_text("W1 = 1, 2, 3\n")
    refused(path)
    path.write_bytes(bytes(range(256)) * 4)
    refused(path)
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    refused(folder, "expected a file")


def test_text_and_pickles_with_the_wrong_name(tmp_path):
    (tmp_path / "n.npz").write_text("0.1 0.2\n")
    refused(tmp_path / "n.npz", "NumPy .npz file, not text")
    (tmp_path / "n.h5").write_bytes(b"PK\x03\x04")
    refused(tmp_path / "n.h5", "not a zip archive")
    (tmp_path / "n.pt").write_bytes(b"\x80\x02.")
    refused(tmp_path / "n.pt", "not a pickle")


@pytest.mark.parametrize("name", ["n.txt", "n", "n.tar.gz", ".npz"])
def test_unknown_suffix(tmp_path, name):
    (tmp_path / name).write_text("x")
    message = refused(tmp_path / name, "expected a name ending in")
    assert all(suffix in message for suffix in SUFFIXES)


def test_large_files_are_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("precise.formats.files.MAX_BYTES", 10)
    refused(savez(tmp_path / "n.npz", pairs()), "at most 10 bytes")


def test_networks_of_too_many_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("precise.formats.chain.MAX_PARAMETERS", 20)
    refused(savez(tmp_path / "n.npz", pairs()), "W2", "at most 20 weights")
