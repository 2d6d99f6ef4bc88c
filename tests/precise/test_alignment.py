"""Pairing of neurons: which one is which, and what is wrong with it, exactly."""

import pytest
from flint import fmpq

from fixtures import mutants
from precise import InputError, Network
from precise.network import Layer
from precise.random_networks import random_network
from precise.symmetry.alignment import Match, align

NETWORK = random_network("7-5x3-2", seed=11)


def matches(first, second, layer):
    return [pair.match for pair in align(first, second)[layer - 1].pairs]


def test_permuted_and_rescaled_neurons_are_paired_with_their_factors():
    other = mutants.rescale_neuron(mutants.permute_pair(NETWORK, 2, 1, 4), 2, 4, "3/7")
    layers = align(NETWORK, other)
    assert all(pair.match is Match.EXACT for layer in layers for pair in layer.pairs)
    assert [(pair.second, pair.scale) for pair in layers[1].pairs] == [
        (4, fmpq(3, 7)),
        (2, 1),
        (3, 1),
        (1, 1),
        (5, 1),
    ]


def test_a_flipped_neuron_is_named_and_its_followers_are_not_blamed():
    layers = align(NETWORK, mutants.flip_sign(NETWORK, 2, 3))
    assert [pair.match for pair in layers[1].pairs].count(Match.EXACT) == 4
    assert layers[1].pairs[2].match is Match.FLIPPED
    assert layers[1].pairs[2].scale == -1
    assert layers[1].count() == {"exact": 4, "sign flipped": 1}
    assert layers[2].count() == {"exact": 5}


def test_one_unit_in_the_last_place_is_named_with_its_entry():
    other = mutants.rescale_neuron(mutants.one_ulp(NETWORK, 3, 2, 5), 3, 2, 9)
    pair = align(NETWORK, other)[2].pairs[1]
    assert (pair.match, pair.entries, pair.scale) == (Match.DIFFERS, (5,), 9)
    assert matches(NETWORK, mutants.shift_bias(NETWORK, 4, 2, "1e-40"), 4) == [Match.EXACT, Match.DIFFERS]
    assert align(NETWORK, mutants.shift_bias(NETWORK, 4, 2, "1e-40"))[3].pairs[1].entries == (0,)


@pytest.mark.parametrize("bits", [31, 80])  # as in a copy, and as while it is recovered
def test_weights_that_stand_for_unknown_ones_do_not_mix_rows_up(bits):
    other = mutants.permute_pair(NETWORK, 2, 1, 4)
    layers = list(other.layers)
    rows = [list(row) for row in layers[1].weights]
    for row in rows[:3]:
        row[2] = fmpq(-(2**bits))
    layers[1] = Layer(tuple(map(tuple, rows)), layers[1].biases)
    found = align(NETWORK, Network(tuple(layers)))
    assert [pair.second for pair in found[1].pairs] == [4, 2, 3, 1, 5]
    assert [pair.entries for pair in found[1].pairs] == [(), (3,), (3,), (3,), ()]
    assert found[2].count() == {"exact": 5}


def test_neurons_without_counterpart_are_missing_or_extra():
    narrow = mutants.drop_neuron(NETWORK, 1, 2)
    assert matches(NETWORK, narrow, 1).count(Match.MISSING) == 1
    assert align(NETWORK, narrow)[0].pairs[1].match is Match.MISSING
    assert align(narrow, NETWORK)[0].pairs[-1].match is Match.EXTRA
    assert all(2 in pair.entries for pair in align(NETWORK, narrow)[1].pairs)
    assert all(5 in pair.entries for pair in align(narrow, NETWORK)[1].pairs)


def test_rows_of_zeros_and_numbers_beyond_floats_are_paired():
    first = Network.from_rows([([[0, 0], ["1e400", 1]], [0, 0]), ([[1, 1]], [0])])
    layers = align(first, mutants.rescale_neuron(first, 1, 2, "1e-900"))
    assert all(pair.match is Match.EXACT for layer in layers for pair in layer.pairs)


def test_networks_of_other_shapes_are_refused():
    for widths, message in (("7-5-2", "layers"), ("6-5x3-2", "inputs"), ("7-5x3-1", "outputs")):
        with pytest.raises(InputError, match=f"the same number of {message}"):
            align(NETWORK, random_network(widths, seed=1))
