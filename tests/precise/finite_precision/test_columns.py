"""First-layer weights outside the slice: enclosed for every oracle, to nearly all bits of a float64 evaluation."""

import sys
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.matching.columns import other_columns
from precise.matching.isolated import isolated_points
from precise.network import Network
from precise.oracles.hardware import HardwareOracle
from precise.oracles.promise import RelativePromise
from precise.oracles.select import oracle_of
from precise.random_networks import random_network
from precise.rounding.balls import middle, radius, sign_of, working_precision
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.view import View

UNKNOWN = 2.0**-34  # radius of the entries that are given


def around(value, random):
    """A ball that holds the value, somewhere."""
    return arb(value) + arb(UNKNOWN * random.uniform(-0.9, 0.9), UNKNOWN)


def enclosed(true, coordinates, random):
    """The true rows on the slice, normalised and widened, and the outputs: (known, outputs, sizes of layer 1)."""
    scales, layers, first = [fmpq(1)] * true.input_width, [], []
    for layer in true.layers[:-1]:
        rows, sizes = [], []
        for weights, bias in zip(layer.weights, layer.biases, strict=True):
            values = [w * s for w, s in zip(weights, scales, strict=True)]
            values = [values[c] for c in coordinates] if not layers else values
            pivot = max(range(len(values)), key=lambda j: abs(values[j]))
            size = abs(values[pivot])
            entries = [arb(v / size) if j == pivot else around(v / size, random) for j, v in enumerate(values)]
            rows.append(KnownRow(tuple(entries), around(bias / size, random), pivot))
            sizes.append(size)
        layers.append(rows)
        scales, first = sizes, first or sizes
    outputs = [around(w * s, random) for w, s in zip(true.layers[-1].weights[0], scales, strict=True)]
    outputs.append(around(true.layers[-1].biases[0], random))
    return KnownLayers(layers), outputs, first


def recovered(widths, precision, seed, oracle=None, network=None):
    """(true network, {column: balls} or None, the factors that layer 1 was divided by)."""
    network = network or random_network(widths, seed)
    oracle = oracle or oracle_of(network, precision)
    true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
    random = Random(seed)
    coordinates = sorted(random.sample(range(true.input_width), true.widths[1] + 2))
    with working_precision():
        known, outputs, sizes = enclosed(true, coordinates, random)
        view = View(oracle, coordinates, [1])
        return true, other_columns(view, known, [], outputs, random, lambda *_: None), sizes


def wrong(true, found, sizes):
    """How many balls do not hold the true weight."""
    with working_precision():
        return sum(
            not found[c][i].contains(arb(true.layers[0].weights[i][c] / size))
            for c in found
            for i, size in enumerate(sizes)
        )


@pytest.mark.parametrize("precision", ["float64", "bits:53", "bits:90", "exact"])
@given(seed=st.integers(0, 100_000), widths=st.sampled_from(["9-4x2-1", "8-3-1", "9-4-3-2-1", "12-5x2-1"]))
@settings(max_examples=25, deadline=None)
def test_the_true_weights_are_enclosed(precision, seed, widths):
    true, found, sizes = recovered(widths, precision, seed)
    if found is not None:
        assert len(found) == true.input_width - true.widths[1] - 2
        assert wrong(true, found, sizes) == 0


def test_an_error_beyond_the_promise_shows():
    """The comparison above can fail: an oracle of 40 bits that promises 60 gives balls without the true weights."""
    missed = 0
    for seed in range(6):
        oracle = oracle_of(random_network("9-4x2-1", seed), "bits:40")
        oracle.promise = RelativePromise(60)
        true, found, sizes = recovered("9-4x2-1", "bits:40", seed, oracle)
        missed += found is None or wrong(true, found, sizes) > 0
    assert missed == 6


@pytest.mark.parametrize("seed", range(3))
def test_the_bits_are_not_those_of_the_rows_that_are_given(seed):
    _, found, _ = recovered("20-10x2-1", "float64", seed)
    assert max(radius(ball) for column in found.values() for ball in column) < UNKNOWN / 2


def test_the_bias_of_the_output_is_rounded_too(monkeypatch):
    """Where only a neuron that hardly enters the output is active, nearly all of the error is the bias's."""
    monkeypatch.setattr(sys.modules[__name__], "UNKNOWN", 2.0**-60)
    told = 0
    for seed in range(8):
        first, second, (weights, biases) = random_network("9-4x2-1", seed).to_numpy()
        network = Network.from_arrays([first, second, (weights * 2.0**-14, biases + 1)])
        true, found, sizes = recovered("9-4x2-1", "float64", seed, network=network)
        told += found is not None
        assert found is None or wrong(true, found, sizes) == 0
    assert told >= 6


@pytest.mark.parametrize("factor", [2.0**8, 2.0**20])
def test_an_input_of_another_unit_is_told(factor):
    """Weights that are far larger than those of the slice bend the output within the first step."""
    (weights, biases), *above = random_network("9-4x2-1", 3).to_numpy()
    outside = next(c for c in range(9) if c not in Random(3).sample(range(9), 6))
    weights = weights.copy()
    weights[outside] *= factor
    network = Network.from_arrays([(weights, biases), *above])
    true, found, sizes = recovered("9-4x2-1", "float64", 3, network=network)
    assert wrong(true, found, sizes) == 0
    assert max(radius(ball) for ball in found[outside]) < factor * 2.0**-40


def test_a_wrong_influence_is_refuted():
    """A row of layer 2 that is not the network's contradicts the slopes where one neuron is active alone."""
    network = random_network("9-4x2-1", 1)
    oracle = oracle_of(network, "float64")
    true, random = oracle.rounded_network(), Random(1)
    with working_precision():
        known, outputs, _ = enclosed(true, range(6), random)
        second = [replace(row, weights=tuple(w * arb("1.001") for w in row.weights)) for row in known.layers[1]]
        spoilt = KnownLayers([known.layers[0], second])
        assert other_columns(View(oracle, range(6), [1]), spoilt, [], outputs, random, lambda *_: None) is None


def test_isolated_points_have_one_active_neuron_and_room():
    network = random_network("9-4x2-1", 2)
    with working_precision():
        known, _, _ = enclosed(network, range(6), Random(2))
        view = View(oracle_of(network, "float64"), range(6), [1])
        points = isolated_points(view, known, Random(2))
        alone = set()
        for point, step in points:
            [sides, above] = known.pattern(view.balls(point))
            assert sides.count(1) == 1
            alone.add(sides.index(1))
            rows = known.local(view.balls(point)).rows
            moved = [c + (step if a == 0 else 0) for a, c in enumerate(point)]
            assert [sign_of(v) for v in known.local(view.balls(moved)).values] == above
            assert len(rows) == 4
    assert alone == {0, 1, 2, 3}
    assert all(Fraction(step, 1 << view.grid) > Fraction(1, 100) for _, step in points)
    assert middle(known.layers[0][0].weights[known.layers[0][0].reference]) in (1.0, -1.0)
