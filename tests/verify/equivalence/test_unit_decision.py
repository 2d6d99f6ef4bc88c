"""Weights that differ and act nowhere in a domain: proved unit by unit, or refuted by an input."""

from __future__ import annotations

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import verify.equivalence
from precise.network import Network
from precise.random_networks import random_network
from tests.precise.rewritings import rewritten
from tests.verify.equivalence.unfinished import given_up
from verify.decision import Decision, Effort, Engine
from verify.equivalence import decide, maximum
from verify.errors import InputError
from verify.properties.claim import same_top1, within
from verify.properties.domain import Domain, box
from verify.smt_decision import decide_by_z3
from verify.unit_decision import decide_by_units
from verify.verdict import Outcome

SQUARE = box(-40, 40, 2)
EFFORT = Effort(seconds=20.0)


def pair(first: object, second: object, bias: object = 0) -> tuple[Network, Network]:
    """Layer 2's first neuron is on for x1 < 10 only, and reads what is on for x1 > 20 with either weight."""

    def network(weight: object) -> Network:
        below = [[1, 0], [-1, 0], [1, 1]], [-20, 10, 0]
        middle = [[weight, 1, "-1/2"], [1, "1/3", "-1/5"]], [bias, 1]
        return Network.from_rows([below, middle, ([[1, -1]], ["1/2"])])

    return network(first), network(second)


def by_units(first: Network, second: Network, domain: Domain) -> Decision | None:
    return decide_by_units(first, second, domain, within(0, first.output_width), EFFORT)


def outcome(decision: Decision | None) -> Outcome | None:
    return None if decision is None else decision.verdict.outcome


@pytest.mark.parametrize(("weight", "other"), [(-3, -(2**32)), (-(2**32), -3), (-3, "-7/2")])
def test_where_the_neuron_is_off_wherever_the_weight_reads_something(weight: object, other: object) -> None:
    first, second = pair(weight, other)
    found = by_units(first, second, SQUARE)
    assert outcome(found) is Outcome.EQUAL
    assert outcome(decide_by_z3(first, second, SQUARE, within(0, 1), EFFORT)) is Outcome.EQUAL
    assert found is not None
    assert (
        "the same units but for weights of 1 that change nothing there, in exact arithmetic: 1 question"
        in found.verdict.reason
    )


def test_an_input_at_which_the_weight_acts_refutes_it() -> None:
    first, second = pair(-1, -3, bias=8)  # on for x1 up to 28 - x2 / 2 in f, where what it reads is on from 20
    small = box(-40, 20, 2)
    assert outcome(by_units(first, second, small)) is Outcome.EQUAL  # and off in all of this box
    hidden = box(-40, "2001/100", 2)
    found = by_units(first, second, hidden)
    assert outcome(found) is Outcome.DIFFERENT
    assert found is not None
    witness = found.verdict.witness
    assert witness is not None
    assert hidden.contains(witness.point)
    assert first(witness.point) != second(witness.point)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["2-3-2-1", "2-4-3-2", "3-3-3-1"]), st.sampled_from([1, 8, 64]))
def test_no_answer_contradicts_the_solver(seed: int, shape: str, size: int) -> None:
    generator = np.random.default_rng(seed)
    first = random_network(shape, seed=seed % 997)
    rows = [([list(row) for row in layer.weights], list(layer.biases)) for layer in first.layers]
    neuron, feature = (int(generator.integers(n)) for n in (len(rows[1][0]), len(rows[1][0][0])))
    rows[1][0][neuron][feature] = fmpq(int(generator.choice([-(2**32), -9, -1, 1, 9])))
    second = rewritten(Network.from_rows(rows), generator, steps=4)
    domain = box(-size, size, first.input_width)
    found = outcome(by_units(first, second, domain))
    if found is not None:
        assert found is outcome(decide_by_z3(first, second, domain, within(0, first.output_width), EFFORT, False))


def test_duplicates_are_taken_together_first() -> None:
    first, second = pair(-3, -(2**32))
    layers = [([list(row) for row in layer.weights], list(layer.biases)) for layer in second.layers]
    layers[0][0].append([-2, 0])  # twice the second neuron, which hands on half of what it did
    layers[0][1].append(20)
    layers[1] = [[*row[:1], fmpq(row[1], 2), *row[2:], fmpq(row[1], 4)] for row in layers[1][0]], layers[1][1]
    assert outcome(by_units(first, Network.from_rows(layers), SQUARE)) is Outcome.EQUAL


def mirrored(network: Network) -> Network:
    """Of two inputs: layer 1's first neuron as its mirror image, and a neuron that is always on in |x| <= 40."""
    first, second, *rest = network.layers
    (lead, *others), (bias, *biases) = first.weights, first.biases
    weights, biases = [[-w for w in lead], *others, lead], [-bias, *biases, bias + 1000]
    above = [[*row, row[0]] for row in second.weights]  # relu(z) = relu(-z) + (z + 1000) - 1000
    biases_above = [bias - 1000 * row[0] for row, bias in zip(above, second.biases, strict=True)]
    return Network((*Network.from_rows([(weights, biases), (above, biases_above)]).layers, *rest))


@pytest.mark.parametrize(("weight", "other"), [(-3, -(2**32)), (-(2**32), -3)])
def test_the_unit_that_is_read_may_be_there_as_its_mirror_image(weight: object, other: object) -> None:
    first, second = pair(weight, other)
    second = mirrored(second)
    assert outcome(by_units(first, second, SQUARE)) is Outcome.EQUAL
    assert outcome(by_units(second, first, SQUARE)) is Outcome.EQUAL
    assert outcome(decide_by_z3(first, second, SQUARE, within(0, 1), EFFORT)) is Outcome.EQUAL


@pytest.mark.parametrize(("made_up_for", "expected"), [(4, Outcome.EQUAL), (3, Outcome.DIFFERENT)])
def test_where_the_unit_is_on_what_differs_may_be_made_up_for_behind_it(made_up_for: int, expected: Outcome) -> None:
    def network(weight: int, behind: int) -> Network:
        below = [[1, 0], [1, 0], [1, 1]], [0, -20, 0]  # where the second is on, the first is as well
        return Network.from_rows([below, ([[1, weight, -1], [0, 1, 0]], [-5, 0]), ([[1, -behind]], [0])])

    first, second = network(1, 1), network(4, made_up_for)
    domain = Domain((fmpq(-40), fmpq(-60)), (fmpq(40), fmpq(-40)))
    assert outcome(by_units(first, second, domain)) is expected
    assert outcome(decide_by_z3(first, second, domain, within(0, 1), EFFORT)) is expected


def test_noise_in_all_weights_is_left_to_the_bounds() -> None:
    first = random_network("2-3-2-1", seed=3)
    rows = [([[w * fmpq(1001, 1000) + fmpq(1, 999) for w in row] for row in a.weights], a.biases) for a in first.layers]
    assert by_units(first, Network.from_rows(rows), SQUARE) is None


def test_a_domain_of_another_width_is_one_clear_sentence() -> None:
    with pytest.raises(InputError, match="expected a domain of 2 inputs, not 3"):
        decide(*pair(-3, -5), box(-1, 1, 3), within(0, 1), EFFORT)


def test_it_decides_what_the_bounds_leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pair(-3, -(2**32))
    monkeypatch.setattr(verify.equivalence, "decide_by_bounds", given_up)
    monkeypatch.setattr(verify.equivalence, "maximum_by_bounds", given_up)
    found = decide(first, second, SQUARE, within(0, 1), EFFORT).verdict
    assert (found.outcome, found.details["engine"]) == (Outcome.EQUAL, "units")
    greatest = maximum(first, second, SQUARE, EFFORT).verdict
    assert (greatest.outcome, greatest.details["proved"]) == (Outcome.EQUAL, "0")
    only_bounds = Effort(seconds=20.0, engine=Engine.BOUNDS)
    assert decide(first, second, SQUARE, within(0, 1), only_bounds).verdict.outcome is Outcome.UNKNOWN


def test_another_claim_holds_for_equal_networks() -> None:
    first, second = (
        Network((*n.layers[:2], *Network.from_rows([([[1, -1], [0, 1]], ["1/2", 0])]).layers))
        for n in pair(-3, -(2**32))
    )
    found = decide_by_units(first, second, SQUARE, same_top1(2), EFFORT)
    assert outcome(found) is Outcome.EQUIVALENT
