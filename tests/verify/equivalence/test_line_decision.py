"""Networks that see one number of every input, or hand on all there is through one neuron."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import verify.equivalence
from precise.network import Layer, Network
from tests.precise.rewritings import rewritten
from tests.verify.equivalence.pairs import integer_network
from tests.verify.equivalence.polygons import largest_differences, rectangle
from tests.verify.equivalence.unfinished import given_up
from verify.decision import Effort
from verify.equivalence import decide, maximum
from verify.line_decision import decide_behind_one_neuron, decide_on_a_line
from verify.properties.claim import Excluded, Within, same_top1, within
from verify.properties.domain import Domain, box
from verify.verdict import Outcome

SQUARE = box(-3, 5, 2)


def on_a_line(network: Network, generator: np.random.Generator) -> Network:
    """The network with all rows of its first layer multiples of one vector."""
    first, *rest = network.layers
    factors = [fmpq(int(generator.choice([-3, -1, 0, 1, 2]))) for _ in first.weights]
    rows = tuple((2 * factor, -3 * factor) for factor in factors)
    return Network((Layer(rows, first.biases), *rest))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0, "1/7", 3, 40]))
def test_it_is_decided_as_by_brute_force(seed: int, same: bool, epsilon: int | str) -> None:
    generator = np.random.default_rng(seed)
    first = on_a_line(integer_network((2, 3, 3, 2), generator), generator)
    other = first if same else Network((first.layers[0], *integer_network((2, 3, 3, 2), generator).layers[1:]))
    second = rewritten(other, generator, steps=4, kinds=(0, 2))  # orders and positive factors
    found = decide_on_a_line(first, second, SQUARE, within(epsilon, 2))
    assert found is not None
    largest = max(largest_differences(first, second, rectangle(SQUARE.lower, SQUARE.upper)))
    assert (found.verdict.outcome is Outcome.DIFFERENT) == (largest > Fraction(epsilon))
    if found.verdict.witness is not None:
        assert SQUARE.contains(found.verdict.witness.point)


def behind_one(tail: Network, generator: np.random.Generator) -> Network:
    """A layer of two and one of a single neuron, then the tail, which has one input."""
    head = integer_network((2, 2, 1), generator)
    return Network((*head.layers, *tail.layers))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_what_one_neuron_hands_on_is_compared_behind_it(seed: int, same: bool) -> None:
    generator = np.random.default_rng(seed)
    first = behind_one(integer_network((1, 3, 2), generator), generator)
    other = first if same else Network((*first.layers[:2], *integer_network((1, 3, 2), generator).layers))
    second = rewritten(other, generator, steps=3, kinds=(0, 2))
    found = decide_behind_one_neuron(first, second, SQUARE, within(0, 2))
    if found is not None:
        assert found.verdict.outcome is Outcome.EQUAL
        assert not any(largest_differences(first, second, rectangle(SQUARE.lower, SQUARE.upper)))
    elif same:  # at both corners nothing may tell the neuron's size
        assert not any(first.layers[0].weights[0]) or not _tells(first)


def _tells(network: Network) -> bool:
    head = Network(network.layers[:2])
    return any(head(list(corner))[0] for corner in (SQUARE.lower, SQUARE.upper))


def test_what_it_is_not_for() -> None:
    generator = np.random.default_rng(1)
    plain = integer_network((2, 3, 2), generator)
    line = on_a_line(plain, generator)
    assert decide_on_a_line(plain, plain, SQUARE, within(0, 2)) is None
    assert decide_behind_one_neuron(plain, plain, SQUARE, within(0, 2)) is None
    half = Domain(SQUARE.lower, SQUARE.upper, (((fmpq(1), fmpq(1)), fmpq(2)),))
    assert decide_on_a_line(line, line, half, within(0, 2)) is None
    assert decide_on_a_line(line, line, SQUARE, Excluded(())) is None
    equal = decide_on_a_line(line, line, SQUARE, same_top1(2))
    assert equal is not None
    assert equal.verdict.outcome is Outcome.EQUIVALENT


@pytest.mark.parametrize("behind", [False, True])
def test_it_decides_what_the_bounds_leave_open(behind: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # relu(s) - 2 relu(s - 1) + relu(s - 2), a hat, and the same of the mirror images
    first = Network.from_rows([([[1], [1], [1]], [0, -1, -2]), ([[1, -2, 1]], [0])])
    second = Network.from_rows([([[-1], [-1], [-1]], [0, 1, 2]), ([[1, -2, 1]], [0])])
    if behind:
        head = Network.from_rows([([[1, 0], [0, 1]], [1, 2]), ([[1, 1]], [-1])]).layers
        first, second = Network((*head, *first.layers)), Network((*head, *second.layers))
    domain = SQUARE if behind else box(-4, 4, 1)
    monkeypatch.setattr(verify.equivalence, "decide_by_bounds", given_up)
    monkeypatch.setattr(verify.equivalence, "maximum_by_bounds", given_up)
    monkeypatch.setattr(verify.equivalence, "decide_by_form", lambda *_: None)
    effort = Effort(seconds=10.0)
    found = decide(first, second, domain, within(0, 1), effort).verdict
    assert (found.outcome, found.details["engine"]) == (Outcome.EQUAL, "line")
    assert maximum(first, second, domain, effort).verdict.details["proved"] == "0"
    assert decide(first, second, domain, Within((fmpq(1, 9),)), effort).verdict.outcome is Outcome.EQUIVALENT
