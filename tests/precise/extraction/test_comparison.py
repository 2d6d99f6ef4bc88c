"""Where a copy answers like the oracle, and how near the origin it does not."""

from __future__ import annotations

from random import Random

import pytest
from flint import fmpq, fmpz, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st

from precise.arithmetic import Batch, rational
from precise.comparison import (
    CHAINS,
    FINE_BITS,
    MARGIN,
    SCALES,
    agreement,
    farther,
    in_slice,
    nearest_difference,
    stated_box,
)
from precise.network import Layer, Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network

INPUTS = 3


def network(bias: int, weight: int) -> Network:
    """The second neuron is on where x1 + x2 - x3 > -bias, which begins at |x| = -bias / 3."""
    return Network.from_rows([([[1, 2, 1], [1, 1, -1]], [1, bias]), ([[1, weight]], [0])])


def point(*coordinates: float) -> list[int]:
    return [int(c * 2**FINE_BITS) for c in coordinates]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), bias=st.integers(-3000, -1), beyond=st.integers(1, 50))
def test_a_difference_is_followed_towards_the_origin(seed: int, bias: int, beyond: int) -> None:
    first = point(-bias + beyond, 0, 0)  # on its ray the difference begins at |x| = -bias
    found = nearest_difference(network(bias, 0), ExactOracle(network(bias, 1)), [first], Random(seed))
    assert -bias / 3 <= found <= -bias / 3 * (1 + 2**-8) + 2**-40  # the nearest corner, where the gradient leads


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_in_one_corner_of_a_box_is_found_from_afar(seed: int) -> None:
    signs = [1, -1, 1, 1, -1, 1, -1, -1, 1, 1, -1, 1]
    true, copy = (
        Network.from_rows([([[3] * 12, signs], [1, -11]), ([[1, weight]], [0])]) for weight in (1, 0)
    )  # the second neuron is on beyond |x| = 11 / 12, in one corner of 4096
    oracle = ExactOracle(true)
    far = farther(copy, oracle, Random(seed))
    assert far
    assert 11 / 12 <= nearest_difference(copy, oracle, far, Random(seed)) < 1


@pytest.mark.parametrize("seed", range(4))
def test_the_point_that_is_nearest_at_first_need_not_lead_to_the_nearest_place(seed: int) -> None:
    """One begins at |x| = 5, the other at 1.5 in a corner, but further out on the ray to the point that shows it."""
    inputs = 12
    rows, biases = [[1, *[0] * (inputs - 1)], [1] * inputs], [-5, fmpq(-3 * inputs, 2)]
    true, copy = (Network.from_rows([(rows, biases), ([[weight, weight]], [0])]) for weight in (1, 0))
    aside, beside = point(6, *[0] * (inputs - 1)), point(*[0] * (inputs - 1), 24)
    oracle = ExactOracle(true)
    assert nearest_difference(copy, oracle, [aside, beside], Random(seed)) < 2
    assert nearest_difference(copy, oracle, [aside], Random(seed)) > 4


@pytest.mark.parametrize("seed", range(4))
def test_of_two_places_that_differ_the_search_comes_close_to_one(seed: int) -> None:
    """Behind a bend: the gradient where the search begins does not lead to the nearest place."""
    random = Random(seed)
    inputs = 8
    rows = [[random.randint(-9, 9) for _ in range(inputs)] for _ in range(6)]
    biases = [random.randint(-9, 9) for _ in rows]
    deep = [random.randint(-9, 9) for _ in rows]
    true, copy = (
        Network.from_rows([(rows, biases), ([[1] * 6, deep], [1, -1500]), ([[1, weight]], [0])]) for weight in (1, 0)
    )
    oracle = ExactOracle(true)
    far = farther(copy, oracle, random)
    assert far
    before = oracle.queries
    found = nearest_difference(copy, oracle, far, random)
    assert oracle.queries - before < CHAINS * 2000
    finding = Random(-1 - seed)
    limit = int(found / MARGIN * 2**FINE_BITS)
    nearer = [[finding.choice((-limit, limit)) for _ in range(inputs)] for _ in range(4000)]
    points = Batch(fmpz_mat(nearer), fmpz(1) << FINE_BITS)
    assert true.evaluate(points).rows() == copy.evaluate(points).rows()  # 256 corners are all that half the box has


@pytest.mark.parametrize(
    ("agreed", "nearest", "box"),
    [(1024, float("inf"), 1024), (1024, 2048, 1024), (64, 100, 50), (1, 1.2, 0.5), (1, 0.3, 0.125), (1, 0.2, 0)],
)
def test_the_box_that_is_stated_ends_at_half_of_the_way(agreed: float, nearest: float, box: float) -> None:
    assert stated_box(agreed, nearest) == box


@pytest.mark.parametrize("seed", range(3))
def test_what_differs_anywhere_differs_in_the_slice(seed: int) -> None:
    random = Random(seed)
    copy = random_network("12-5-4-1", seed)
    weights, biases = copy.layers[-1].weights, copy.layers[-1].biases
    true = Network((*copy.layers[:-1], Layer(((2 * weights[0][0], *weights[0][1:]),), biases)))
    far = farther(copy, ExactOracle(true), random)
    coordinates = sorted(random.sample(range(12), 5))
    points = in_slice(copy, coordinates, far)
    assert points.shape == (min(len(far), 32), 5)
    for row, inside in zip(far, points, strict=False):
        whole = [fmpq(0)] * 12
        for c, value in zip(coordinates, inside, strict=True):
            whole[c] = rational(value)
        expected = copy.preactivations([fmpq(v, 1 << FINE_BITS) for v in row])[0]
        found = copy.preactivations(whole)[0]
        largest = max(map(abs, expected))
        assert all(abs(a - b) <= largest / 2**30 for a, b in zip(found, expected, strict=True))
        assert copy(whole) != true(whole)


def test_nothing_is_brought_into_the_slice_where_nothing_differs() -> None:
    assert in_slice(random_network("12-5-4-1", 1), range(5), []).shape == (0, 5)


def test_fresh_points_are_asked_in_boxes_smaller_than_1_too() -> None:
    first, second = (Network.from_rows([([[1, 1, 1]], [-2]), ([[weight]], [0])]) for weight in (0, 1))
    assert agreement(first, ExactOracle(second), Random(1), 64).scale == 0
    found = agreement(first, ExactOracle(second), Random(1), 64, (0.5, 0.625, 0.75, 1.0))  # 2/3 in the corner
    assert found.scale == 0.625
    assert all(0.625 * 2**FINE_BITS < max(map(abs, row)) <= 0.75 * 2**FINE_BITS for row in found.differing)


def test_without_a_point_that_differs_nothing_is_claimed() -> None:
    oracle = ExactOracle(network(-9, 1))
    assert nearest_difference(network(-9, 0), oracle, [], Random(1)) == float("inf")
    assert oracle.queries == 0
    assert nearest_difference(network(-9, 0), oracle, [point(1, 1, 1)], Random(1)) == float("inf")


@pytest.mark.parametrize(("bias", "agreed"), [(-1, 0), (-20, 1), (-100, 8), (-2000, 64), (-4000, 1024)])
def test_agreement_ends_before_the_first_box_with_a_difference(bias: int, agreed: int) -> None:
    found = agreement(network(bias, 0), ExactOracle(network(bias, 1)), Random(1), 512)
    assert found.scale == agreed
    assert bool(found.differing) == (agreed < SCALES[-1])
    for row in found.differing:
        assert agreed << FINE_BITS < max(map(abs, row)) <= SCALES[-1] << FINE_BITS


@pytest.mark.parametrize("seed", range(8))
def test_a_corner_that_is_outermost_for_a_first_layer_neuron_is_among_the_fresh_points(seed: int) -> None:
    signs = [1, -1, 1, 1, -1, 1, -1, -1, 1, 1, -1, 1] * 4  # one corner of 2^48
    first = [signs, [1, 2] * 24, [3, 1, -1, 2] * 12], [0, 0, 0]
    true, copy = (
        Network.from_rows([first, ([[1, 0, 0], [1, 1, 1]], [-40 * 1024, 1]), ([[weight, 1]], [0])]) for weight in (1, 0)
    )  # layer 2's first neuron is on where signs . x > 40 * 1024
    found = agreement(copy, ExactOracle(true), Random(seed), 2048)
    assert found.scale < SCALES[-1]
    assert found.differing
