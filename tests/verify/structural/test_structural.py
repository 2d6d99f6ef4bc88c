"""Equality on all of R^n: planted faults are found and named, rewritings are proved, nothing is guessed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError, Network
from precise.formats import load_network
from precise.random_networks import random_network
from precise.symmetry.canonical_form import canonical_form
from tests.precise.rewritings import evaluate, rewritten, small_network
from tests.verify.structural.brute_force import differ
from verify.equality.smt import find_difference
from verify.equality.structural import SMALL, prove_equal
from verify.verdict import Outcome

FIXTURES = Path(__file__).parents[3] / "fixtures"
SEEDS = st.integers(0, 2**32 - 1)
TINY = st.sampled_from([(1, 2, 1), (1, 2, 2, 1), (2, 2, 1), (2, 2, 2, 2), (2, 3, 1)])

FAULTS = {
    "flip_sign": lambda network, layer, g: mutants.flip_sign(network, layer, some(network, layer, g)),
    "one_ulp": lambda network, layer, g: mutants.one_ulp(network, layer, some(network, layer, g), 1),
    "shift_bias": lambda network, layer, g: mutants.shift_bias(network, layer, some(network, layer, g), "1e-30"),
    "drop_neuron": lambda network, layer, g: mutants.drop_neuron(network, layer, some(network, layer, g)),
    "swap_outgoing": lambda network, layer, g: mutants.swap_outgoing(network, layer, 1, 2),
    "scale_row": lambda network, layer, g: mutants.scale_row(network, layer, some(network, layer, g), "4/3"),
}
REWRITINGS = {
    "permute_pair": lambda network, layer, g: mutants.permute_pair(network, layer, 1, 2),
    "rescale_neuron": lambda network, layer, g: mutants.rescale_neuron(network, layer, some(network, layer, g), "7/5"),
    "duplicate_neuron": lambda network, layer, g: mutants.duplicate_neuron(network, layer, some(network, layer, g)),
    "add_dead_neuron": lambda network, layer, g: mutants.add_dead_neuron(network, layer),
}


def some(network, layer, generator):
    return int(generator.integers(1, network.layers[layer - 1].neurons + 1))


def checked(first, second, verdict):
    """The witness of a verdict, evaluated by code that the package does not use."""
    assert verdict.outcome is Outcome.DIFFERENT
    point = verdict.witness.point
    assert list(verdict.witness.first) == evaluate(first, point)
    assert list(verdict.witness.second) == evaluate(second, point)
    assert verdict.witness.first != verdict.witness.second


def scrambled(network, seed):
    return rewritten(network, np.random.default_rng(seed), steps=12, kinds=(0, 2))


# --- tiny networks: three ways of deciding that share no code ---


@settings(max_examples=200, deadline=None)
@given(SEEDS, TINY, st.sampled_from([*FAULTS, *REWRITINGS]))
def test_verdict_solver_and_brute_force_agree(seed, widths, kind):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    layer = int(generator.integers(1, len(widths) - 1))
    other = {**FAULTS, **REWRITINGS}[kind](network, layer, generator)
    truth = differ(network, other)
    verdict = prove_equal(network, other)
    assert find_difference(network, other).differs == truth
    assert verdict.outcome is (Outcome.DIFFERENT if truth else Outcome.EQUAL)
    assert not (truth and kind in REWRITINGS)
    if truth:
        checked(network, other, verdict)


@settings(max_examples=100, deadline=None)
@given(SEEDS, TINY)
def test_unrelated_networks_with_small_weights_are_decided(seed, widths):
    generator = np.random.default_rng(seed)
    first, second = small_network(generator, widths), small_network(generator, widths)
    verdict = prove_equal(first, second)
    assert verdict.outcome is (Outcome.DIFFERENT if differ(first, second) else Outcome.EQUAL)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_in_a_generic_network_is_shown(kind):
    for seed, widths in enumerate(("3-4-2", "4-3x2-1", "5-4x3-2")):
        network = random_network(widths, seed)
        for layer in range(1, len(network.layers)):
            other = FAULTS[kind](network, layer, np.random.default_rng(seed))
            checked(network, other, prove_equal(network, other))


@pytest.mark.parametrize("kind", REWRITINGS)
def test_every_rewriting_of_a_generic_network_is_proved(kind):
    for seed, widths in enumerate(("3-4-2", "4-3x2-1", "5-4x3-2")):
        network = random_network(widths, seed)
        for layer in range(1, len(network.layers)):
            other = REWRITINGS[kind](network, layer, np.random.default_rng(seed))
            assert prove_equal(network, other).outcome is Outcome.EQUAL


# --- the trained fixtures ---


def fixture_layers():
    shallow = ("mnist_784_16x2_1", "digits_64_16x2_10", "breast_cancer_30_8x2_1")
    yield from ((name, layer) for name in shallow for layer in (1, 2, 3))
    yield from (("mnist_784_16x8_1", layer) for layer in (5, 9))


@pytest.mark.parametrize(("name", "layer"), list(fixture_layers()))
def test_one_wrong_sign_or_bit_in_a_trained_network_is_found_and_named(name, layer):
    network = load_network(FIXTURES / f"{name}.npz")
    generator = np.random.default_rng(layer)
    neuron = some(network, layer, generator)
    weight = int(generator.integers(1, network.layers[layer - 1].inputs + 1))
    hidden = layer < len(network.layers)
    for fault, words in (
        (mutants.flip_sign(network, layer, neuron), "has the opposite sign" if hidden else "differs in"),
        (mutants.one_ulp(network, layer, neuron, weight), f"differs in weight {weight}"),
    ):
        verdict = prove_equal(network, fault)
        checked(network, fault, verdict)
        assert f"layer {layer}: neuron {neuron} {words}" in verdict.reason


def test_a_fault_is_named_in_the_first_networks_numbers_when_the_second_is_scrambled():
    network = load_network(FIXTURES / "mnist_784_16x2_1.npz")
    other = scrambled(mutants.flip_sign(network, 2, 5), seed=3)
    verdict = prove_equal(network, other)
    assert "layer 2: neuron 5 " in verdict.reason
    assert "has the opposite sign" in verdict.reason
    assert verdict.details["alignment"][1]["faults"][0]["first"] == 5


@pytest.mark.parametrize("name", ["mnist_784_16x2_1", "mnist_784_16x8_1", "digits_64_16x2_10"])
def test_a_scrambled_trained_network_is_proved_equal(name):
    network = load_network(FIXTURES / f"{name}.npz")
    verdict = prove_equal(network, scrambled(network, seed=1))
    assert verdict.outcome is Outcome.EQUAL
    assert verdict.domain == f"all of R^{network.input_width}"
    assert verdict.witness is None


def test_networks_of_the_published_widths_are_decided():
    network = random_network("100-128x2-1", seed=2)
    other = mutants.rescale_neuron(mutants.permute_pair(network, 1, 3, 77), 2, 128, "3/7")
    assert prove_equal(network, other).outcome is Outcome.EQUAL
    wrong = mutants.one_ulp(other, 2, 100, 64)
    verdict = prove_equal(network, wrong)
    checked(network, wrong, verdict)
    assert "layer 2: neuron 100 differs in weight 64" in verdict.reason


# --- where forms alone do not decide ---


def maximum(order):
    """max(x, y, z) of three inputs, taken as max(max(first, second), third)."""
    unit = [[int(i == j) for j in range(3)] for i in order]
    first, second, third = unit
    rows = [[a - b for a, b in zip(first, second)], second, [-v for v in second], third, [-v for v in third]]
    # max(first, second) = relu(first - second) + second, and the same once more
    middle = [[1, 1, -1, -1, 1], [0, 0, 0, 1, -1], [0, 0, 0, -1, 1]]
    return Network.from_rows([(rows, [0] * 5), (middle, [0] * 3), ([[1, 1, -1]], [0])])


def beside(first, second):
    """The sum of two networks with the same inputs, one output and the same number of layers."""
    layers = []
    for number, (a, b) in enumerate(zip(first.layers, second.layers, strict=True)):
        if number == len(first.layers) - 1:
            layers.append(([[*a.weights[0], *b.weights[0]]], [a.biases[0] + b.biases[0]]))
        elif number == 0:
            layers.append(([*a.weights, *b.weights], [*a.biases, *b.biases]))
        else:
            rows = [[*row, *[0] * b.inputs] for row in a.weights] + [[*[0] * a.inputs, *row] for row in b.weights]
            layers.append((rows, [*a.biases, *b.biases]))
    return Network.from_rows(layers)


def test_equal_functions_with_other_forms_are_left_to_the_solver():
    first, second = maximum((0, 1, 2)), maximum((1, 2, 0))
    assert first([3, -1, "1/2"]) == second([3, -1, "1/2"]) == [3]
    assert canonical_form(first) != canonical_form(second)
    verdict = prove_equal(first, second)
    assert verdict.outcome is Outcome.EQUAL
    assert "the SMT solver proves" in verdict.reason


def test_what_is_neither_proved_nor_refuted_is_unknown():
    large = random_network(f"3-{SMALL}-1-1", seed=1)
    verdict = prove_equal(*(beside(maximum(order), large) for order in ((0, 1, 2), (1, 2, 0))))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.outcome.exit_status == 3
    assert "no input was found on which the outputs differ" in verdict.reason


def test_a_fault_that_changes_nothing_is_not_called_different():
    network = Network.from_rows([([[1, 0], [-1, 0]], [-1, -1]), ([[1, 1]], [1]), ([[2]], [0])])
    # layer 2's neuron is always active, and its input 2 is missing anyway
    other = Network.from_rows([([[1, 0], [-1, 0]], [-1, -1]), ([[2, 2]], [2]), ([[1]], [0])])
    assert prove_equal(network, other).outcome is Outcome.EQUAL


def test_networks_of_other_depths_are_compared():
    deeper = Network.from_rows([([[1]], [0]), ([[1]], [0]), ([[3]], [1])])
    flatter = Network.from_rows([([[2]], [0]), ([["3/2"]], [1])])
    assert prove_equal(deeper, flatter).outcome is Outcome.EQUAL
    wrong = Network.from_rows([([[2]], [0]), ([["3/2"]], [2])])
    checked(deeper, wrong, prove_equal(deeper, wrong))


@pytest.mark.parametrize(("widths", "words"), [("3-2-1", "inputs, not 2 and 3"), ("2-2-2", "outputs, not 1 and 2")])
def test_networks_with_other_inputs_or_outputs_are_refused(widths, words):
    with pytest.raises(InputError, match=f"the same number of {words}"):
        prove_equal(random_network("2-2-1", 1), random_network(widths, 1))
