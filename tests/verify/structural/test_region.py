"""The region around a point: its half-spaces and formulas against evaluation and against brute force."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import mutants
from precise import InputError, Network
from precise.arithmetic import to_fraction
from precise.random_networks import random_network
from tests.precise.rewritings import evaluate, small_network
from tests.verify.structural.brute_force import feasible
from verify.commands.region import text
from verify.linear_region import region as region_module
from verify.linear_region.region import region_at
from verify.linear_region.symbolic import inequalities, output_formulas, readable, symbols

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.sampled_from([(1, 3, 1), (2, 3, 2), (2, 3, 3, 1), (3, 2, 4, 2), (2, 2, 2, 2, 1)])
TENT = Network.from_rows([([[1, 0], [1, 0], [0, 1]], [0, -2, 1]), ([[1, "-1/3", 0]], ["1/7"])])


def coarse_points(generator, inputs, count):
    """Small multiples of 1/2, which often lie on borders."""
    return [[fmpq(int(v), 2) for v in generator.integers(-8, 9, inputs)] for _ in range(count)]


def at(row, point):
    return row[0] + sum((w * v for w, v in zip(row[1:], point, strict=True)), fmpq(0))


def inward(space):
    return [to_fraction(v) if space.active else -to_fraction(v) for v in space.row]


@settings(deadline=None)
@given(SEEDS, WIDTHS)
def test_the_half_spaces_hold_exactly_where_the_pattern_does(seed, widths):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    point, *others = coarse_points(generator, widths[0], 25)
    found = region_at(network, point)
    active = [[v > 0 for v in layer] for layer in found.pattern]
    assert list(found.values) == evaluate(network, point)
    for other in [point, *others]:
        values = [at(space.row, other) * (1 if space.active else -1) for space in found.bounding]
        same = [[v > 0 for v in layer] for layer in network.activation_pattern(other)] == active
        if same or all(v >= 0 for v in values):
            assert [at(row, other) for row in found.outputs] == evaluate(network, other)
        if same:
            assert all(v >= 0 for v in values)
        if values and all(v > 0 for v in values):
            assert same


@settings(deadline=None)
@given(SEEDS, WIDTHS)
def test_no_half_space_is_left_out_or_listed_in_vain(seed, widths):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    (point,) = coarse_points(generator, widths[0], 1)
    found = region_at(network, point)
    rows = [inward(space) for space in found.bounding]
    for number, row in enumerate(rows):
        others = [(other, False) for place, other in enumerate(rows) if place != number]
        assert feasible([*others, ([-v for v in row], True)], widths[0])
    listed = [(space.layer, space.neuron) for space in found.bounding]
    neurons = [(n, i) for n, width in enumerate(widths[1:-1], 1) for i in range(1, width + 1)]
    assert sorted([*listed, *found.implied, *found.constant]) == neurons


@settings(deadline=None)
@given(SEEDS, WIDTHS)
def test_the_formulas_of_sympy_are_the_network(seed, widths):
    generator = np.random.default_rng(seed)
    network = small_network(generator, widths)
    (point,) = coarse_points(generator, widths[0], 1)
    found = region_at(network, point)
    values = {x: sympy.Rational(int(v.p), int(v.q)) for x, v in zip(symbols(widths[0]), point, strict=True)}
    shown = [formula.subs(values) for formula in output_formulas(found)]
    assert [Fraction(int(v.p), int(v.q)) for v in shown] == [to_fraction(v) for v in evaluate(network, point)]
    assert all(inequality.subs(values) == sympy.true for inequality in inequalities(found))
    for row, formula in zip(found.outputs, output_formulas(found), strict=True):
        names = {str(x): x for x in symbols(widths[0])}
        assert sympy.expand(sympy.sympify(readable(row), locals=names) - formula) == 0


def test_layer_1_as_coordinates_gives_the_same_region(monkeypatch):
    network = random_network("7-5x3-2", seed=4)
    point = [fmpq(n, 3) for n in (1, -4, 2, 7, 0, -1, 5)]
    short = region_at(network, point)
    monkeypatch.setattr(region_module, "_independent", lambda layer: False)
    assert region_at(network, point) == short
    assert len(short.bounding) < 15


def test_dependent_rows_of_layer_1_are_noticed():
    network = mutants.duplicate_neuron(random_network("7-5x3-2", seed=4), 1, 2)
    found = region_at(network, [fmpq(n, 3) for n in (1, -4, 2, 7, 0, -1, 5)])
    assert not region_module._independent(network.layers[0])
    assert {(1, 2), (1, 6)} & set(found.implied)


def test_a_point_on_a_border_says_so():
    found = region_at(TENT, [2, "1/3"])
    assert found.pattern == ((1, 0, 1),)
    assert found.border == ((1, 2),)
    assert found.outputs == ((fmpq(1, 7), 1, 0),)
    assert "neuron 2 of layer 1 is exactly 0 there" in text(found)
    inside = region_at(TENT, [3, "1/3"])
    assert inside.border == ()
    assert [(space.layer, space.neuron) for space in inside.bounding] == [(1, 2), (1, 3)]
    assert inside.implied == ((1, 1),)
    assert "The point is inside its region." in text(inside)


def test_a_neuron_that_is_0_everywhere_around_is_no_border():
    network = Network.from_rows([([[1]], [0]), ([[1]], [0]), ([[1]], [0])])
    found = region_at(network, [-1])
    assert found.pattern == ((-1,), (0,))
    assert found.border == ()
    assert found.constant == ((2, 1),)


def test_distances_are_euclidean():
    network = Network.from_rows([([[3, 4]], [5]), ([[1]], [0])])
    assert region_at(network, [0, 0]).bounding[0].distance == 1
    assert region_at(network, ["-5/3", 0]).bounding[0].distance == 0
    assert 1e299 < region_at(network, ["1e500", 0]).bounding[0].distance < math.inf  # beyond float64, but no error


def test_a_network_without_hidden_layers_has_one_region():
    found = region_at(Network.from_rows([([["1/2", -1]], [3])]), [0, 0])
    assert found.bounding == ()
    assert "f1 = x1/2 - x2 + 3\n" in text(found)
    assert "all of the input space" in text(found)


def test_long_formulas_and_numbers_are_shortened_in_the_inputs_order():
    row = [fmpq(1, 3), *(fmpq(n, 1) for n in (5, -100, 7, 0, 200, 1))]
    assert readable(row, 2) == "-100*x2 + 200*x5 + (3 smaller terms) + 1/3"
    assert readable(row) == "5*x1 - 100*x2 + 7*x3 + 200*x5 + x6 + 1/3"
    assert readable([fmpq(0), fmpq(123456789, 10**9)]) == "0.123457*x1"
    assert readable([fmpq(0), fmpq(0)]) == "0"
    assert readable([fmpq(1), fmpq(10) ** 5000]) == "1.0e+5000*x1 + 1"


def test_points_of_another_width_are_refused():
    with pytest.raises(InputError, match="a point of 2 coordinates, not 1"):
        region_at(TENT, [1])
