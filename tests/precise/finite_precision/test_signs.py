"""Every sign method on layers whose true signs are known: proved signs are never wrong."""

import pytest

from benchmarks.signs import decisions, question
from precise.random_networks import random_network
from precise.rounding.balls import working_precision
from precise.signs.methods import METHODS


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


def test_hard_neurons_get_fifteen_points_and_easy_ones_five():
    network = random_network("30-10x2-1", 2, bits=53)
    with working_precision():
        asked, _ = question(network, 2, "float64", seed=1)
        found, easy = decisions(asked.question, "wiggle", None)
    assert {d.points for d in found} <= {5, 15}
    assert all(d.points == 15 for d, simple in zip(found, easy, strict=True) if not simple)
    assert not any(d.certain for d in found)
