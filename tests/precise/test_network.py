"""Network evaluation against a plain Fraction evaluator and against mpmath; shapes, immutability, display."""

import dataclasses
import pickle
from fractions import Fraction
from html.parser import HTMLParser

import mpmath
import numpy as np
import pytest
from flint import fmpq, fmpz, fmpz_mat
from hypothesis import given
from hypothesis import strategies as st

from precise.arithmetic import Batch, rational, to_fraction
from precise.errors import InputError
from precise.network import Layer, Network, relu
from precise.random_networks import random_network

SHAPES = ["3-2", "2-3-1", "4-8-8-1", "10-20-20-3", "5-4x4-2"]
small = st.fractions(min_value=-9, max_value=9, max_denominator=2**20)


def fraction_layers(network, point):
    """The preactivations of every layer, in Fractions and Python loops only."""
    values, found = list(map(Fraction, point)), []
    for layer in network.layers:
        if found:
            values = [max(Fraction(0), value) for value in values]
        rows = [[to_fraction(weight) for weight in row] for row in layer.weights]
        biases = [to_fraction(bias) for bias in layer.biases]
        values = [sum(w * v for w, v in zip(row, values)) + b for row, b in zip(rows, biases)]
        found.append(values)
    return found


def mpmath_outputs(network, point, bits):
    """The outputs from mpmath matrices, computed at `bits` bits."""
    with mpmath.workprec(bits):
        column = mpmath.matrix([mpmath.fdiv(v.numerator, v.denominator) for v in point])
        for number, (weights, biases) in enumerate(network.to_mpmath(bits)):
            if number:
                column = column.apply(lambda value: max(value, mpmath.mpf(0)))
            column = weights * column + biases
        return list(column)


def random_point(width, seed):
    numerators = np.random.default_rng(seed).integers(-(2**30), 2**30, width)
    return [Fraction(int(value), 2**29) for value in numerators]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [24, 53])
def test_evaluation_is_that_of_fractions(shape, bits):
    network = random_network(shape, seed=5, bits=bits)
    points = [random_point(network.input_width, seed) for seed in range(6)]
    expected = [fraction_layers(network, point) for point in points]
    outputs = network.evaluate(Batch.from_rows(points)).rows()
    assert [[to_fraction(v) for v in row] for row in outputs] == [layers[-1] for layers in expected]
    for point, layers in zip(points, expected):
        assert network(point) == [rational(value) for value in layers[-1]]
        assert [[to_fraction(v) for v in row] for row in network.preactivations(point)] == layers
        pattern = [[(v > 0) - (v < 0) for v in row] for row in layers[:-1]]
        assert network.activation_pattern(point) == pattern


@pytest.mark.parametrize("bits", [24, 53, 128, 500])
@pytest.mark.parametrize("shape", SHAPES)
def test_rounded_evaluation_is_mpmath_to_the_last_bit(shape, bits):
    network = random_network(shape, seed=8, bits=53)
    point = random_point(network.input_width, 3)
    reference = mpmath_outputs(network, point, bits + 400)
    with mpmath.workprec(bits):
        expected = [+value for value in reference]
    assert network.evaluate_rounded(point, bits) == [rational(value) for value in expected]


def test_a_trained_shape_agrees_with_both_references():
    network = random_network("784-16x2-1", seed=2)
    point = random_point(784, 9)
    assert list(map(to_fraction, network(point))) == fraction_layers(network, point)[-1]
    assert network.evaluate_rounded(point, 53) == [
        rational(float(value)) for value in mpmath_outputs(network, point, 600)
    ]


@given(st.lists(st.lists(small, min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_batch_is_its_points_one_by_one(points):
    network = random_network("3-4x2-2", seed=1)
    together = network.evaluate(Batch.from_rows(points)).rows()
    assert together == [network(point) for point in points]


@given(st.lists(small, min_size=2, max_size=2), st.integers(1, 2**70))
def test_the_denominator_of_a_batch_does_not_matter(point, factor):
    network = random_network("2-3-2", seed=4)
    batch = Batch.from_rows([point])
    scaled = Batch(batch.numerators * fmpz(factor), batch.denominator * factor)
    assert network.evaluate(scaled).rows() == network.evaluate(batch).rows()


def test_evaluating_changes_no_argument():
    network, batch = random_network("3-2-1", seed=1), Batch.from_rows([[1, "-2/3", 0.5]])
    before = batch.rows()
    network.evaluate(batch)
    relu(batch)
    assert batch.rows() == before


def test_relu_keeps_zero_and_drops_signs():
    assert relu(Batch.from_rows([[-1, 0, "1/3"], [2, "-1/9", 0]])).rows() == [
        [0, 0, fmpq(1, 3)],
        [2, 0, 0],
    ]


def test_a_batch_without_points():
    outputs = random_network("3-2-1", seed=1).evaluate(Batch(fmpz_mat(0, 3, []), fmpz(1)))
    assert (outputs.size, outputs.width, outputs.rows()) == (0, 1, [])


def test_evaluation_at_a_hand_computed_point():
    network = Network.from_rows([([[1, -1], ["1/2", 2]], [0, "-1/3"]), ([[3, "1/5"]], [0.25])])
    assert network([1, 2]) == [fmpq(1, 5) * fmpq(25, 6) + fmpq(1, 4)]  # the first neuron is off
    assert network.activation_pattern([1, 1]) == [[0, 1]]


def test_arrays_are_inputs_by_outputs_and_exact():
    weights, biases = np.array([[0.1, 2], [3, 4], [5, 6]], dtype=np.float32), np.array([0.5, -1])
    network = Network.from_arrays([(weights, biases)])
    assert network.widths == (3, 2)
    assert network.layers[0].weights[0] == (fmpq(13421773, 2**27), 3, 5)
    assert network([0, 1, 0]) == [fmpq(7, 2), 3]


@pytest.mark.parametrize("bits", [24, 53])
def test_float_views_return_the_same_bits(bits):
    network = random_network("7-5-3", seed=6, bits=bits)
    assert Network.from_arrays(network.to_numpy()) == network
    assert all(w.dtype == b.dtype == np.float64 for w, b in network.to_numpy())
    for layer, (weights, biases) in zip(network.layers, network.to_mpmath(bits)):
        assert [[rational(v) for v in row] for row in weights.tolist()] == [list(r) for r in layer.weights]
        assert [rational(v) for v in biases] == list(layer.biases)


def test_float_views_are_correctly_rounded():
    network = Network.from_rows([([["1/3"]], ["-2/3"])])
    ((weights, biases),) = network.to_numpy()
    assert (weights[0, 0].hex(), biases[0].hex()) == ("0x1.5555555555555p-2", "-0x1.5555555555555p-1")
    with pytest.raises(InputError, match="too large for float64"):
        Network.from_rows([([["1e400"]], [0])]).to_numpy()


def test_sizes():
    network = random_network("784-16x2-10", seed=0)
    assert network.widths == (784, 16, 16, 10)
    assert (network.input_width, network.output_width) == (784, 10)
    assert network.parameter_count == 784 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
    assert (network.layers[0].inputs, network.layers[0].neurons) == (784, 16)


def test_a_network_cannot_be_changed():
    network = random_network("3-2-1", seed=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.layers = ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.layers[0].biases = ()
    with pytest.raises(TypeError, match="item assignment"):
        network.layers[0].weights[0][0] = fmpq(1)


def test_equality_hash_and_name_follow_the_parameters():
    network, twin, other = (random_network("3-2-1", seed) for seed in (1, 1, 2))
    twin([1, 2, 3])
    assert network == twin
    assert hash(network) == hash(twin)
    assert network.sha256 == twin.sha256
    assert network != other
    assert network.sha256 != other.sha256


def test_the_name_does_not_depend_on_how_a_number_was_written():
    networks = [Network.from_rows([([[value]], ["2/4"])]) for value in (0.25, "1/4", Fraction(2, 8))]
    assert len({network.sha256 for network in networks}) == 1


def test_a_used_network_survives_pickling():
    network = random_network("3-2-1", seed=1)
    outputs = network([1, 2, 3])
    copy = pickle.loads(pickle.dumps(network))
    assert copy == network
    assert copy([1, 2, 3]) == outputs


def test_repr_is_one_short_line():
    network = random_network("784-16x2-1", seed=0)
    expected = f"Network(784-16-16-1, {network.parameter_count} parameters, {network.sha256[:12]})"
    assert repr(network) == expected


def test_html_is_a_well_formed_table_with_a_row_a_layer():
    opened, rows = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)
            rows.extend(["row"] if tag == "tr" else [])

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    text = random_network("784-16x2-1", seed=0)._repr_html_()
    Reader().feed(text)
    assert not opened
    assert len(rows) == 1 + 3
    assert "<td>784</td><td>16</td><td>ReLU</td><td>12560</td>" in text
    assert "<td>16</td><td>1</td><td>none</td><td>17</td>" in text


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one layer"),
        ([([], [])], "layer 1: expected at least one neuron"),
        ([([[]], [0])], "layer 1: expected at least one neuron and one input"),
        ([([[1, 2], [3]], [0, 0])], "layer 1: expected rows of one length"),
        ([([[1, 2]], [0, 0])], "layer 1: expected 1 biases, not 2"),
        ([([[1], [2]], [0, 0]), ([[1, 2, 3]], [0])], "layer 2: expected 2 inputs .* not 3"),
        ([([[float("nan")]], [0])], "finite"),
        ([([[1]], [float("inf")])], "finite"),
        ([([["x"]], [0])], "expected a rational"),
    ],
)
def test_what_is_no_network_is_refused(layers, message):
    with pytest.raises(InputError, match=message):
        Network.from_rows(layers)


@pytest.mark.parametrize(
    "arrays",
    [
        [(np.ones(3), np.ones(3))],
        [(np.ones((2, 3, 4)), np.ones(3))],
        [(np.ones((2, 3)), np.ones((3, 1)))],
        [(np.ones((2, 3)), np.array(1.0))],
        [(np.ones((2, 3), dtype=bool), np.ones(3))],
        [(np.array([["a"]]), np.ones(1))],
        [(np.ones((1, 1), dtype=complex), np.ones(1))],
    ],
    ids=["1-D weights", "3-D weights", "2-D biases", "0-D biases", "booleans", "text", "complex"],
)
def test_arrays_of_the_wrong_kind_are_refused(arrays):
    with pytest.raises(InputError):
        Network.from_arrays(arrays)


@pytest.mark.parametrize("point", [[], [1], [1, 2, 3]])
def test_a_point_of_the_wrong_width_is_refused(point):
    network = Network.from_rows([([[1, 2]], [0])])
    for method in (network, network.preactivations, network.activation_pattern):
        with pytest.raises(InputError, match=f"2 coordinates, not {len(point)}"):
            method(point)


def test_a_batch_of_the_wrong_width_is_refused():
    with pytest.raises(InputError, match="2 coordinates, not 3"):
        Network.from_rows([([[1, 2]], [0])]).evaluate(Batch.from_rows([[1, 2, 3]]))


def test_layers_compare_by_value():
    assert Layer(((fmpq(1, 2),),), (fmpq(0),)) == Layer(((fmpq(2, 4),),), (fmpq(0),))
