"""The canonical form: sound, invariant under rewritings, complete for one hidden layer."""

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError, Network
from precise.random_networks import random_network
from precise.symmetry.canonical_form import State, canonical_form
from tests.precise.rewritings import evaluate, mirrored, rewritten, small_network

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.sampled_from([(1, 2, 1), (2, 3, 2), (2, 3, 3, 1), (3, 2, 4, 2), (2, 2, 2, 2, 1), (1, 1, 1, 1)])


def points(generator, inputs, count=8):
    return [
        [fmpq(int(v), int(q)) for v, q in zip(generator.integers(-40, 41, inputs), generator.integers(1, 9, inputs))]
        for _ in range(count)
    ]


@settings(deadline=None)
@given(SEEDS, WIDTHS)
def test_the_form_is_the_same_function(seed, widths):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    form = canonical_form(network)
    for point in points(generator, widths[0]):
        assert form(point) == network(point) == evaluate(network, point)


@settings(deadline=None)
@given(SEEDS, WIDTHS)
def test_on_a_box_the_form_is_the_same_function_inside_it(seed, widths):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    low = [int(v) for v in generator.integers(-4, 3, widths[0])]
    box = [(v, v + int(generator.integers(0, 4))) for v in low]
    form = canonical_form(network, box)
    for _ in range(8):
        point = [fmpq(a) + fmpq(b - a) * fmpq(int(generator.integers(0, 9)), 8) for a, b in box]
        assert form(point) == network(point)


@settings(derandomize=True, deadline=None)  # what is proved active or dead rests on a search in floats
@given(SEEDS, WIDTHS)
def test_rewriting_leaves_the_form_as_it_is(seed, widths):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    other = rewritten(network, generator, kinds=(0, 1, 2, 3, 4, 6))
    for point in points(generator, widths[0], 3):
        assert evaluate(network, point) == evaluate(other, point)
    assert canonical_form(network) == canonical_form(other)


@settings(derandomize=True, deadline=None)  # what is proved active or dead rests on a search in floats
@given(SEEDS, st.sampled_from(["3-4-2", "4-3x2-1", "5-4x3-2"]))
def test_rewriting_with_mirror_images_leaves_a_generic_form_as_it_is(seed, widths):
    network = random_network(widths, seed)
    assert canonical_form(rewritten(network, np.random.default_rng(seed))) == canonical_form(network)


@settings(deadline=None)
@given(SEEDS)
def test_forms_that_differ_for_one_hidden_layer_are_different_functions(seed):
    generator = np.random.default_rng(seed)
    first, second = (small_network(generator, (1, 3, 1)) for _ in range(2))
    kinks = {
        0,
        *(
            -layer.biases[i] / layer.weights[i][0]
            for layer in (first.layers[0], second.layers[0])
            for i in range(3)
            if layer.weights[i][0]
        ),
    }
    # a piecewise affine function of one variable is determined by its kinks and two points beyond them
    tests = sorted({fmpq(k) for k in kinks} | {fmpq(v) for v in (-60, -50, 50, 60)})
    equal = all(evaluate(first, [x]) == evaluate(second, [x]) for x in tests)
    assert (canonical_form(first) == canonical_form(second)) == equal


def test_a_fault_changes_the_form():
    network = random_network("6-5x3-2", seed=3)
    form = canonical_form(network)
    for layer in (1, 2, 3):
        for neuron in (1, 5):
            assert canonical_form(mutants.flip_sign(network, layer, neuron)) != form
            assert canonical_form(mutants.one_ulp(network, layer, neuron, 2)) != form
            assert canonical_form(mutants.shift_bias(network, layer, neuron, "1e-40")) != form
    assert canonical_form(mutants.one_ulp(network, 4, 1, 2)) != form


def test_always_active_neurons_count_through_their_affine_map_only():
    first = [[1, 2], [3, -1], [-1, 1]], [1, 0, -2]
    wide = Network.from_rows([first, ([[1, 2, 0], [0, 1, 3], [-1, 0, -4]], [1, 0, -1]), ([[1, 2, 9]], [0])])
    # 1 (h1 + 2 h2 + 1) + 2 (h2 + 3 h3) in one neuron, and the dead one left out
    narrow = Network.from_rows([first, ([[1, 4, 6]], [1]), ([[1]], [0])])
    assert canonical_form(wide) == canonical_form(narrow)
    assert [n.state for n in canonical_form(wide).layers[1]] == [State.ACTIVE, State.ACTIVE, State.DEAD]


def test_a_layer_that_passes_values_on_changes_nothing():
    first, last = ([[1, 2], [3, -1]], [1, 0]), ([[2, -3]], [1])
    deeper = Network.from_rows([first, ([[2, 0], [0, 3]], [0, 0]), ([[1, -1]], [1])])
    assert canonical_form(deeper) == canonical_form(Network.from_rows([first, last]))


def test_a_mirror_image_with_its_affine_part_is_the_same():
    network = random_network("4-3x2-1", seed=5)
    for layer in (1, 2):
        assert canonical_form(mirrored(network, layer, 2)) == canonical_form(network)
    assert canonical_form(mutants.flip_sign(network, 1, 2)) != canonical_form(network)


def test_the_form_says_what_became_of_each_neuron():
    network = Network.from_rows(
        [([[2, 4], [-1, -2], [0, 0], [1, 0], [6, 12]], [6, -3, 5, 1, 18]), ([[1, 1, 1, 0, 2]], [0])]
    )
    form = canonical_form(network)
    assert form.units == ((3, 1, 2),)
    first, mirror, constant, silent, twin = form.layers[0]
    assert (first.unit, first.scale, first.direction) == (0, 2, 1)
    assert (mirror.unit, mirror.scale, mirror.direction) == (0, 1, -1)
    assert constant.state is State.CONSTANT
    assert (silent.state, silent.unit) == (State.BENDS, None)
    assert twin.scale == 6
    assert form.sources(0) == [(1, 1), (1, 2), (1, 5)]
    assert form.count(1)["merged"] == 2
    assert form.count(1)["without influence"] == 1
    assert form.outputs == ((2, -1, -2, 15),)  # 5 from the constant, -z from the mirror image


def test_a_network_without_hidden_layers_is_its_affine_map():
    form = canonical_form(Network.from_rows([([[1, 2], [0, 0]], [3, 0])]))
    assert (form.units, form.outputs) == ((), ((3, 1, 2), ()))


def test_wrong_boxes_and_points_are_refused():
    network = random_network("2-2-1", seed=0)
    with pytest.raises(InputError, match="a box with 2 pairs of bounds, not 1"):
        canonical_form(network, [(0, 1)])
    with pytest.raises(InputError, match="input 2: expected a lower bound below"):
        canonical_form(network, [(0, 1), (1, 0)])
    with pytest.raises(InputError, match="a point of 2 coordinates"):
        canonical_form(network)([1])
