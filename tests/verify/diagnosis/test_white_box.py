"""The white-box diagnosis: every kind of fault by name, pairs, equal rewritings, what is claimed and what is not."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise.errors import InputError
from precise.network import Network
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate, rewritten
from verify.diagnosis import input_fit, layer_fit, peeling, planted
from verify.diagnosis.bench import SHAPES, place_of
from verify.diagnosis.depths import paired_layers
from verify.diagnosis.fault import Certainty, Kind
from verify.diagnosis.planting import plant, scrambled
from verify.diagnosis.white_box import diagnose
from verify.equality import prove_equal
from verify.verdict import Outcome

NETWORK = random_network("8-6x3-2", seed=3)
SMALL_SHAPES = [shape for shape in SHAPES if not shape.startswith(("784", "100", "64"))]


def named(original, recovered):
    found = diagnose(original, recovered, seconds=0)
    assert found.explained
    return found, [(fault.kind, fault.layer, fault.neurons) for fault in found.faults]


@pytest.mark.parametrize(
    ("copy", "kind", "layer", "neurons"),
    [
        (planted.flip_sign(NETWORK, 2, 3), Kind.SIGN, 2, (3,)),
        (planted.set_entry(NETWORK, 2, 4, 2, 1), Kind.ENTRIES, 2, (4,)),
        (planted.one_ulp(NETWORK, 1, 5, 2, bits=120), Kind.ENTRIES, 1, (5,)),
        (planted.shift_bias(NETWORK, 3, 1, "1e-40"), Kind.ENTRIES, 3, (1,)),
        (planted.drop_neuron(NETWORK, 2, 5), Kind.MISSING, 2, (5,)),
        (planted.add_neuron(NETWORK, 3, [1, -2, 3, 4, -5, 6, 7], [8, 9]), Kind.SPURIOUS, 3, (7,)),
        (planted.copy_neuron(NETWORK, 1, 4, "3/5"), Kind.DUPLICATE, 1, (4, 7)),
        (planted.scale_row(NETWORK, 2, 6, "7/3"), Kind.SCALE, 2, (6,)),
        (planted.swap_outgoing(NETWORK, 1, 2, 5), Kind.PERMUTATION, 1, (2, 5)),
        (planted.round_layer(NETWORK, 2, 9), Kind.PRECISION, 2, ()),
        (planted.shift_bias(NETWORK, 4, 2, "1/8"), Kind.OUTPUT, 4, (2,)),
    ],
)
def test_every_kind_is_named_alone_and_proved(copy, kind, layer, neurons):
    found, places = named(NETWORK, copy)
    assert places == [(kind, layer, neurons)]
    assert found.faults[0].certainty is Certainty.PROVED
    assert found.first_layer == layer
    assert prove_equal(NETWORK, found.repaired).outcome is Outcome.EQUAL
    assert found.faults[0].evidence.endswith(".")


def test_the_figures_of_a_fault():
    copy = planted.set_entry(planted.scale_row(NETWORK, 1, 2, 3), 2, 4, 5, 1)
    found, places = named(NETWORK, planted.round_layer(copy, 3, 11))
    assert [kind for kind, *_ in places] == [Kind.SCALE, Kind.ENTRIES, Kind.PRECISION]
    scale, entries, precision = found.faults
    assert scale.factor == 3
    assert [(entry.index, entry.found) for entry in entries.entries] == [(5, fmpq(1))]
    assert entries.entries[0].right == NETWORK.layers[1].weights[3][4]
    assert precision.bits in (11, 12)  # rounding to 11 bits errs by 2^-11 at most


def test_the_first_wrong_layer_is_found_where_all_behind_it_is_wrong_too():
    copy = planted.flip_sign(NETWORK, 1, 2)
    for layer in (2, 3):
        for neuron in range(1, 7):
            for entry in range(1, 4):
                copy = planted.set_entry(copy, layer, neuron, entry, fmpq(neuron + entry, 7))
    found, places = named(NETWORK, copy)
    assert found.first_layer == 1
    assert (Kind.SIGN, 1, (2,)) in places
    assert {layer for _, layer, _ in places} == {1, 2, 3}


def test_what_is_ambiguous_is_not_claimed():
    network = random_network("5-4x2-1", seed=2)
    original, _ = scrambled(network, np.random.default_rng(1))
    found, places = named(network, planted.scale_row(original, 2, 3, "5/2"))
    explanations = [places, *[[(f.kind, f.layer, f.neurons) for f in other] for other in found.alternatives]]
    assert [(Kind.SCALE, 2, (3,))] in explanations
    assert [(Kind.OUTPUT, 3, (1,))] in explanations
    assert found.faults[0].certainty is Certainty.LIKELY


@pytest.mark.parametrize("seed", range(27))
def test_single_faults_and_pairs(seed):
    kinds = list(Kind)
    chosen = [kinds[seed % 9], *([kinds[(seed * 5 + 1) % 9]] if seed >= 18 else [])]
    case = plant(random_network(SMALL_SHAPES[seed % len(SMALL_SHAPES)], seed), chosen, seed, bool(seed % 2))
    if case is None:
        pytest.skip("no room for these faults in this shape")
    found = diagnose(case.original, case.recovered, seconds=0)
    answers = [{place_of(fault) for fault in found.faults}]
    answers += [{place_of(fault) for fault in other} for other in found.alternatives]
    assert case.places in answers
    assert found.explained
    for fault in found.faults:
        assert fault.certainty is Certainty.LIKELY or place_of(fault) in case.places


@given(st.integers(0, 10**6), st.sampled_from(["4-5x2-2", "6-4x3-1", "3-6-2"]))
@settings(max_examples=25, deadline=None)
def test_no_fault_is_invented_on_equal_rewritings(seed, shape):
    network = random_network(shape, seed)
    copy = rewritten(network, np.random.default_rng(seed), steps=5)
    found = diagnose(network, copy, seconds=0)
    assert found.faults == ()
    assert found.verdict.outcome is Outcome.EQUAL


@given(st.integers(0, 10**6))
@settings(max_examples=4, deadline=None)
def test_copies_that_share_their_weights_are_no_fault_beside_one(seed):
    network = random_network("5-6x2-3", seed)
    copy = rewritten(network, np.random.default_rng(seed), steps=4, kinds=(0, 2, 3))
    found, places = named(network, planted.shift_bias(copy, 3, 2, "1/3"))
    assert places == [(Kind.OUTPUT, 3, (2,))]
    assert found.alternatives == ()


def test_witnesses_show_the_fault_by_an_independent_evaluation():
    copy = planted.shift_bias(planted.flip_sign(NETWORK, 2, 3), 3, 4, "1e-30")
    found = diagnose(NETWORK, copy, seconds=20)
    assert len(found.faults) == 2
    for fault in found.faults:
        point = fault.witness.point
        assert list(fault.witness.first) == evaluate(NETWORK, point)
        assert list(fault.witness.second) == evaluate(copy, point)
        assert fault.witness.first != fault.witness.second


def test_nothing_is_proved_of_unrelated_networks():
    for shape in ("5-4-1", "8-7x2-2", "2-2-2-1"):
        found = diagnose(random_network(shape, 1), random_network(shape, 2), seconds=0)
        assert found.faults
        assert {fault.certainty for fault in found.faults} == {Certainty.LIKELY}


def test_a_search_that_was_cut_off_proves_nothing(monkeypatch):
    copy = planted.scale_row(planted.flip_sign(NETWORK, 2, 3), 1, 2, 3)
    assert {fault.certainty for fault in diagnose(NETWORK, copy, seconds=0).faults} == {Certainty.PROVED}
    monkeypatch.setattr(peeling, "MOST_FOLLOWED", 1)
    for module in (layer_fit, input_fit):
        monkeypatch.setattr(module, "MOST_READINGS", 1)
    original = random_network("5-4x2-1", seed=2)
    ambiguous = planted.scale_row(scrambled(original, np.random.default_rng(1))[0], 2, 3, "5/2")
    found = diagnose(original, ambiguous, seconds=0)
    assert {fault.certainty for fault in found.faults} == {Certainty.LIKELY}
    assert "cut off" in found.outcome


def test_the_witness_of_a_network_that_reads_pictures_is_a_picture():
    network = random_network("64-8x2-3", seed=5)
    copy = planted.shift_bias(planted.flip_sign(network, 1, 3), 2, 4, "1e-30")
    faults = diagnose(network, copy, seconds=20).faults
    assert [fault.kind for fault in faults] == [Kind.SIGN, Kind.ENTRIES]
    for fault in faults:
        point = fault.witness.point
        assert any(point)
        assert all(0 <= value <= 1 for value in point)
        assert list(fault.witness.first) == evaluate(network, point)
        assert list(fault.witness.second) == evaluate(copy, point) != list(fault.witness.first)


def test_three_exchanged_rows_below_a_layer_that_lost_precision():
    network = random_network("8-5x2-2", seed=6)
    moved = planted.swap_outgoing(planted.swap_outgoing(network, 1, 1, 3), 1, 1, 5)
    _, places = named(network, planted.round_layer(moved, 2, 9))
    assert places == [(Kind.PERMUTATION, 1, (1, 3, 5)), (Kind.PRECISION, 2, ())]


def test_exchanged_rows_that_lost_precision_below_a_single_output():
    network = random_network("20-12x2-1", seed=6)
    copy = planted.swap_outgoing(planted.round_layer(scrambled(network, np.random.default_rng(0))[0], 2, 9), 2, 4, 11)
    _, places = named(network, copy)
    assert places == [(Kind.PRECISION, 2, ()), (Kind.PERMUTATION, 2, (4, 11))]


def test_no_fault_is_planted_that_two_explanations_fit_alike():
    """A scale below a single output, and one of its weights, in a copy on scales of its own."""
    network = random_network("5-4-1", seed=1)
    assert plant(network, [Kind.SCALE], 1, rewritten=True) is None
    assert plant(network, [Kind.SCALE], 1, rewritten=False) is not None
    case = plant(network, [Kind.OUTPUT], 1, rewritten=True)
    assert diagnose(case.original, case.recovered, seconds=0).alternatives == ()


def test_a_fault_of_a_neuron_without_effect_is_none():
    idle = mutants.add_dead_neuron(NETWORK, 2)
    copy = planted.flip_sign(planted.shift_bias(idle, 2, 7, -1), 1, 1)
    _, places = named(idle, copy)
    assert places == [(Kind.SIGN, 1, (1,))]


def test_other_depths_are_not_guessed_at():
    found = diagnose(NETWORK, random_network("8-6x2-2", 1), seconds=5)
    (fault,) = found.faults
    assert (fault.kind, fault.layer, fault.neurons) == (Kind.DEPTH, 1, ())
    assert fault.certainty is Certainty.LIKELY
    assert not found.explained
    assert "has 3 layers, and the original has 4" in found.outcome
    assert "no layer is recognised" in found.outcome
    assert found.details["paired_layers"] == []
    with pytest.raises(InputError, match="same number of inputs"):
        diagnose(NETWORK, random_network("7-6x3-2", 1))


def without_layer(network, layer):
    return Network((*network.layers[: layer - 1], *network.layers[layer:]))


@pytest.mark.parametrize("gone", [1, 2, 3, 4])
def test_a_layer_that_is_missing_or_too_many_is_told(gone):
    whole = random_network("5-5x4-2", 3)
    part = without_layer(whole, gone)
    pairs = [(p.original, p.recovered, p.agree) for p in paired_layers(whole, part)]
    expected = [(n + (n >= gone), n, 5 if n < 4 else 2) for n in range(1, 5)]
    assert pairs == expected
    assert [(b, a, agree) for a, b, agree in pairs] == [
        (p.original, p.recovered, p.agree) for p in paired_layers(part, whole)
    ]
    for original, recovered in ((whole, part), (part, whole)):
        found = diagnose(original, recovered, seconds=2)
        (fault,) = found.faults
        assert (fault.kind, fault.layer) == (Kind.DEPTH, gone)
        assert fault.witness is not None
        assert original(fault.witness.point) != recovered(fault.witness.point)
        assert found.verdict.outcome is Outcome.DIFFERENT


def test_layers_below_the_missing_one_are_read_in_any_order():
    whole = random_network("6-5x3-2", 4)
    part, _ = scrambled(without_layer(whole, 3), np.random.default_rng(2))
    pairs = paired_layers(whole, part)
    assert [(p.original, p.recovered, p.agree) for p in pairs] == [(1, 1, 5), (2, 2, 5)]
    assert "in all 5 neurons" in pairs[0].text


def test_fewer_faults_go_before_more_of_the_same_size():
    """Outputs 1 and 2 contradict each other in a weight whose scale is not known: one more entry, or one more fault."""
    case = plant(random_network("4-8x2-2", 397104638), [Kind.PRECISION, Kind.OUTPUT], 397104638, True)
    found = diagnose(case.original, case.recovered, seconds=0)
    assert {place_of(fault) for fault in found.faults} == case.places
    assert len(found.alternatives) == 1
    assert len(found.alternatives[0]) > len(found.faults)
