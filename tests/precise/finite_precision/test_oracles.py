"""Every oracle keeps what it promises, against the exact function of the network that it evaluates."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import Batch, to_fraction
from precise.errors import InputError, OracleError
from precise.network import Network
from precise.oracle import FunctionOracle
from precise.oracles.formats import FORMATS
from precise.oracles.hardware import HardwareOracle
from precise.oracles.promise import promise_of
from precise.oracles.select import oracle_of
from precise.random_networks import random_network

PRECISIONS = [
    "exact",
    "bits:11",
    "bits:113",
    "decimals:0",
    "decimals:8",
    *(f"{name}{order}" for name in FORMATS for order in ("", ":sequential", ":pairwise")),
]


def errors(oracle, network, points):
    answers = oracle.query(points)
    radii = promise_of(oracle).radii(points, answers)
    exact = network.evaluate(points)
    return [
        (abs(a - e), r)
        for row in zip(answers.rows(), exact.rows(), radii, strict=True)
        for a, e, r in zip(*row, strict=True)
    ]


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**20), scale=st.integers(-8, 3), thirds=st.booleans())
def test_errors_stay_below_the_promise(precision, seed, scale, thirds):
    network = random_network("7-6x2-2", seed, bits=53)
    oracle = oracle_of(network, precision)
    true = oracle.rounded_network() if isinstance(oracle, HardwareOracle) else network
    generator = np.random.default_rng(seed)
    numerators = generator.integers(-300, 300, (6, 7)) * (generator.random((6, 7)) < 0.7)
    unit = fmpq(2) ** scale / (3 if thirds else 256)
    points = Batch.from_rows([[int(n) * unit for n in row] for row in numerators])
    assert all(error <= radius for error, radius in errors(oracle, true, points))


def test_decimals_are_multiples_and_nearest():
    network = random_network("3-4-1", 5)
    points = Batch.from_rows([[fmpq(i, 7), fmpq(-i, 3), 1] for i in range(40)])
    answers = oracle_of(network, "decimals:3").query(points).rows()
    for (given_value,), (exact,) in zip(answers, network.evaluate(points).rows(), strict=True):
        assert (given_value * 1000).q == 1
        assert abs(given_value - exact) <= fmpq(1, 2000)


def test_one_neuron_is_rounded_as_the_format_says():
    """A sum that each format and order rounds differently, computed by hand."""
    network = Network.from_rows([([[1, 1, 1]], [0])])
    point = Batch.from_rows([[1, fmpq(1, 2**24), fmpq(1, 2**24)]])
    sequential = HardwareOracle(network, "float32", "sequential").query(point).rows()[0][0]
    assert sequential == 1  # 1 + 2^-24 is a tie and goes to 1, twice
    assert oracle_of(network, "float64").query(point).rows()[0][0] == 1 + fmpq(1, 2**23)
    assert oracle_of(network, "bfloat16").query(Batch.from_rows([[1, fmpq(1, 2**8), 0]])).rows()[0][0] == 1
    assert oracle_of(network, "bfloat16").query(Batch.from_rows([[1, fmpq(3, 2**8), 0]])).rows()[0][0] == 1 + fmpq(
        1, 64
    )
    assert oracle_of(network, "float16").query(Batch.from_rows([[1, fmpq(1, 2**10), 0]])).rows()[0][0] == 1 + fmpq(
        1, 1024
    )


def test_bfloat16_rounds_to_nearest_even():
    values = np.random.default_rng(1).standard_normal(2000).astype(np.float32)
    for value, stored in zip(values.tolist(), FORMATS["bfloat16"].store(values).tolist(), strict=True):
        unit = Fraction(2) ** (np.frexp(value)[1] - 8)
        quotient = Fraction(value) / unit
        assert Fraction(stored) == round(quotient) * unit  # Python rounds halves to even


def test_overflow_is_said():
    network = Network.from_rows([([[60000]], [0])])
    with pytest.raises(OracleError, match="overflowed"):
        oracle_of(network, "float16").query(Batch.from_rows([[100]]))


def test_a_function_is_believed_as_it_promises():
    oracle = FunctionOracle(lambda points: [[float(p[0])] for p in points], 1, 1, precision=53)
    points = Batch.from_rows([[fmpq(1, 3)]])
    answer = oracle.query(points)
    assert promise_of(oracle).radii(points, answer) == [[answer.rows()[0][0] / 2**53]]
    assert abs(to_fraction(answer.rows()[0][0]) - Fraction(1, 3)) <= Fraction(1, 3 * 2**53)


@pytest.mark.parametrize("text", ["float8", "bits", "bits:1", "bits:-3", "decimals:x", "float32:random", "exact:2", ""])
def test_unknown_precisions_are_refused(text):
    with pytest.raises(InputError, match="oracle precision"):
        oracle_of(random_network("2-2-1", 1), text)
