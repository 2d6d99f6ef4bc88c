"""Whole extractions under rounding error: what is claimed holds, and what cannot be told is said."""

import json
from dataclasses import replace
from random import Random

import pytest
from flint import arb

from benchmarks.enclosures import scores
from benchmarks.soundness import WIDTHS, Tally, judge
from precise.errors import InputError
from precise.matching.extract import extract_by_matching
from precise.matching.layer import Patience
from precise.matching.refine import refine
from precise.network import Network
from precise.oracle import ExactOracle, FunctionOracle, RoundedOracle
from precise.oracles.hardware import HardwareOracle
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from precise.rounding.balls import working_precision
from precise.rounding.known import KnownLayers
from precise.rounding.view import View


def run(widths, precision, seed, **options):
    network = random_network(widths, seed, bits=53)
    oracle = oracle_of(network, precision)
    true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
    return true, extract_by_matching(oracle, network.widths, seed, **options)


@pytest.mark.parametrize(
    ("precision", "bits"), [("float64", 40), ("bits:53", 44), ("decimals:25", 70), ("bits:113", 104)]
)
def test_every_row_and_sign_is_right(precision, bits):
    true, result = run("10-5x2-1", precision, 1)
    assert result.report.complete
    for layer in scores(true, result):
        assert (layer.claimed, layer.enclosed, layer.distinct, layer.signs) == (5, 5, 5, 5)
        assert layer.bits >= bits


@pytest.mark.parametrize(("widths", "seed"), [("10-5x2-1", 0), ("9-4x2-1", 0)])
def test_missing_entries_are_looked_for_where_the_bend_can_be_matched(widths, seed):
    """Beside a single known weight a bend agrees to 30 bits at most: twelve searches then brought no match."""
    true, result = run(widths, "float64", seed)
    assert result.report.complete
    assert all(layer.enclosed == layer.claimed == true.widths[1] for layer in scores(true, result))


@pytest.mark.parametrize("seed", range(3))
def test_the_exhaustive_signs_are_right_where_they_decide(seed):
    true, result = run("10-5x2-1", "float64", seed, signs="exhaustive")
    layers = scores(true, result)
    told = [sum(s != 0 for s in layer.signs) for layer in result.report.layers]
    assert told[0] == 5
    assert [layer.signs for layer in layers] == told


@pytest.mark.parametrize("signs", ["soe", "wiggle", "last-hidden"])
def test_a_heuristic_sign_method_is_right_or_found_out(signs):
    for seed in range(2):
        true, result = run("6-4x2-1", "float64", seed, signs=signs)
        layers = scores(true, result)
        assert not any(layer.wrong_signs for layer in layers)
        if result.report.complete:
            assert [layer.signs for layer in layers] == [4, 4]


@pytest.mark.parametrize("precision", ["bits:11", "bits:24", "bits:53", "bits:113", "float16", "float32"])
def test_nothing_wrong_is_claimed(precision):
    """A part of `benchmarks/soundness.py`."""
    tally = Tally()
    for seed, widths in enumerate(WIDTHS[::2]):
        judge(widths, precision, seed + 100, tally, Patience(lines=40, idle=25))
    assert tally.wrong == 0
    assert tally.rows == 0 or precision not in ("bits:11", "float16")


def test_exact_rows_are_certified_with_enough_bits():
    network = random_network("10-5x2-1", 3, bits=24)
    result = extract_by_matching(oracle_of(network, "bits:160"), network.widths, 3)
    assert [(layer.exact, layer.wrong_exact) for layer in scores(network, result)] == [(5, 0), (5, 0)]
    assert result.report.mantissa == 24


def test_a_planted_wrong_promise_is_found_out():
    """An oracle that errs more than it promises must not come out complete."""
    network = random_network("6-4x2-1", 2)
    exact = ExactOracle(network)

    def answers(points):
        from precise.arithmetic import Batch

        rows = exact.query(Batch.from_rows(points)).rows()
        return [[value + (int(value.p) % 7 - 3) * abs(value) / 2**40 for value in row] for row in rows]

    oracle = FunctionOracle(answers, 6, 1, precision=80)
    assert not extract_by_matching(oracle, network.widths, 2, patience=Patience(20, 10)).report.complete


def test_one_newton_step_keeps_the_truth_and_gives_digits():
    """Balls widened by hand around the true network come back narrow, and still hold it."""
    true, result = run("6-4x2-1", "bits:53", 2)
    assert result.report.complete
    view = View(RoundedOracle(true, 53), result.report.slice_inputs, [1])
    with working_precision():
        wide = KnownLayers([[widened(row) for row in rows] for rows in result.layers])
        outputs = [[v + arb(0, 1e-6) for v in row] for row in result.outputs]
        refined = refine(view, wide, outputs, Random(0))
        assert refined is not None
        result.layers = [list(rows) for rows in refined.known.layers]
        for layer in scores(true, result):
            assert layer.enclosed == layer.claimed == 4
        assert all(entry.rad() < 1e-9 for rows in result.layers for row in rows for entry in row.entries)


def test_a_newton_step_refutes_a_wrong_row():
    true, result = run("6-4x2-1", "bits:53", 2)
    view = View(RoundedOracle(true, 53), result.report.slice_inputs, [1])
    with working_precision():
        layers = [[widened(row) for row in rows] for rows in result.layers]
        layers[0][1] = replace(layers[0][1], bias=layers[0][1].bias + arb("0.001"))
        outputs = [[v + arb(0, 1e-6) for v in row] for row in result.outputs]
        assert refine(view, KnownLayers(layers), outputs, Random(0)) is None


def widened(row):
    weights = [w if j == row.reference else w + arb(0, 1e-6) for j, w in enumerate(row.weights)]
    return replace(row, weights=tuple(weights), bias=row.bias + arb(0, 1e-6))


def test_several_outputs():
    true, result = run("8-5x2-3", "float64", 4)
    assert result.report.complete
    assert [layer.signs for layer in scores(true, result)] == [5, 5]
    assert len(result.outputs) == 3


def test_a_budget_ends_the_run_with_a_statement():
    network = random_network("6-4x2-1", 2)
    result = extract_by_matching(oracle_of(network, "float64", budget=700), network.widths, 2)
    assert not result.report.complete
    assert "budget of 700" in result.report.outcome
    json.dumps(result.report.to_json())


def test_wrong_widths_and_methods_are_refused():
    network = Network.from_rows([([[1, 2]], [0]), ([[1]], [0])])
    with pytest.raises(InputError, match="widths: expected 2 inputs"):
        extract_by_matching(ExactOracle(network), (3, 1, 1))
    with pytest.raises(InputError, match="signs 'luck': expected one of exact"):
        extract_by_matching(ExactOracle(network), (2, 1, 1), signs="luck")


def test_a_report_of_too_few_bits_says_which_rows_and_why_no_more():
    _, result = run("10-5x2-1", "bits:11", 1, patience=Patience(12, 6))
    [line] = [line for line in result.report.text().splitlines() if line.startswith("layer 1: bits")]
    assert "bits of the rows found: none;" in line
    assert result.report.layers[0].told_bits < 40
    assert line.endswith("a match takes 40: too few at this precision")
