"""The field's notation for widths, and networks that depend on nothing but their seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precise.errors import InputError
from precise.random_networks import parse_widths, random_network


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("784-16x2-1", (784, 16, 16, 1)),
        ("784,16,16,1", (784, 16, 16, 1)),
        (" 784, 16, 16, 1 ", (784, 16, 16, 1)),
        ("10-5x2-1", (10, 5, 5, 1)),
        ("784-16x8-1", (784, *[16] * 8, 1)),
        ("3-2", (3, 2)),
        ("4x3", (4, 4, 4)),
        ("2-3x1-4", (2, 3, 4)),
    ],
)
def test_widths_are_read(text, widths):
    assert parse_widths(text) == widths


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5x1",
        "5-",
        "-5-1",
        "5--1",
        "5-0-1",
        "0x2",
        "5x0-1",
        "3-2x-1",
        "a-b",
        "1.5-2",
        "٣-٣",
        "5-x2",
        "7 8-1",
    ],
)
def test_other_widths_are_refused(text):
    with pytest.raises(InputError, match="widths"):
        parse_widths(text)


@pytest.mark.parametrize("text", ["5-2x999999999999-1", "99999999999999999999-2"])
def test_widths_no_machine_can_hold_are_refused(text):
    with pytest.raises(InputError, match="widths"):
        parse_widths(text)


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=12))
def test_both_notations_agree(widths):
    assert parse_widths("-".join(map(str, widths))) == parse_widths(",".join(map(str, widths))) == tuple(widths)


@pytest.mark.parametrize("bits", [24, 53])
def test_a_seed_names_one_network(bits):
    network = random_network("5-3x2-2", seed=7, bits=bits)
    assert network == random_network((5, 3, 3, 2), seed=7, bits=bits)
    assert network != random_network("5-3x2-2", seed=8, bits=bits)
    assert network.widths == (5, 3, 3, 2)


def test_a_seed_gives_these_weights():
    first = random_network("10-5x2-1", seed=0).layers[0].weights[0][0]
    drawn = np.float32(np.random.default_rng(0).standard_normal((10, 5))[0, 0] * 10**-0.5)
    assert (first.p, first.q) == drawn.as_integer_ratio()


@pytest.mark.parametrize("bits", [24, 53])
def test_mantissas_have_the_promised_length(bits):
    network = random_network("9-9-9", 1, bits)
    lengths = [int(abs(value.p)).bit_length() for layer in network.layers for value in layer.biases]
    assert bits - 8 < max(lengths) <= bits


@pytest.mark.parametrize("bits", [0, 32, 64])
def test_other_mantissas_are_refused(bits):
    with pytest.raises(InputError, match=f"24 or 53 bits, not {bits}"):
        random_network("3-2-1", seed=0, bits=bits)


@pytest.mark.parametrize("widths", [(3,), (3, 0, 1), (3, -1)])
def test_impossible_shapes_are_refused(widths):
    with pytest.raises(InputError):
        random_network(widths, seed=0)


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="seed"):
        random_network("3-2-1", seed=-1)


def test_weights_are_scaled_by_the_inputs():
    weights, biases = random_network("400-200-1", seed=3).to_numpy()[0]
    assert weights.std() * 20 == pytest.approx(1, abs=0.02)
    assert biases.std() * 40 == pytest.approx(1, abs=0.2)
