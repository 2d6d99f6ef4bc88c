"""A neuron that was taken to be always active, and one that was found where it is off, become one neuron."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from random import Random

import pytest
from flint import fmpq

from precise.extract import extract
from precise.layers.always_active import handed_through, handing_on, joined_with_linear, without_idle
from precise.layers.output_layer import OutputRow
from precise.layers.postponed import vectors, with_rows
from precise.oracle import ExactOracle
from precise.random_networks import planted_network, random_network
from precise.regions.local_map import Known, Row
from precise.symmetry.canonical_form import canonical_form
from tests.precise.extraction.test_postponed import whole


def values(known: Known, outputs: list[OutputRow] | tuple[OutputRow, ...], seed: int) -> list[list[fmpq]]:
    """Every output at some points of the known part's inputs."""
    random, found = Random(seed), []
    for _ in range(60):
        features = [fmpq(random.randint(-999, 999), 37) for _ in range(known.inputs)]
        for rows in known.layers:
            etas = [sum((w * v for w, v in zip(row.plus, features, strict=True)), fmpq(row.bias)) for row in rows]
            features = [e if row.linear or e > 0 else fmpq(0) for e, row in zip(etas, rows, strict=True)]
        found.append([sum((w * v for w, v in zip(o.weights, features, strict=True)), o.bias) for o in outputs])
    return found


def parted(layer: int, hidden: list[int]) -> tuple[Known, tuple[OutputRow, ...], Known, tuple[OutputRow, ...]]:
    """A network, and the same with linear rows in the place of hidden neurons and what the first lacks at the end."""
    true, outputs = whole(random_network("5-6x3-3", 4))
    shown, kept = deepcopy(true), tuple(outputs)
    rows, following = list(shown.layers[layer]), vectors(shown, kept, layer + 1)
    first = rows[hidden[0]]
    own = [vector[hidden[0]] for vector in following]
    for vector in following:  # v relu(eta) = v eta + v relu(-eta)
        vector[-1] += sum((vector[j] * rows[j].bias for j in hidden), fmpq(0))
    for j in hidden:
        rows[j] = Row(rows[j].plus, rows[j].minus, 0, linear=True)
    if len(hidden) > 1:  # as any two rows with the same span
        a, b = hidden
        rows[a] = replace(rows[a], plus=tuple(x + 2 * y for x, y in zip(rows[a].plus, rows[b].plus, strict=True)))
        for vector in following:
            vector[b] -= 2 * vector[a]
    shown.layers[layer] = [*rows, first.negated()]
    if layer + 1 < len(shown.layers):
        wider = [replace(r, plus=(*r.plus, 0), minus=(*r.minus, 0)) for r in shown.layers[layer + 1]]
        shown.layers[layer + 1] = wider
    told = [[*vector[:-1], weight, vector[-1]] for vector, weight in zip(following, own, strict=True)]
    return true, tuple(outputs), shown, with_rows(shown, kept, layer + 1, told)


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("hidden", [[2], [1, 4]])
def test_the_two_become_one_and_the_function_stays(layer: int, hidden: list[int]) -> None:
    true, _, shown, outputs = parted(layer, hidden)
    before = values(shown, outputs, 1)
    lacking = {3}
    last = shown.layers[layer][-1]
    shown.layers[layer][-1] = last.without([3])
    joined = joined_with_linear(shown, outputs, layer, lacking, set())
    assert joined is not None
    number, after = joined
    assert len(shown.layers[layer]) == len(true.layers[layer])
    assert len(handing_on(shown.layers[layer])) == len(hidden) - 1
    assert shown.layers[layer][number] == true.layers[layer][hidden[0]]
    assert values(shown, after, 1) == before
    assert [len(row.minus) for rows in shown.layers for row in rows] == [5] * 6 + [6] * 12


def test_a_weight_that_no_place_shows_follows_from_the_linear_row() -> None:
    true, outputs, shown, parts = parted(1, [2])
    following = vectors(shown, parts, 2)
    following[0][-2] = fmpq(0)
    unknown = with_rows(shown, parts, 2, following)
    joined = joined_with_linear(shown, unknown, 1, set(), {0})
    assert joined is not None
    assert values(shown, joined[1], 2) == values(true, outputs, 2)
    assert shown.layers[1][joined[0]] == true.layers[1][2]


def test_another_neuron_stays_one_of_its_own() -> None:
    _, _, shown, outputs = parted(1, [2])
    row = shown.layers[1][-1]
    shown.layers[1][-1] = replace(row, plus=(row.plus[0] + 1, *row.plus[1:]))
    before = deepcopy(shown.layers)
    assert joined_with_linear(shown, outputs, 1, set(), set()) is None
    assert shown.layers == before


@pytest.mark.parametrize("seed", [51, 90])
def test_a_neuron_that_is_off_only_far_away_is_found_whole(seed: int) -> None:
    network, _ = planted_network(seed, depth=6, width=12, outputs=4, planted=3)
    result = extract(ExactOracle(network), network.widths, seed)
    assert result.network is not None
    if result.report.complete:
        assert canonical_form(result.network) == canonical_form(network)
    assert sum(layer.always_active for layer in result.report.layers) == 0


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_rows_that_hand_nothing_on_are_left_out(layer: int) -> None:
    true, outputs = whole(random_network("5-6x3-3", 4))
    wider, told = deepcopy(true), [[*v[:-1], fmpq(7), fmpq(0), v[-1]] for v in vectors(true, outputs, layer + 1)]
    features = len(wider.layers[layer][0].plus)
    wider.layers[layer] += [Row((0,) * features, (0,) * features, 0, linear=True)] * 2
    if layer + 1 < len(wider.layers):
        wider.layers[layer + 1] = [
            replace(row, plus=(*row.plus, 0, 0), minus=(*row.minus, 0, 0)) for row in wider.layers[layer + 1]
        ]
    before = with_rows(wider, outputs, layer + 1, told)
    after = without_idle(wider, before, layer)
    assert wider.layers == true.layers
    assert list(after) == outputs


@pytest.mark.parametrize(("seed", "rank"), [(1, 0), (2, 1), (3, 2), (4, 4)])
def test_a_layer_that_changes_nothing_hands_on_what_the_outputs_need(seed: int, rank: int) -> None:
    random = Random(seed)
    known = Known(3, [[Row(tuple(random.randint(-9, 9) for _ in range(3)), (0, 0, 0), 1) for _ in range(5)]])
    base = [[fmpq(random.randint(-9, 9), 7) for _ in range(5)] for _ in range(rank)]
    mixed = [[fmpq(random.randint(1, 9)) for _ in base] for _ in range(4)]
    sums = [[sum((a * row[p] for a, row in zip(mix, base, strict=True)), fmpq(0)) for p in range(5)] for mix in mixed]
    outputs = [OutputRow(tuple(weights), fmpq(number, 3)) for number, weights in enumerate(sums)]
    rows, over = handed_through(outputs)
    assert len(rows) == max(rank, 1)
    assert all(row.linear for row in rows)
    assert values(Known(3, [*known.layers, rows]), over, seed) == values(known, outputs, seed)
