"""From recovered integer rows to a network with weights of ordinary size, and its check at fresh points."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from flint import fmpq

from precise.arithmetic import Batch
from precise.local_map import Known
from precise.network import Layer, Network
from precise.oracle import Oracle
from precise.output_layer import OutputRow

FRESH_POINTS = 32  # in all inputs at once; one wrong weight shows wherever its neuron is active


def network_from_rows(
    known: Known,
    outputs: Sequence[OutputRow],
    columns: Sequence[Sequence[fmpq]],
    coordinates: Sequence[int],
    inputs: int,
) -> Network:
    """The recovered network; every hidden row is scaled by a power of 2 so that its largest weight is in [1/2, 1).

    Args:
        columns: first-layer weights on the inputs outside the slice, shape (d_1, inputs - slice).
        coordinates: the inputs of the slice.
    """
    outside = [c for c in range(inputs) if c not in set(coordinates)]
    layers: list[Layer] = []
    factors = [fmpq(1)] * inputs
    for number, rows in enumerate(known.layers):
        weights = [[fmpq(w) for w in row.plus] for row in rows]
        if number == 0:
            weights = [_spread(w, coordinates, c, outside, inputs) for w, c in zip(weights, columns, strict=True)]
        weights = [[w / f for w, f in zip(row, factors, strict=True)] for row in weights]
        scales = [_scale(row) for row in weights]
        layers.append(
            Layer(
                tuple(tuple(w * s for w in row) for row, s in zip(weights, scales, strict=True)),
                tuple(row.bias * s for row, s in zip(rows, scales, strict=True)),
            )
        )
        factors = scales
    final = [tuple(w / f for w, f in zip(row.plus, factors, strict=True)) for row in outputs]
    layers.append(Layer(tuple(final), tuple(row.bias for row in outputs)))
    return Network(tuple(layers))


def _spread(
    inside: Sequence[fmpq],
    coordinates: Sequence[int],
    column: Sequence[fmpq],
    outside: Sequence[int],
    inputs: int,
) -> list[fmpq]:
    row = [fmpq(0)] * inputs
    for c, w in zip(coordinates, inside, strict=True):
        row[c] = w
    for c, w in zip(outside, column, strict=True):
        row[c] = w
    return row


def _scale(row: Sequence[fmpq]) -> fmpq:
    """The power of 2 that brings the largest weight into [1/2, 1); 1 for a row of zeros."""
    largest = max((abs(w) for w in row), default=fmpq(0))
    if largest == 0:
        return fmpq(1)
    exponent = int(largest.p).bit_length() - int(largest.q).bit_length()
    while largest >= fmpq(2) ** exponent:
        exponent += 1
    while largest < fmpq(2) ** (exponent - 1):
        exponent -= 1
    return fmpq(2) ** -exponent


def first_difference(network: Network, oracle: Oracle, random: Random) -> list[fmpq] | None:
    """A fresh random point in all inputs where network and oracle differ, or None: FRESH_POINTS queries.

    Exact answers are compared exactly. Agreement is evidence, not proof: `verify` proves.
    """
    for scale in (1, 8, 64, 1024):
        rows = [
            [fmpq(random.randint(-(1 << 12), 1 << 12) * scale, 1 << 12) for _ in range(oracle.input_width)]
            for _ in range(FRESH_POINTS // 4)
        ]
        points = Batch.from_rows(rows)
        answers = zip(oracle.query(points).rows(), network.evaluate(points).rows(), strict=True)
        for row, (expected, found) in zip(rows, answers, strict=True):
            if expected != found:
                return row
    return None
