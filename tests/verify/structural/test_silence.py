"""Equality where the weights that differ are silent: whatever differs, no point of the domain shows it."""

import json

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError, Network
from precise.cli import application, run
from precise.formats import save_network
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate, rewritten
from verify.cli import VERBS
from verify.equality.silence import prove_equal_where_silent, silent_domain
from verify.verdict import Outcome

SEEDS = st.integers(0, 2**32 - 1)


def damaged(network, generator, count):
    """The same network but for a few weights or biases."""
    layers = [([list(row) for row in layer.weights], list(layer.biases)) for layer in network.layers]
    for _ in range(count):
        weights, biases = layers[generator.integers(len(layers))]
        neuron, entry = generator.integers(len(weights)), generator.integers(len(weights[0]) + 1)
        values, place = (biases, neuron) if entry == len(weights[0]) else (weights[neuron], entry)
        values[place] += fmpq(int(generator.integers(1, 9)), 4)
    return Network.from_rows(layers)


def shy(limit=-50):
    """Two networks that differ in one weight: neuron 2 of layer 2 reads neuron 1, which is on for x1 > -limit only."""

    def network(weight):
        return Network.from_rows([([[1, 0], [0, 1]], [limit, 0]), ([[1, 1], [weight, 1]], [0, 1]), ([[1, 1]], [0])])

    return network(2), network(3)


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.sampled_from(["2-3-1", "3-4x2-2", "2-3x3-1"]), st.integers(1, 3))
def test_no_point_of_the_domain_shows_a_difference(seed, shape, count):
    generator = np.random.default_rng(seed)
    first = random_network(shape, seed=seed % 97)
    second = rewritten(damaged(first, generator, count), generator, steps=8, kinds=(0, 2))
    points = [[fmpq(int(v), 4) for v in row] for row in generator.integers(-40, 40, (64, first.input_width))]
    held = silent_domain(first, second).contains(points)
    for point, inside in zip(points, held, strict=True):
        if inside:
            assert evaluate(first, point) == evaluate(second, point)


def test_rewritten_networks_are_equal_everywhere():
    network = random_network("3-4x2-2", seed=5)
    verdict = prove_equal_where_silent(network, rewritten(network, np.random.default_rng(2), steps=8, kinds=(0, 2)))
    assert (verdict.outcome, verdict.domain) == (Outcome.EQUAL, "all of R^3")


def test_a_weight_is_silent_where_what_it_reads_is_off_or_its_neuron_is_off_in_both():
    first, second = shy()
    domain = silent_domain(first, second)
    assert domain.contains([[50, 1], [51, 1], [51, -9], ["101/2", 1]]) == [True, False, False, False]
    dead = [Network((n.layers[0], mutants.shift_bias(n, 2, 2, -1000).layers[1], n.layers[2])) for n in (first, second)]
    assert silent_domain(*dead).contains([[51, 1], [51, 2000], [400, 1]]) == [True, False, False]
    # off in the first, on in the second
    assert dead[0].preactivations([400, 1])[1][1] < 0 < dead[1].preactivations([400, 1])[1][1]


def test_the_verdict_names_what_differs_and_how_many_points_are_in_the_domain():
    verdict = prove_equal_where_silent(*shy(-512))
    assert verdict.outcome is Outcome.EQUAL
    assert verdict.domain == "the inputs of R^2 at which the weight that differs is silent"
    assert "weights differ only in layer 2 (neuron 2)" in verdict.reason
    assert verdict.details["differences"] == [{"layer": 2, "first": 2, "second": 2, "inputs": [[1, 1]], "whole": False}]
    assert 0.6 < verdict.details["inside"] / verdict.details["points"] < 0.9  # three quarters of the box


@pytest.mark.parametrize(
    "fault",
    [
        lambda network: mutants.flip_sign(network, 1, 1),
        lambda network: mutants.shift_bias(network, 2, 1, 1),
        lambda network: mutants.shift_bias(network, 3, 1, 1),
    ],
    ids=["sign", "bias", "output"],
)
def test_what_acts_everywhere_leaves_too_little_to_speak_of(fault):
    layers = [([[1, 2], [3, -1]], [9999, 9999]), ([[1, 2], [2, 1]], [1, 3]), ([[1, 1]], [0])]
    network = Network.from_rows(layers)  # every neuron is on in the box
    verdict = prove_equal_where_silent(network, fault(network))
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.details["inside"] == 0


def test_a_neuron_that_one_network_lacks_is_silent_where_it_is_off():
    first = Network.from_rows([([[1, 0], [0, 1], [2, 1]], [1, 2, -6]), ([[1, 1, 1]], [0])])
    second = Network.from_rows([([[0, 3], [2, 0]], [6, 2]), ([["1/3", "1/2"]], [0])])
    for pair in ((first, second), (second, first)):
        assert silent_domain(*pair).contains([[-4, 0], [0, 6], [3, 0], [0, 7]]) == [True, True, True, False]


def test_networks_of_other_shapes_and_points_of_other_widths_are_refused():
    with pytest.raises(InputError, match="same number of layers, not 2 and 3"):
        silent_domain(random_network("2-3-1", seed=1), random_network("2-3-3-1", seed=1))
    with pytest.raises(InputError, match="2 coordinates, not 3"):
        silent_domain(*shy()).contains([[1, 2, 3]])


def test_the_command(tmp_path, capsys):
    paths = [save_network(network, tmp_path / f"{n}.json").path for n, network in enumerate(shy(-512))]

    def verify(*arguments):
        return run(application("Summary.", VERBS), "verify", ["equal", *map(str, arguments)])

    assert verify(*paths, "--where-silent", "--json", tmp_path / "report.json") == 0
    assert capsys.readouterr().out.startswith("equal on the inputs of R^2 at which the weight that differs is silent: ")
    assert json.loads((tmp_path / "report.json").read_text())["details"]["points"] == 1024
    assert verify(*paths) == 1
    capsys.readouterr()
    deeper = save_network(random_network("2-3x3-1", seed=1), tmp_path / "deeper.json").path
    assert verify(paths[0], deeper, "--where-silent") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected networks with the same number of layers, not 3 and 4" in error
