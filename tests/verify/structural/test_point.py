"""Points from arguments and files: read exactly, or refused with one sentence."""

import gc
import json
from pathlib import Path

import numpy as np
import pytest
from flint import fmpq

from precise import InputError
from verify.linear_region.point import read_point


def test_numbers_with_commas_are_exact():
    assert read_point("1, -3/8,0.1,2e-3", 4) == [1, fmpq(-3, 8), fmpq(1, 10), fmpq(1, 500)]
    assert read_point("0.5", 1) == [fmpq(1, 2)]


def test_numbers_in_json_are_exact(tmp_path):
    path = tmp_path / "point.json"
    path.write_text('[0.1, "1/3", -7, 1e-400]')
    assert read_point(str(path), 4) == [fmpq(1, 10), fmpq(1, 3), -7, 1 / fmpq(10) ** 400]


def test_a_witness_is_read_from_a_report(tmp_path):
    path = tmp_path / "report.JSON"
    path.write_text(json.dumps({"verdict": "different", "witness": {"point": ["1/3", "2"]}}))
    assert read_point(str(path), 2) == [fmpq(1, 3), 2]


def test_arrays_are_read_bit_by_bit(tmp_path):
    values = np.array([0.1, -2.5], dtype=np.float32)
    np.save(tmp_path / "point.npy", values)
    np.savez(tmp_path / "point.npz", x=values)
    expected = [fmpq(13421773, 2**27), fmpq(-5, 2)]
    assert read_point(str(tmp_path / "point.npy"), 2) == expected
    assert read_point(str(tmp_path / "point.npz"), 2) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "the point: expected 2 coordinates, not 1"),
        ("1,2,3", "the point: expected 2 coordinates, not 3"),
        ("1,a", "the point, coordinate 2: expected a rational such as -3/8 or a decimal, not 'a'"),
        ("nan,1", "coordinate 1: expected a rational"),
        ("1,inf", "coordinate 2: expected a rational"),
        ("1/0,1", "coordinate 1: expected a rational"),
        ("1,", "coordinate 2: expected a rational"),
        ("", "coordinate 1: expected a rational"),
        ("missing.json", "missing.json: expected a file, and there is no such file"),
        ("no.npy", "no.npy: expected a file, and there is no such file"),
    ],
)
def test_wrong_arguments_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        read_point(text, 2)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.json", b"[1, NaN]", "a.json, coordinate 2: expected a rational"),
        ("a.json", b"[1, true]", "a.json, coordinate 2: expected a number, not the truth value"),
        ("a.json", b"[1, [2]]", "a.json, coordinate 2: expected a number, not list"),
        ("a.json", b"[1, 2, 3]", "a.json: expected 2 coordinates, not 3"),
        ("a.json", b'{"x": 1}', "a.json: expected a list of numbers, or a report that holds a witness"),
        ("a.json", b'{"witness": {}}', "a.json: expected a list of numbers"),
        ("a.json", b"1, 2", "a.json: expected a point in a whole .json file: JSONDecodeError"),
        ("a.json", b"", "a.json: expected a point in a whole .json file"),
        ("a.json", b"\xff\xfe1", "a.json: expected a point in a whole .json file"),
        ("a.json", b"[" * 100_000, "a.json: expected a point in a whole .json file"),
        ("a.npy", b"", "a.npy: expected a point in a whole .npy file"),
        ("a.npy", b"1, 2", "a.npy: expected a point in a whole .npy file"),
        ("a.npz", b"1, 2", "a.npz: expected a point in a whole .npz file"),
        ("a.txt", b"1, 2", "a.txt: expected a point in a file ending in .json, .npz, .npy"),
    ],
)
def test_wrong_files_are_refused(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as raised:
        read_point(str(path), 2)
    assert "\n" not in str(raised.value)


def test_wrong_arrays_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    for array, words in (
        (np.zeros((2, 2)), r"one dimension, not float64 of shape \(2, 2\)"),
        (np.array([1j, 2]), "not complex128"),
        (np.array([True, False]), "not bool"),
        (np.array(["1", "2"]), "not <U1"),
        (np.array([1.0, np.nan]), "coordinate 2: expected a finite number, not nan"),
    ):
        np.save(path, array)
        with pytest.raises(InputError, match=words):
            read_point(str(path), 2)
    np.save(path, np.array([{}, 1], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"ValueError: .*objects"):
        read_point(str(path), 2)
    np.savez(tmp_path / "b.npz", a=[1, 2], b=[3, 4])
    with pytest.raises(InputError, match="expected one array, the point, not a, b"):
        read_point(str(tmp_path / "b.npz"), 2)


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match="expected a file, and there is another thing"):
        read_point(str(tmp_path / "a.json"), 2)


@pytest.mark.filterwarnings("error")
def test_a_file_that_begins_like_a_zip_archive_is_refused_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "point.npy"
    path.write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(InputError, match=r"expected a point in a whole \.npy file"):
        read_point(str(path), 2)
    gc.collect()  # an open file would be told of now
