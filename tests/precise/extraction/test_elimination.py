"""Signs that no choice but the true one leaves, against the choices tried one by one in another way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random

import pytest
from flint import fmpz_mat

from precise.equations.open_row import open_row
from precise.equations.partial_rows import PartialRow
from precise.regions.local_map import Known, Row
from precise.signs.below import LayerBelow
from precise.signs.elimination import MOST_NEURONS, signs_not_refuted
from precise.signs.exact import Sign
from precise.signs.open_part import signs_of_part
from tests.precise.extraction.test_linear_part import Planted, expected, part_of, with_lacking_weight


def parts_of(planted: Planted, seed: int, uncrossed: Sequence[int]) -> list[PartialRow]:
    """One a row, whose surface does not cross so many of the neurons."""
    random, neurons = Random(seed), range(len(planted.weights))
    rows = zip(planted.rows, uncrossed, strict=True)
    return [part_of(planted, row, sorted(random.sample(neurons, count))) for row, count in rows]


def possible(layer: Sequence[Row], parts: Sequence[PartialRow]) -> list[tuple[bool, ...]]:
    """The choices (is the negative side active?) with which all parts are of rows over the layer with its signs."""
    count, inputs = len(layer), len(layer[0].plus)
    found = []
    for choice in product((False, True), repeat=count):
        columns = []
        for j, (row, negative) in enumerate(zip(layer, choice, strict=True)):
            passed = [-w for w in (*row.plus, row.bias)] if negative else [0] * (inputs + 1)
            columns.append([int(n == j) for n in range(count)] + passed)
        columns.append([0] * (count + inputs) + [1])
        table = fmpz_mat(columns).transpose()
        if not any(part.substituted(table).contradicts_itself() for part in parts):
            found.append(choice)
    return found


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("inputs", "neurons", "uncrossed"), [(3, 7, [2, 3, 3]), (2, 6, [1, 3, 2, 4]), (3, 5, [1, 4])])
def test_what_all_possible_choices_have_in_common_is_told(
    seed: int, inputs: int, neurons: int, uncrossed: list[int]
) -> None:
    planted = Planted(seed, inputs, neurons, len(uncrossed))
    parts = parts_of(planted, seed, uncrossed)
    choices = possible(planted.layer, parts)
    assert tuple(planted.negative) in choices
    common = {
        j: Sign.NEGATIVE if column[0] else Sign.POSITIVE
        for j, column in enumerate(zip(*choices, strict=True))
        if len(set(column)) == 1
    }
    assert signs_not_refuted(planted.layer, parts) == common


@pytest.mark.parametrize("seed", range(6))
def test_parts_tell_together_what_none_of_them_tells(seed: int) -> None:
    planted = Planted(seed, 3, 9, 16)
    parts = parts_of(planted, seed, [3] * 16)
    rows = [row for row in (open_row(part, 12, 12) for part in parts) if row is not None]
    assert not any(signs_of_part(planted.layer, row, Random(seed)) for row in rows)
    told = signs_not_refuted(planted.layer, parts)
    assert len(told) >= 3
    assert all(expected(planted)[j] is sign for j, sign in told.items())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("stand_in", [0, 1 << 40])
def test_what_an_unknown_weight_adds_refutes_nothing(seed: int, stand_in: int) -> None:
    """Neuron 0 is on where input 2 is, with a weight that is not its own."""
    planted = Planted(seed, 4, 7, 4)
    layer, rows = with_lacking_weight(planted, stand_in)
    parts = [part_of(planted, row, [1, 4]) for row in rows]
    told = signs_not_refuted(layer, parts, {(0, 2)})
    assert told
    assert all(expected(planted)[j] is sign for j, sign in told.items())
    assert not signs_not_refuted(layer, parts), "as if the weight were known, no choice is left"


def test_choices_that_are_too_many_are_not_tried() -> None:
    planted = Planted(1, 3, MOST_NEURONS + 1, 4)
    assert signs_not_refuted(planted.layer, parts_of(planted, 1, [0] * 4)) == {}
    assert signs_not_refuted(planted.layer[:4], []) == {}


def test_a_layer_is_decided_before_the_end_when_parts_tell_all_its_signs_together() -> None:
    planted = Planted(4, 3, 6, 8)
    parts = parts_of(planted, 4, [1] * 8)
    below = LayerBelow(Known(3, [planted.layer, []]), 0, 0, Random(1))
    assert not below.ready([])
    below.learn_parts(parts)
    assert below.ready([])
    decision = below.decide([], final=False)
    assert decision is not None
    assert below.signs == expected(planted)
    missing = LayerBelow(Known(3, [planted.layer, []]), 0, 1, Random(1))
    missing.learn_parts(parts)
    assert not missing.ready([]), "a missing neuron may be what parts refute choices by"
