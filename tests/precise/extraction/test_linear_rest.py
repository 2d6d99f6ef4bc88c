"""What a last layer hands on linearly is told apart into the sides of its neurons."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from flint import fmpq

from precise.layers.differing import copy_of, right_at
from precise.layers.linear_rest import sides_told, told_apart
from precise.layers.output_layer import OutputRow
from precise.layers.surprise import short
from precise.network import Network
from precise.oracle import ExactOracle
from precise.random_networks import random_network
from precise.regions.aim import to_point
from precise.regions.local_map import Known, Row
from precise.regions.probe import Probe
from tests.precise.extraction.test_overlooked import values
from tests.precise.extraction.test_postponed import whole

POINTS = np.random.default_rng(1).uniform(-8, 8, (256, 8))


def one_sided(network: Network, negative: set[int]) -> tuple[Known, tuple[OutputRow, ...], Known, list[OutputRow]]:
    """The network as it is known before signs are: these neurons negated, and one linear row an output."""
    true, outputs = whole(network)
    rows = true.layers[-1]
    turned = [row.negated() if n in negative else row for n, row in enumerate(rows)]
    linear, found = [], []
    for number, output in enumerate(outputs):
        gone = [output.weights[n] if n in negative else fmpq(0) for n in range(len(rows))]
        handed = [-sum((v * row.plus[p] for v, row in zip(gone, turned, strict=True)), fmpq(0)) for p in range(6)]
        scale = 1
        for w in handed:
            scale *= int(w.q)
        linear.append(Row(tuple(int((w * scale).p) for w in handed), (0,) * 6, 0, linear=True))
        shares = [fmpq(int(m == number), scale) for m in range(len(outputs))]
        bias = output.bias - sum((v * row.bias for v, row in zip(gone, turned, strict=True)), fmpq(0))
        found.append(OutputRow((*output.weights, *shares), bias))
    return Known(true.inputs, [*true.layers[:-1], [*turned, *linear]]), tuple(found), true, outputs


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", ["8-6x3-1", "8-6x3-2"])
def test_signs_and_a_lacking_weight_follow_from_what_is_handed_on(shape: str, seed: int) -> None:
    random = Random(seed)
    negative = set(random.sample(range(6), random.randint(1, 5)))
    known, outputs, true, expected = one_sided(random_network(shape, seed), negative)
    lacks = random.choice(sorted(negative))
    rows = list(known.layers[-1])
    rows[lacks] = Row(
        tuple(-(1 << 90) if p == 3 else w for p, w in enumerate(rows[lacks].plus)), (0,) * 6, rows[lacks].bias
    )
    told = told_apart(Known(known.inputs, [*known.layers[:-1], rows]), outputs, {lacks: frozenset({3})})
    assert told is not None
    assert told.negative == [n in negative for n in range(6)]
    assert not told.lacking
    copy = Known(known.inputs, [*known.layers[:-1], told.rows])
    assert values(copy, told.outputs, POINTS) == values(true, expected, POINTS)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shared", [1, 2])
def test_a_weight_that_the_linear_function_lacks_as_well_stays_lacking(seed: int, shared: int) -> None:
    """Neurons that act on their other sides lack a weight, and so does what is handed on linearly."""
    random = Random(seed)
    negative = set(random.sample(range(6), random.randint(2, 5)))
    known, outputs, true, expected = one_sided(random_network("8-6x3-1", seed), negative)
    lack = random.sample(sorted(negative), shared)
    rows = [row.without([3]) if n in lack or row.linear else row for n, row in enumerate(known.layers[-1])]
    lacking = {n: frozenset({3}) for n in (*lack, 6)}
    told = told_apart(Known(known.inputs, [*known.layers[:-1], rows]), outputs, lacking)
    assert told is not None
    assert told.negative == [n in negative for n in range(6)]
    assert told.supposed
    assert told.lacking == {n: frozenset({3}) for n in lack}
    copy = Known(known.inputs, [*known.layers[:-1], told.rows])
    acts = [feature[3] > 0 for feature in true.preactivations([to_point(point) for point in POINTS])[-2]]
    assert 0 < sum(acts) < len(acts)
    assert values(copy, told.outputs, POINTS[~np.array(acts)]) == values(true, expected, POINTS[~np.array(acts)])
    at_work = copy.preactivations([to_point(point) for point in POINTS[acts]])[-1]
    assert all(neurons[n] < 0 for neurons in at_work for n in lack), "the weight keeps them off there"


@pytest.mark.parametrize("seed", range(6))
def test_signs_are_told_also_where_weights_cannot_be_shared_out(seed: int) -> None:
    """Two neurons that act on their other sides lack a weight that goes into what is handed on linearly."""
    random = Random(seed)
    negative = set(random.sample(range(6), random.randint(2, 5)))
    known, outputs, _, _ = one_sided(random_network("8-6x3-1", seed), negative)
    lack = random.sample(sorted(negative), 2)
    rows = [row.without([3]) if n in lack else row for n, row in enumerate(known.layers[-1])]
    lacking = {n: frozenset({3}) for n in lack}
    blurred = Known(known.inputs, [*known.layers[:-1], rows])
    assert sides_told(blurred, outputs, lacking) == [n in negative for n in range(6)]
    assert told_apart(blurred, outputs, lacking) is None
    passed = Known(known.inputs, [*known.layers[:-1], [*known.layers[-1][:-1], rows[-1].without([3])]])
    assert sides_told(passed, outputs, {6: frozenset({3})}) == [n in negative for n in range(6)]
    assert sides_told(passed, outputs, {}) is None, "as if nothing were handed on of that feature"


def test_copies_are_compared_at_the_same_points_for_one_query_each() -> None:
    network = random_network("8-6x3-1", 1)
    known, (output,) = whole(network)
    off = OutputRow((*output.weights[:-1], output.weights[-1] + 1), output.bias)
    probe = Probe(ExactOracle(network), range(8), [1])
    copies = [copy_of(known, each) for each in (output, off, OutputRow(output.weights, output.bias + 1))]
    on = sum(values[-1] > 0 for values in known.preactivations([short(point) for point in POINTS])[-1])
    assert 0 < on < len(POINTS)
    assert right_at(probe, POINTS, copies) == [len(POINTS), len(POINTS) - on, 0]
    asked = probe.queries  # the probe has found by now how many bits it needs
    assert right_at(probe, POINTS, copies[:2]) == [len(POINTS), len(POINTS) - on]
    assert probe.queries == asked + len(POINTS)


def test_what_more_than_the_neurons_hand_on_is_left_alone() -> None:
    known, outputs, _, _ = one_sided(random_network("8-6x3-1", 1), {1, 4})
    rows = known.layers[-1]
    more = Row((rows[-1].plus[0] + 1, *rows[-1].plus[1:]), rows[-1].minus, 0, linear=True)
    assert told_apart(Known(known.inputs, [*known.layers[:-1], [*rows[:-1], more]]), outputs, {}) is None
    assert told_apart(Known(known.inputs, [*known.layers[:-1], [*rows[1:]]]), outputs, {}) is None
    assert told_apart(Known(known.inputs, [*known.layers[:-1], rows[:-1]]), outputs, {}) is None
