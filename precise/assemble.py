"""From recovered integer rows to a network with weights of ordinary size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from flint import fmpq

from precise.layers.output_layer import OutputRow
from precise.network import Layer, Network
from precise.regions.local_map import Known

DOMAIN = 1024  # what is known of always-active neurons is the linear function that they hand on: stated for this box
BOUND_BITS = 20  # fractional, of what bounds are added up from
LARGE = 1 << 32  # times the known part of a row: what stands for a weight that is not known and is far beyond this part
FAR = 1 << 6  # times: what stands for a weight is 2^16 times a small term of the row


def network_from_rows(
    known: Known,
    outputs: Sequence[OutputRow],
    columns: Sequence[Sequence[fmpq]],
    coordinates: Sequence[int],
    inputs: int,
    lacking: Mapping[tuple[int, int], Set[int]],
    domain: int = DOMAIN,
) -> Network:
    """The recovered network; every hidden row is scaled by a power of 2 so that its largest weight is in [1/2, 1).

    Args:
        columns: first-layer weights on the inputs outside the slice, shape (d_1, inputs - slice).
        coordinates: the inputs of the slice.
        lacking: by (layer, neuron) from 0, the neurons below whose weight is not known: what stands for it does not
            count for the scale, and is made LARGE times what is known of the row where it is far beyond that.
        domain: the box |x_i| <= domain in which always-active neurons are kept active.
    """
    outside = [c for c in range(inputs) if c not in set(coordinates)]
    first = [
        _spread(row.plus, coordinates, column, outside, inputs)
        for row, column in zip(known.layers[0], columns, strict=True)
    ]
    tables = [first, *([[fmpq(w) for w in row.plus] for row in rows] for rows in known.layers[1:])]
    tables.append([list(row.weights) for row in outputs])
    biases = [*([fmpq(row.bias) for row in rows] for rows in known.layers), [row.bias for row in outputs]]
    _rescale(tables, biases, lacking)
    _lift(known, tables, biases, domain)
    _prune(tables, biases)
    return Network(
        tuple(Layer(tuple(map(tuple, rows)), tuple(bias)) for rows, bias in zip(tables, biases, strict=True))
    )


def _rescale(
    tables: list[list[list[fmpq]]], biases: list[list[fmpq]], lacking: Mapping[tuple[int, int], Set[int]]
) -> None:
    """Give every hidden neuron a scale of ordinary size, and take it back in the next layer."""
    factors = [fmpq(1)] * len(tables[0][0]) if tables[0] else []
    for layer, rows in enumerate(tables):
        scales = []
        for number, row in enumerate(rows):
            unknown = lacking.get((layer, number), frozenset())
            divided = [w / f for w, f in zip(row, factors, strict=True)]
            told = [w for j, w in enumerate(divided) if j not in unknown]
            scale = fmpq(1) if layer == len(tables) - 1 else _scale(told if any(told) else [biases[layer][number]])
            bias = biases[layer][number] * scale
            most = LARGE * max(fmpq(1), abs(bias))
            rows[number] = [_sized(w * scale, most) if j in unknown else w * scale for j, w in enumerate(divided)]
            biases[layer][number] = bias
            scales.append(scale)
        factors = scales


def _sized(stand_in: fmpq, most: fmpq) -> fmpq:
    """What stands for an unknown weight, of a size by which an alignment tells it from weights."""
    if abs(stand_in) <= FAR:
        return stand_in
    return most if stand_in > 0 else -most


def _prune(tables: list[list[list[fmpq]]], biases: list[list[fmpq]]) -> None:
    """Leave out neurons that no neuron of the next layer uses (one a layer stays)."""
    for layer in range(len(tables) - 2, -1, -1):
        used = [j for j in range(len(tables[layer])) if any(row[j] for row in tables[layer + 1])] or [0]
        tables[layer] = [tables[layer][j] for j in used]
        biases[layer] = [biases[layer][j] for j in used]
        tables[layer + 1] = [[row[j] for j in used] for row in tables[layer + 1]]


def _lift(known: Known, tables: list[list[list[fmpq]]], biases: list[list[fmpq]], domain: int) -> None:
    """Give every linear row a bias that keeps it active for |x_i| <= domain, and take it back in the next layer."""
    deepest = max((n for n, rows in enumerate(known.layers) if any(row.linear for row in rows)), default=-1)
    most = [domain] * len(tables[0][0]) if tables[0] else []
    for layer, rows in enumerate(known.layers[: deepest + 1]):
        pairs = zip(tables[layer], biases[layer], strict=True)
        bounds = [_most(row, most, bias) for row, bias in pairs]
        for j, row in enumerate(rows):
            if row.linear:
                lift = bounds[j]
                biases[layer][j] += lift
                bounds[j] *= 2
                biases[layer + 1] = [
                    b - weights[j] * lift for b, weights in zip(biases[layer + 1], tables[layer + 1], strict=True)
                ]
        most = bounds


def _most(row: Sequence[fmpq], most: Sequence[int], bias: fmpq) -> int:
    """A whole number above |row . h + bias| for all |h_j| <= most_j; exact sums of many fractions would be long."""
    parts = [_parts(w) * m for w, m in zip(row, most, strict=True)]
    return ((sum(parts) + _parts(bias)) >> BOUND_BITS) + 1


def _parts(value: fmpq) -> int:
    """|value| in units of 2^-BOUND_BITS, rounded up."""
    return -(-(abs(int(value.p)) << BOUND_BITS) // int(value.q))


def _spread(
    inside: Sequence[fmpq | int],
    coordinates: Sequence[int],
    column: Sequence[fmpq],
    outside: Sequence[int],
    inputs: int,
) -> list[fmpq]:
    row = [fmpq(0)] * inputs
    for c, w in zip(coordinates, inside, strict=True):
        row[c] = fmpq(w)
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
