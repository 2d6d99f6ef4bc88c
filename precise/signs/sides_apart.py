"""Rows with coefficients for both sides of every neuron below, written with one each and a free linear part instead.

p relu(eta) + n relu(-eta) = (p + n) relu(eta) - n eta, and eta is a row of the layer below over what feeds that. The
other way about the rows must be independent, so that only one combination of them makes up a linear part.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from precise.regions.local_map import Row
from precise.signs.linear_part import FreeRow, shares


def free_row(layer: Sequence[Row], vector: Sequence[fmpq]) -> FreeRow:
    """The row whose coefficients are plus ..., minus ..., bias; shape (2 neurons + 1)."""
    count = len(layer)
    plus, minus = vector[:count], vector[count:-1]
    columns = zip(*(row.plus for row in layer), strict=True)
    linear = tuple(-sum((n * w for n, w in zip(minus, column, strict=True)), fmpq(0)) for column in columns)
    bias = vector[-1] - sum((n * row.bias for n, row in zip(minus, layer, strict=True)), fmpq(0))
    return FreeRow(tuple(p + n for p, n in zip(plus, minus, strict=True)), linear, bias)


def sides(layer: Sequence[Row]) -> list[list[fmpq]]:
    """What plus ..., minus ... and bias are in v, the linear part and the bias.

    Args:
        layer: independent rows; of the linear part, what no combination of them makes up is left out.

    Returns:
        Shape (2 neurons + 1, neurons + features + 1).
    """
    count, features = len(layer), len(layer[0].plus)
    units = [[fmpq(int(c == p)) for c in range(features)] for p in range(features)]
    coordinates = zip(*shares(units, [[fmpq(w) for w in row.plus] for row in layer]), strict=True)
    # n is minus the coordinates of the linear part in the rows
    minus = [[*[fmpq(0)] * count, *(-v for v in column), fmpq(0)] for column in coordinates]
    plus = [[fmpq(int(c == j)) - v for c, v in enumerate(row)] for j, row in enumerate(minus)]
    own = [[row.bias * v for v in n] for row, n in zip(layer, minus, strict=True)]
    bias = [sum(column, fmpq(0)) for column in zip(*own, strict=True)][:-1]
    return [*plus, *minus, [*bias, fmpq(1)]]
