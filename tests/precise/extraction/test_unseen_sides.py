"""Sides of neurons below that nothing shows, against the functions that rows are."""

from __future__ import annotations

from random import Random

import pytest
from flint import fmpq

from benchmarks.random_battery import differ, drawn
from precise.equations.open_row import open_row
from precise.equations.partial_rows import PartialRow, independent, kernel
from precise.equations.superfluous import superfluous
from precise.extract import extract
from precise.layers.open_weights import WeightsBesideLinear
from precise.layers.unseen_sides import Side, unseen_sides, with_sides
from precise.oracle import ExactOracle
from precise.regions.local_map import Known, Row, passed_on
from precise.regions.probe import FRACTION_BITS
from precise.signs.below import LayerBelow

NEURONS, FEATURES = 5, 4


def layer_of(random: Random) -> list[Row]:
    """Neurons, and what hands on every feature of theirs."""
    rows = [
        Row(tuple(random.randint(-9, 9) or 1 for _ in range(FEATURES)), (0,) * FEATURES, random.randint(-9, 9))
        for _ in range(NEURONS)
    ]
    return [*rows, *passed_on(FEATURES)]


def value(row: list[int], layer: list[Row], at: list[int]) -> int:
    """A row over a layer at some outputs of the one before."""
    etas = [sum(w * h for w, h in zip(below.plus, at, strict=True)) + below.bias for below in layer]
    fed = [eta if below.linear else max(eta, 0) for eta, below in zip(etas, layer, strict=True)]
    return sum(w * v for w, v in zip(row, [*fed, 1], strict=True))


def side_of(layer: list[Row], side: Side) -> list[int]:
    neuron, positive = side
    own, below = [int(n == neuron) for n in range(len(layer) + 1)], layer[neuron]
    handed = [0] * (NEURONS + 1) if positive else [0] * NEURONS + [-w for w in below.plus] + [-below.bias]
    return own if positive else [a + b for a, b in zip(own, handed, strict=True)]


def partial_of(random: Random, layer: list[Row], sides: list[Side]) -> tuple[list[int], PartialRow]:
    """A row, and what is known of it where nothing shows these sides."""
    row = [random.randint(-99, 99) for _ in range(len(layer) + 1)]
    open_ones = [side_of(layer, side) for side in sides]
    forms = kernel([row, *open_ones]) if open_ones else []
    lead = next(form for form in kernel(open_ones) if sum(a * b for a, b in zip(form, row, strict=True)))
    return row, PartialRow(independent(forms), (tuple(lead),), [0])


@pytest.mark.parametrize("seed", range(20))
def test_what_is_open_is_read_as_sides(seed: int) -> None:
    random = Random(seed)
    layer = layer_of(random)
    neurons = random.sample(range(NEURONS + FEATURES), random.randint(1, 4))
    sides = sorted((j, j >= NEURONS or random.random() < 0.5) for j in neurons)
    _, partial = partial_of(random, layer, sides)
    known = open_row(partial, len(layer), 8)
    assert known is not None
    assert unseen_sides(known, layer) == sides


def test_other_combinations_are_no_sides() -> None:
    random = Random(1)
    layer = layer_of(random)
    row = [random.randint(-99, 99) for _ in range(len(layer) + 1)]
    mixed = [a + b for a, b in zip(side_of(layer, (0, True)), side_of(layer, (1, True)), strict=True)]
    lead = next(form for form in kernel([mixed]) if sum(a * b for a, b in zip(form, row, strict=True)))
    known = open_row(PartialRow(independent(kernel([row, mixed])), (tuple(lead),), [0]), len(layer), 8)
    assert known is not None
    assert unseen_sides(known, layer) is None


@pytest.mark.parametrize("seed", range(20))
def test_with_features_for_negative_sides_only_weights_are_open_and_the_row_is_the_same(seed: int) -> None:
    random = Random(seed)
    layer = layer_of(random)
    neurons = sorted(random.sample(range(NEURONS), 2))
    sides = [(j, random.random() < 0.3) for j in neurons]
    row, partial = partial_of(random, layer, sides)
    turned = sorted({j for j, positive in sides if not positive} | {random.randrange(NEURONS)} - {j for j, _ in sides})
    wider = with_sides(partial, layer, turned, sides)
    more = [*layer, *(layer[j].negated() for j in turned)]
    known = open_row(wider, len(more), 8)
    assert known is not None
    own = [j if positive else len(layer) + turned.index(j) for j, positive in sides]
    assert sorted(n for at in known.open for n, w in enumerate(at.plus) if w) == sorted(own)
    assert not any(at.bias for at in known.open)
    found = [*known.row.plus, known.row.bias]
    places = [[random.randint(-20, 20) for _ in range(FEATURES)] for _ in range(4000)]
    seen = [at for at in places if not any(value(side_of(layer, side), layer, at) for side in sides)]
    ratios = {fmpq(value(found, more, at), value(row, layer, at)) for at in seen if value(row, layer, at)}
    assert len(seen) > 2
    assert len(ratios) == 1


def test_superfluous_are_sides_that_others_make_up_and_what_hands_them_on() -> None:
    layer = layer_of(Random(1))
    known = Known(FEATURES, [[*layer, layer[2].negated()]])
    assert superfluous(known, 0) == [len(layer)]
    assert superfluous(Known(FEATURES, [layer]), 0) == []
    assert superfluous(Known(FEATURES, [[*layer[:NEURONS], layer[2].negated()]]), 0) == []
    above = [Row((1,) * (len(layer) + 1), (0,) * (len(layer) + 1), 0), *passed_on(len(layer) + 1)]
    assert superfluous(Known(FEATURES, [known.layers[0], above]), 1) == [len(above) - 1]
    assert superfluous(known, -1) == []


def test_a_linear_row_acts_where_what_it_hands_on_does() -> None:
    first = [Row((1, 0), (0, 0), 0), Row((0, 1), (0, 0), 0)]
    known = Known(2, [first, [Row((1, 1), (0, 0), -1), *passed_on(2)]])
    (pattern,) = known.patterns([[1, -1 << FRACTION_BITS]])
    assert [known.acts(1, feature, pattern) for feature in range(3)] == [False, True, False]
    assert [known.acts(0, feature, pattern) for feature in range(2)] == [True, False]


def test_weights_beside_a_linear_part_are_left_alone_first_and_then_unknowns() -> None:
    first = [Row((1, 0), (0, 0), 0), Row((0, 1), (0, 0), 0)]
    rows = [Row((1 << 80, 3), (0, 0), -1), Row((2, -1 << 80), (0, 0), 5)]
    known = Known(2, [first, rows])
    aside, beside = WeightsBesideLinear.guesses(known, {(1, 0, 0), (1, 1, 1)})
    assert aside.unknowns == []
    assert beside.unknowns == [(0, 0)]
    for at in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
        (pattern,) = known.patterns([[v << FRACTION_BITS for v in at]])
        assert aside.left_alone(pattern) == (at[0] > 0)
        assert not beside.left_alone(pattern)
        assert beside.silent(pattern) == ({1} if at[1] > 0 else set())
        assert beside.columns([[7, 7]], [[11, 13]], pattern) == [[11 if at[0] > 0 else 0]]
    assert beside.bare.layers[1] == [rows[0].without([0]), rows[1].without([1])]


@pytest.mark.parametrize("seed", range(6))
def test_a_weight_that_acts_only_where_its_neuron_is_on_need_not_be_known(seed: int) -> None:
    """It does there what the free linear part does, which takes back what is too much in the number for it."""
    random = Random(seed)
    first = [Row((1, 0), (0, 0), 0), Row((0, 1), (0, 0), 0)]
    known = Known(2, [first, [Row((1 << 80, 3), (0, 0), -1), Row((2, 1), (0, 0), -5)]])
    below = LayerBelow(known, 1, 1, Random(seed), {(0, 0)})
    weights = list(WeightsBesideLinear.guesses(known, {(1, 0, 0)}))[-1]
    answers = [[fmpq(random.randint(-9, 9) or 1, 7) for _ in range(6)] for _ in range(3)]  # of rows, bias, a w
    *_, place = range(len(answers[0]))
    assert not weights.fits(answers, set())
    assert weights.fits(answers, {place})
    before = [list(answer) for answer in answers]
    weights.put_in(known, below, answers, {place})
    assert known.layers[1][0].plus == (1 << 80, 3)
    assert below.lacking == {(0, 0)}
    for x, y in ((4, 5), (1, 9), (7, 0)):
        own = [3 * y - 1, max(0, 2 * x + y - 5), x, y, 1, x]
        told = [sum(a * v for a, v in zip(answer, own, strict=True)) for answer in before]
        own[0] += (1 << 80) * x
        assert [sum(a * v for a, v in zip(answer[:-1], own[:-1], strict=True)) for answer in answers] == told


def test_a_deeper_surface_does_not_take_the_place_of_a_neuron_that_is_always_active() -> None:
    """Layer 3 has one; the rows of layer 4 are open on sides that their surfaces do not meet."""
    network, _ = drawn(50)
    result = extract(ExactOracle(network), network.widths, 50)
    assert result.network is not None, result.report.outcome
    size = result.report.domain
    assert size is not None
    assert not differ(network, result.network, size)
