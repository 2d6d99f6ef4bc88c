"""From integer rows to a network of ordinary size, with weights that are not known."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from flint import fmpq

from precise.assemble import LARGE, network_from_rows
from precise.layers.output_layer import OutputRow
from precise.network import Network
from precise.regions.local_map import Known, Row

WIDTHS = (3, 4, 4, 2)


def rows(random: Random) -> list[list[Row]]:
    """Integer rows whose sizes differ as widely as recovered ones do."""
    return [
        [
            Row(
                tuple(random.choice([-1, 1]) * random.randint(1, 99) << random.randrange(60) for _ in range(before)),
                (0,) * before,
                random.randint(-999, 999),
            )
            for _ in range(width)
        ]
        for before, width in pairwise(WIDTHS)
    ]


def assembled(layers: list[list[Row]], lacking: dict[tuple[int, int], set[int]]) -> Network:
    outputs = [OutputRow((fmpq(1), fmpq(-3, 7)), fmpq(1, 2))]
    return network_from_rows(Known(WIDTHS[0], layers), outputs, [[]] * WIDTHS[1], range(3), 3, lacking)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("bits", [200, 5000])
def test_what_stands_for_an_unknown_weight_changes_no_other_one_and_is_of_one_size(
    seed: int, sign: int, bits: int
) -> None:
    random = Random(seed)
    layers = rows(random)
    lacking = {(1, 2): {0, 3}, (2, 1): {1}}
    bare, filled = ([list(each) for each in layers] for _ in range(2))
    for (layer, number), features in lacking.items():
        row = layers[layer][number]
        bare[layer][number] = row.without(list(features))
        filled[layer][number] = Row(
            tuple(sign << bits if j in features else w for j, w in enumerate(row.plus)), row.minus, row.bias
        )
    expected, found = assembled(bare, {}), assembled(filled, lacking)
    for layer, (one, other) in enumerate(zip(expected.layers, found.layers, strict=True)):
        assert one.biases == other.biases
        for number, (a, b) in enumerate(zip(one.weights, other.weights, strict=True)):
            unknown = lacking.get((layer, number), set())
            assert [w for j, w in enumerate(a) if j not in unknown] == [w for j, w in enumerate(b) if j not in unknown]
            for j in unknown:
                assert b[j] == sign * LARGE * max(1, abs(other.biases[number]))


def test_a_row_of_which_only_the_bias_is_known_takes_its_scale_from_that() -> None:
    layers = rows(Random(1))
    layers[1][0] = Row((1 << 90,) * 4, (0,) * 4, 3 << 70)
    network = assembled(layers, {(1, 0): {0, 1, 2, 3}})
    assert network.layers[1].biases[0] == fmpq(3, 4)
    assert set(network.layers[1].weights[0]) == {fmpq(LARGE)}
