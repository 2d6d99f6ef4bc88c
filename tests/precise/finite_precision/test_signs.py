"""Every sign method on layers whose true signs are known: proved signs are never wrong."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.signs import decisions, question
from precise.formats import load_network
from precise.random_networks import random_network
from precise.rounding.balls import middle, working_precision
from precise.signs.last_hidden import PLACES, _crossed, _width
from precise.signs.methods import METHODS
from precise.signs.places import triple

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", ["exact", "bits:24", "float64", "float16"])
def test_proved_signs_are_right(method, precision):
    network = random_network("9-6x2-1", 1, bits=53)
    with working_precision():
        for layer in (1, 2):
            asked, signs = question(network, layer, precision, seed=layer)
            for _ in range(8):
                asked.survey.add_random_line(lambda line: set())
            found, _ = decisions(asked.question, method, None)
            assert len(found) == len(signs) == 6
            assert all(d.sign in (0, s) for d, s in zip(found, signs, strict=True) if d.certain)


@pytest.mark.parametrize(
    ("method", "layer"), [("exact", 1), ("exact", 2), ("soe", 1), ("wiggle", 1), ("exhaustive", 1), ("last-hidden", 2)]
)
def test_methods_decide_everything_where_they_apply(method, layer):
    network = random_network("9-6x2-1", 1, bits=53)
    with working_precision():
        asked, signs = question(network, layer, "float64", seed=1)
        for _ in range(10):
            asked.survey.add_random_line(lambda line: set())
        assert [d.sign for d in decisions(asked.question, method, None)[0]] == signs


def test_the_jump_of_the_last_layer_is_taken_at_the_widest_place():
    """A neuron that is active at few points has places with hardly any room; a jump there is known to nothing."""
    network = random_network("9-6x2-1", 1, bits=53)
    with working_precision():
        asked, _ = question(network, 2, "float64", seed=1)
        for neuron in range(6):
            found = _crossed(asked.question, neuron, np.random.default_rng(7))
            again = np.random.default_rng(7)
            places = [triple(asked.question, neuron, again) for _ in range(PLACES)]
            widths = [_width(asked.question, place, neuron) for place in places if place is not None]
            told = [middle(width) for width in widths if width is not None]
            assert found is not None
            assert middle(found[1]) == max(told) > 2 * min(told)


def test_hard_neurons_get_fifteen_points_and_easy_ones_five():
    network = random_network("30-10x2-1", 2, bits=53)
    with working_precision():
        asked, _ = question(network, 2, "float64", seed=1)
        found, easy = decisions(asked.question, "wiggle", None)
    assert {d.points for d in found} <= {5, 15}
    assert all(d.points == 15 for d, simple in zip(found, easy, strict=True) if not simple)
    assert not any(d.certain for d in found)


def test_a_middle_layer_as_wide_as_the_first_is_decided_where_all_of_the_first_is_active():
    """At random points its local maps are dependent: of 16 neurons in layer 1, about 8 are active there."""
    network = load_network(FIXTURES / "mnist_784_16x3_1.npz")
    with working_precision():
        asked, signs = question(network, 2, "float64", seed=0)
        found, _ = decisions(asked.question, "exact", None)
        assert [d.sign for d in found] == signs
        assert all(d.certain for d in found)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("precision", ["bits:24", "float32", "float64"])
def test_no_proved_sign_of_a_middle_layer_is_wrong(seed, precision):
    network = random_network("10-6x3-1", seed, bits=24)
    with working_precision():
        asked, signs = question(network, 2, precision, seed)
        found, _ = decisions(asked.question, "exact", None)
        assert all(d.sign in (0, s) for d, s in zip(found, signs, strict=True) if d.certain)
        assert precision != "float64" or sum(d.sign != 0 for d in found) >= 3
