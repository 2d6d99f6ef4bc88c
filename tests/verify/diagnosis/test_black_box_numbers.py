"""Wrong numbers from answers alone: named likely, mended exactly, and never given a certainty that they lack."""

import json

import numpy as np
import pytest
from flint import fmpq

from precise.cli import application, run
from precise.formats import load_network, save_network
from precise.oracle import ExactOracle
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from precise.symmetry.canonical_form import canonical_form
from verify.cli import VERBS
from verify.diagnosis import planted
from verify.diagnosis.black_box import diagnose_black_box
from verify.diagnosis.black_box.answers import flipped
from verify.diagnosis.black_box.outside_slice import cover
from verify.diagnosis.black_box.parameter_fit import FloatNetwork, simple_within, with_entries
from verify.diagnosis.black_box.row_scale import common_mantissa
from verify.diagnosis.fault import Certainty, Kind
from verify.equality import prove_equal
from verify.verdict import Outcome

ORIGINAL = random_network("8-4x2-1", 7)


def entry(network, k, i, j):
    return network.layers[k - 1].weights[i - 1][j - 1] if j else network.layers[k - 1].biases[i - 1]


def spoiled(*places):
    return with_entries(ORIGINAL, places, [entry(ORIGINAL, *place) * fmpq(3, 4) + fmpq(1, 16) for place in places])


@pytest.mark.parametrize("place", [(1, 2, 0), (1, 3, 8), (2, 1, 4), (2, 4, 0), (3, 1, 2)])
def test_one_wrong_number_is_named_and_mended(place):
    recovered = spoiled(place)
    diagnosis = diagnose_black_box(oracle_of(ORIGINAL, "float64"), recovered)
    (fault,) = diagnosis.faults
    assert fault.kind is (Kind.ENTRIES if place[0] < 3 else Kind.OUTPUT)
    assert (fault.layer, fault.neurons) == (place[0], (place[1],))
    assert fault.certainty is Certainty.LIKELY
    (wrong,) = fault.entries
    assert (wrong.index, wrong.found, wrong.right) == (place[2], entry(recovered, *place), entry(ORIGINAL, *place))
    assert diagnosis.repaired == ORIGINAL
    assert diagnosis.explained


def test_a_wrong_sign_below_a_wrong_number():
    recovered = flipped(spoiled((2, 1, 3)), [(1, 2)])
    diagnosis = diagnose_black_box(ExactOracle(ORIGINAL), recovered)
    assert {(f.kind, f.place) for f in diagnosis.faults} == {(Kind.SIGN, (1, 2)), (Kind.ENTRIES, (2, 1))}
    assert all(fault.certainty is Certainty.LIKELY for fault in diagnosis.faults)
    assert diagnosis.repaired == ORIGINAL


def test_exchanged_rows_are_named():
    rows = [[(2, i, j) for j in range(5)] for i in (1, 2)]
    values = [entry(ORIGINAL, *place) for row in reversed(rows) for place in row]
    diagnosis = diagnose_black_box(ExactOracle(ORIGINAL), with_entries(ORIGINAL, [*rows[0], *rows[1]], values))
    (fault,) = diagnosis.faults
    assert (fault.kind, fault.layer, fault.neurons) == (Kind.PERMUTATION, 2, (1, 2))
    assert prove_equal(ORIGINAL, diagnosis.repaired).outcome is Outcome.EQUAL


@pytest.mark.parametrize(
    ("layer", "neuron", "index", "value"), [(1, 2, 0, 20), (1, 4, 0, -30), (2, 1, 0, 25), (1, 3, 5, 9), (2, 3, 1, -12)]
)
def test_one_number_far_off_from_a_float64_oracle(layer, neuron, index, value):
    recovered = planted.set_entry(ORIGINAL, layer, neuron, index, value)
    diagnosis = diagnose_black_box(oracle_of(ORIGINAL, "float64"), recovered)
    (fault,) = diagnosis.faults
    assert (fault.kind, fault.layer, fault.neurons) == (Kind.ENTRIES, layer, (neuron,))
    assert [entry.index for entry in fault.entries] == [index]
    assert fault.certainty is Certainty.LIKELY
    assert diagnosis.repaired == ORIGINAL


@pytest.mark.parametrize(
    ("shape", "layer", "neuron"), [("8-5x2-1", 1, 2), ("40-8x2-1", 1, 3), ("20-6x3-2", 3, 4), ("20-6x3-2", 1, 2)]
)
def test_a_missing_neuron_from_a_float64_oracle(shape, layer, neuron):
    original = random_network(shape, 0)
    oracle = oracle_of(original, "float64")
    diagnosis = diagnose_black_box(oracle, planted.drop_neuron(original, layer, neuron))
    (fault,) = diagnosis.faults
    assert (fault.kind, fault.layer, fault.neurons) == (Kind.MISSING, layer, (original.widths[layer],))
    assert fault.certainty is Certainty.LIKELY
    assert fault.witness is not None
    assert diagnosis.explained
    assert diagnosis.queries == oracle.queries
    assert canonical_form(original) == canonical_form(diagnosis.repaired)  # all digits, from rounded answers


def test_a_copy_too_many_is_no_missing_neuron():
    original = random_network("8-5x2-3", 0)
    diagnosis = diagnose_black_box(oracle_of(original, "float64"), planted.copy_neuron(original, 1, 2))
    assert [(fault.kind, fault.layer, fault.neurons) for fault in diagnosis.faults] == [(Kind.DUPLICATE, 1, (2, 6))]
    assert prove_equal(original, diagnosis.repaired).outcome is Outcome.EQUAL


def test_the_scale_on_which_a_row_is_short():
    generator = np.random.default_rng(3)
    row = generator.standard_normal(5).astype(np.float32).astype(float)
    noise = 1e-11 * generator.uniform(-1, 1, 4)
    mantissa = common_mantissa(row[1:] / row[0] + noise, 1e-11)
    assert np.frexp(row[0])[0] in (mantissa / 2**24, -mantissa / 2**24)
    assert common_mantissa(generator.standard_normal(4), 1e-11) is None


def test_another_network_is_left_unexplained_with_a_witness_of_nothing_proved():
    diagnosis = diagnose_black_box(ExactOracle(ORIGINAL), random_network("8-4x2-1", 8), max_queries=600)
    assert not diagnosis.explained
    assert diagnosis.repaired is None
    assert not [
        fault for fault in diagnosis.faults if fault.kind is not Kind.SIGN and fault.certainty.value == "proved"
    ]


@pytest.mark.parametrize(
    ("value", "radius", "simple"),
    [
        (fmpq(3, 8) + fmpq(1, 10**9), fmpq(1, 10**8), fmpq(3, 8)),
        (fmpq(1, 3) + fmpq(1, 10**9), fmpq(1, 10**8), fmpq(1, 3)),
        (fmpq(1, 10**9), fmpq(1, 10**8), fmpq(0)),
        (fmpq(7, 5), fmpq(0), fmpq(7, 5)),
    ],
)
def test_the_simplest_number_within_an_error(value, radius, simple):
    assert simple_within(value, radius) == simple


def test_derivatives_against_differences():
    network = FloatNetwork(random_network("5-4x2-2", 3))
    points = np.random.default_rng(0).standard_normal((20, 5))
    parameters = [(1, 2, 0), (1, 4, 3), (2, 1, 2), (3, 2, 0), (3, 1, 4)]
    jacobian = network.jacobian(network.held(points), parameters)
    values, step = network.values(parameters), 1e-7
    for n, shift in enumerate(np.eye(len(parameters)) * step):
        moved = network.with_values(parameters, values + shift).held(points)[-1]
        slopes = ((moved - network.held(points)[-1]) / step).reshape(-1)
        assert np.allclose(jacobian[:, n], slopes, atol=1e-5)


def test_a_cover_shows_every_column_that_can_be_shown():
    shown = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
    assert shown[cover(shown)].any(axis=0).tolist() == [True, True, True, False]


def diagnose(*arguments):
    return run(application("verify", VERBS), "verify", ["diagnose", *map(str, arguments)])


def test_the_command_names_repairs_and_reports(tmp_path, capsys):
    model, wrong, fixed, report = (tmp_path / n for n in ("model.json", "wrong.json", "fixed.json", "report.json"))
    save_network(ORIGINAL, model)
    save_network(flipped(ORIGINAL, [(1, 3)]), wrong)
    options = ("--oracle", model, "--oracle-precision", "float64")
    assert diagnose(wrong, *options, "--repair", fixed, "--json", report) == 1
    assert "layer 1, neuron 3: wrong sign (proved)" in capsys.readouterr().out
    assert load_network(fixed) == ORIGINAL
    figures = json.loads(report.read_text())
    assert [(f["kind"], f["layer"], f["neurons"]) for f in figures["faults"]] == [("wrong sign", 1, [3])]
    assert diagnose(model, *options) == 0
    assert diagnose(wrong, *options, "--max-queries", 20) == 3


def test_the_command_refuses_what_cannot_be(tmp_path, capsys):
    model = tmp_path / "model.json"
    save_network(ORIGINAL, model)
    assert diagnose(model, "--oracle", tmp_path / "none.json") == 2
    assert diagnose(tmp_path / "none.json", "--oracle", model) == 2
    assert diagnose(model, "--oracle", model, "--oracle-precision", "float65") == 2
    assert diagnose(model, "--oracle", model, "--repair", model) == 2
    assert capsys.readouterr().err.count("\n") == 4


def test_imprecise_rows_are_refined_from_a_precise_oracle():
    """Every row right to 16 bits, and one sign wrong: with 256 bits all of it is mended to equality."""
    original = random_network("10-5-1", 3)
    rough = planted.round_layer(planted.round_layer(original, 1, 16), 2, 20)
    for wrong in (rough, flipped(rough, [(1, 2)])):
        oracle = oracle_of(original, "bits:256")
        diagnosis = diagnose_black_box(oracle, wrong)
        lost = [(fault.layer, fault.bits) for fault in diagnosis.faults if fault.kind is Kind.PRECISION]
        assert [layer for layer, _ in lost] == [1, 2]
        assert 13 <= lost[0][1] <= 17
        assert [fault.place for fault in diagnosis.faults if fault.kind is Kind.SIGN] == [(1, 2)] * (wrong is not rough)
        assert all(fault.certainty is Certainty.LIKELY for fault in diagnosis.faults)
        assert diagnosis.queries == oracle.queries
        assert canonical_form(diagnosis.repaired) == canonical_form(original)
