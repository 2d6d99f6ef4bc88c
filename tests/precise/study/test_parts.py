"""The parts of a study against something independent: brute force, hand-made networks, planted faults."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st

from precise.errors import InputError
from precise.network import Network
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from precise.study.attempt import attempt
from precise.study.cells import EXTRACTION, SIGNS, Cell, Limits, grid, parse_bits, parse_formats
from precise.study.conditions import conditions
from precise.study.fit import fitted
from precise.study.record import extraction_record
from precise.study.side_by_side import read_table
from precise.study.sign_curves import sign_curves
from precise.study.summary import smallest

NETWORK = random_network("4-3-1", 1, bits=24)


def test_the_grid_holds_every_cell_once() -> None:
    cells = grid(2, (8, 53), ("float32",), (4, 5))
    assert len(cells) == len(set(cells)) == len({cell.key for cell in cells}) == 2 * (3 * 2 + 2)
    assert {cell.kind for cell in cells} == {EXTRACTION, SIGNS}


@pytest.mark.parametrize("text", ["", "8,", "1", "a", "8;16", "-8", "8.5", "99999999"])
def test_wrong_bits_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--bits .*: expected numbers from 2"):
        parse_bits(text)


def test_bits_and_formats_are_sorted_and_unique() -> None:
    assert parse_bits("53, 8,53") == (8, 53)
    assert parse_formats("float64,bfloat16,float64") == ("bfloat16", "float64")
    assert parse_formats("none") == ()
    with pytest.raises(InputError, match="--formats float8: expected some of float16"):
        parse_formats("float8")


@given(
    st.dictionaries(
        st.sampled_from([8, 16, 32, 53, 64, 128]), st.lists(st.booleans(), min_size=1, max_size=3), min_size=1
    )
)
def test_the_smallest_precision_is_that_of_the_definition(tried: dict[int, list[bool]]) -> None:
    records = [{"precision": f"bits:{b}", "exact": came} for b, seeds in tried.items() for came in seeds]
    found = smallest([*records, {"precision": "float64", "exact": False}], "exact")
    good = [b for b in tried if all(all(tried[c]) for c in tried if c >= b)]
    assert found["bits"] == min(good, default=None)
    assert found["above"] == max((b for b in tried if b not in good), default=None)


def test_condition_numbers_of_known_matrices() -> None:
    turned = [[Fraction(3, 5), Fraction(-4, 5)], [Fraction(16, 5), Fraction(12, 5)]]  # a rotation times diag(1, 4)
    network = Network.from_rows([(turned, [0, 0]), ([[1, 0], [0, 8]], [0, 0]), ([[1, 1]], [0])])
    first, second = conditions(network)
    assert first.bits == pytest.approx(2)
    assert (second.bits, second.growth) == (pytest.approx(3), pytest.approx(5))


def test_dependent_rows_have_no_condition_number_and_none_after_them() -> None:
    network = Network.from_rows([([[1, 2], [2, 4]], [0, 1]), ([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    assert [(layer.bits is None, layer.growth) for layer in conditions(network)] == [(True, None), (False, None)]


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=12))
def test_the_fit_is_the_exact_least_squares_line(points: list[tuple[int, int]]) -> None:
    line = fitted([(float(x), float(y)) for x, y in points])
    if len({x for x, _ in points}) < 3:
        assert line is None
        return
    n = len(points)
    mx, my = Fraction(sum(x for x, _ in points), n), Fraction(sum(y for _, y in points), n)
    slope = sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)
    rest = sum((y - my - slope * (x - mx)) ** 2 for x, y in points)
    assert line is not None
    assert line.slope == pytest.approx(float(slope), abs=1e-9)
    assert line.at(float(mx)) == pytest.approx(float(my), abs=1e-9)
    assert line.residual == pytest.approx(math.sqrt(rest / (n - 2)), abs=1e-6)


def record(network: Network, true: Network, precision: str) -> dict:
    trials = attempt(oracle_of(network, precision), network.widths, 0, Limits())
    return extraction_record(Cell(EXTRACTION, 0, precision, 0), true, trials)


@pytest.mark.parametrize("precision", ["bits:53", "bits:128", "bits:1024"])
def test_a_right_extraction_is_scored_right_and_that_of_another_network_wrong(precision: str) -> None:
    found = record(NETWORK, NETWORK, precision)
    assert found["engine"] == ("walk" if precision == "bits:1024" else "match")
    assert (found["complete"], found["recovered"], found["wrong"]) == (True, True, 0)
    assert found["exact"] == found["layers"][0]["exact"] == (precision != "bits:53")
    assert math.isfinite(found["seconds"])
    json.dumps(found)

    planted = with_weight(NETWORK, NETWORK.layers[0].weights[1][2] * (1 + fmpq(1, 2**20)))
    other = record(NETWORK, planted, precision)
    assert not other["recovered"]
    assert not other["exact"]
    assert other["layers"][0]["signatures"] == 2
    assert other["wrong"] > 0


def with_weight(network: Network, value: fmpq) -> Network:
    rows = [list(row) for row in network.layers[0].weights]
    rows[1][2] = value
    first = replace(network.layers[0], weights=tuple(map(tuple, rows)))
    return Network((first, *network.layers[1:]))


def test_a_wrong_output_layer_is_not_exact() -> None:
    output = replace(NETWORK.layers[1], biases=(NETWORK.layers[1].biases[0] + fmpq(1, 2**30),))
    for precision in ("bits:192", "bits:1024"):
        found = record(NETWORK, Network((NETWORK.layers[0], output)), precision)
        assert found["layers"][0]["exact"]
        assert not found["exact"]


def test_a_refused_walk_is_told_and_counted() -> None:
    found = record(random_network("6-4x2-1", 2), random_network("6-4x2-1", 2), "bits:256")
    assert [trial["engine"] for trial in found["trials"]] == ["walk", "match"]
    assert found["queries"] == sum(trial["queries"] for trial in found["trials"])
    assert found["trials"][0]["queries"] < 1000


def test_an_exhausted_cell_says_how_far_it_came() -> None:
    oracle = oracle_of(NETWORK, "bits:53")
    trials = attempt(oracle, NETWORK.widths, 0, Limits(match_queries=400))
    found = extraction_record(Cell(EXTRACTION, 0, "bits:53", 0), NETWORK, trials)
    assert oracle.queries <= 400
    assert "budget of 400 queries" in found["outcome"]
    assert (found["complete"], found["recovered"], found["wrong"]) == (False, False, 0)


def test_signs_of_a_first_layer_are_right_in_float64_and_short_wiggles_untold_at_few_bits() -> None:
    layers = sign_curves(NETWORK, oracle_of(NETWORK, "float64"), 3)
    assert [point["right"] for point in layers[0]["points"]] == [3] * 15
    assert sum(each["false"] for each in layers[0]["distances"]) == 0
    coarse = sign_curves(NETWORK, oracle_of(NETWORK, "bits:8"), 3)
    shortest, longest = (coarse[0]["distances"][n] for n in (0, -1))
    assert shortest["true"] == shortest["false"] == 0  # 2^-14 of the way changes no answer by a unit of 8 bits
    assert longest["untold"] < shortest["untold"]


def test_a_table_from_elsewhere_is_read_or_refused(tmp_path) -> None:
    path = tmp_path / "table.json"
    good = {"format": "precise-side-by-side", "version": 1, "columns": ["a", "b"], "rows": [["x", 1.25], [None, 3]]}
    path.write_text(json.dumps(good))
    assert read_table(path).rows == [["x", "1.2"], ["-", "3"]]
    for wrong in (
        {},
        [],
        good | {"rows": [["x"]]},
        good | {"columns": []},
        good | {"title": 3},
        good | {"rows": [[[], 1]]},
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=r"table\.json: expected"):
            read_table(path)
    path.write_text("{")
    with pytest.raises(InputError, match="expected JSON"):
        read_table(path)
    with pytest.raises(InputError, match="No such file"):
        read_table(tmp_path / "none.json")


def test_numpy_is_not_fooled_by_scale() -> None:
    tiny = Network.from_rows([([[fmpq(1, 2**60), 0], [0, fmpq(1, 2**61)]], [0, 0]), ([[1, 1]], [0])])
    assert conditions(tiny)[0].bits == pytest.approx(1)
    assert np.isfinite(conditions(tiny)[0].growth)
