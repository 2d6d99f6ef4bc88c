"""Is all of a network exact: the first layer's weights on all inputs and the outputs too?

An enclosure that is certified to hold one rational only is exact; see `precise.matching.rationals`. On the scale of
normalised neurons a first-layer weight is a quotient of two floats, and a weight of the outputs is a product of one
float of every layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from precise.matching.extract import Matched
from precise.matching.rationals import exact_row
from precise.network import Network
from precise.rounding.balls import working_precision
from precise.symmetry.alignment import LayerAlignment, Match, align


def all_exact(alignment: Sequence[LayerAlignment]) -> bool:
    """Every neuron has its counterpart, the same row up to a positive factor."""
    return all(pair.match is Match.EXACT for layer in alignment for pair in layer.pairs)


def exact_remainder(true: Network, result: Matched) -> bool:
    """Are the rationals of a complete extraction the true network, in every parameter?"""
    mantissa = result.report.mantissa
    if not result.report.complete or not mantissa:
        return False
    with working_precision():
        first = [exact_row([*row, known.bias], mantissa) for row, known in zip(result.first, result.layers[0])]
        outputs = [exact_row(list(row), mantissa * len(true.layers)) for row in result.outputs]
    hidden = [[result.exact.get((n, i + 1)) for i in range(len(rows))] for n, rows in enumerate(result.layers, 1)]
    layers = [first, *hidden[1:], outputs]
    if any(row is None for rows in layers for row in rows):
        return False
    found = Network.from_rows([([r[:-1] for r in rows if r], [r[-1] for r in rows if r]) for rows in layers])
    return all_exact(align(true, found))
