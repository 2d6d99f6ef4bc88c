"""Where two networks differ, in words: layer and neuron are the ones that a fault was planted in."""

import pytest

from fixtures import mutants
from precise.network import Network
from precise.random_networks import random_network
from precise.symmetry.alignment import align
from precise.symmetry.canonical_form import canonical_form
from verify.equality.explanation import alignment_figures, first_fault, first_gap

NETWORK = random_network("7-5x3-2", seed=11)


def fault(other):
    return first_fault(align(NETWORK, other))


def gap(first, second):
    return first_gap(canonical_form(first), canonical_form(second))


def test_faults_are_put_in_words():
    assert fault(NETWORK) is None
    assert fault(mutants.flip_sign(NETWORK, 2, 3)).text == (
        "the networks differ first in layer 2: neuron 3 has the opposite sign"
    )
    assert fault(mutants.shift_bias(NETWORK, 3, 1, "1e-40")).text.endswith("layer 3: neuron 1 differs in the bias")
    dropped = mutants.drop_neuron(NETWORK, 1, 2)
    assert fault(dropped).text.endswith("layer 1: neuron 2 of the first network has no counterpart")
    assert first_fault(align(dropped, NETWORK)).text.endswith("neuron 2 of the second network has no counterpart")


def test_many_faults_are_counted():
    other = NETWORK
    for neuron in range(1, 6):
        other = mutants.flip_sign(other, 2, neuron)
    assert fault(other).text.endswith("; and 2 more")
    row = mutants.shift_bias(NETWORK, 4, 1, 1)
    for weight in range(1, 6):
        row = mutants.one_ulp(row, 4, 1, weight)
    assert fault(row).text.endswith("neuron 1 differs in the bias, weight 1, weight 2 and 3 more")


def test_suspects_are_neurons_of_both_networks():
    other = mutants.permute_pair(mutants.flip_sign(NETWORK, 2, 3), 2, 3, 5)
    assert fault(other).suspects == ((0, 2, 3), (1, 2, 5))
    assert fault(other).text.endswith("neuron 3 (in the second 5) has the opposite sign")
    assert fault(mutants.shift_bias(NETWORK, 4, 1, 1)).suspects == ()


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_neuron_that_was_dropped_is_named_by_the_forms(layer):
    found = gap(NETWORK, mutants.drop_neuron(NETWORK, layer, 4))
    assert found.text == f"the canonical forms differ first in layer {layer}, in neuron 4 of the first network"
    assert found.suspects == ((0, layer, 4),)


def test_forms_that_differ_in_the_outputs_name_them():
    assert gap(NETWORK, mutants.shift_bias(NETWORK, 4, 2, 1)).text.endswith("in the last layer only, in output 2")
    both = mutants.shift_bias(mutants.shift_bias(NETWORK, 4, 2, 1), 4, 1, 1)
    assert gap(NETWORK, both).text.endswith("in outputs 1, 2")


def test_a_neuron_that_only_comes_a_layer_later_is_not_called_wrong():
    # relu(x) and relu(y): the second network takes relu(x) through its first layer as relu(x) - relu(-x)
    early = Network.from_rows([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [-1]), ([[1]], [0])])
    late = Network.from_rows(
        [([[0, 1], [1, 1], [-1, -1]], [0, 0, 0]), ([[1, 0, 0], [-1, 1, -1]], [0, 0]), ([[1, 1]], [0])]
    )
    text = gap(early, late).text
    assert text.startswith("the canonical forms differ first in layer 1")
    assert not text.endswith("in ")


def test_figures_hold_what_is_not_exact():
    (_, second, *_) = alignment_figures(align(NETWORK, mutants.flip_sign(NETWORK, 2, 3)))
    assert second["counts"] == {"exact": 4, "sign flipped": 1}
    (pair,) = second["faults"]
    assert (pair["first"], pair["second"], pair["match"], pair["scale"]) == (3, 3, "sign flipped", "-1")
