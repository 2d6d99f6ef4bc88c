"""How far each neuron of one network is from its counterpart in another, exactly: the figures of the heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import fmpq

from precise.network import Layer, Network
from precise.symmetry.alignment import Match, Pair, align


def error_map(first: Network, second: Network) -> dict[str, Any]:
    """Per layer, every pair of neurons with what they have in common and the bits to which their rows agree.

    The rows are compared on one scale. `bits` is the largest b with |difference| <= 2^-b of the row's largest entry;
    None where the rows are the same up to a factor, or where there is no counterpart. An alignment is an explanation
    and no proof: networks of other shapes have an empty map, and `reason` says so.
    """
    if len(first.layers) != len(second.layers):
        counts = f"{len(first.layers)} and {len(second.layers)}"
        return {"layers": [], "reason": f"the networks have {counts} layers, so their neurons are not paired"}
    before: Sequence[Pair] = [Pair(n, n, Match.EXACT, fmpq(1)) for n in range(1, first.input_width + 1)]
    found = []
    for number, layer in enumerate(align(first, second)):
        one, other = first.layers[number], second.layers[number]
        neurons = [_neuron(pair, one, other, before) for pair in layer.pairs]
        found.append({"layer": layer.layer, "output": number + 1 == len(first.layers), "neurons": neurons})
        before = layer.pairs
    return {"layers": found, "reason": ""}


def _neuron(pair: Pair, one: Layer, other: Layer, before: Sequence[Pair]) -> dict[str, Any]:
    bits = _bits(_ratio(pair, one, other, before)) if pair.match is Match.DIFFERS else None
    return {"first": pair.first, "second": pair.second, "match": pair.match.value, "bits": bits}


def _ratio(pair: Pair, one: Layer, other: Layer, before: Sequence[Pair]) -> fmpq:
    """The largest difference of two paired rows, as a part of the largest entry."""
    assert pair.first is not None
    assert pair.second is not None
    factor = pair.scale or fmpq(1)
    i, j = pair.first - 1, pair.second - 1
    rows = [(one.biases[i] * factor, other.biases[j])]
    for known in before:
        a = one.weights[i][known.first - 1] * factor if known.first else fmpq(0)
        b = other.weights[j][known.second - 1] * abs(known.scale or fmpq(1)) if known.second else fmpq(0)
        rows.append((a, b))
    largest = max(max(abs(a), abs(b)) for a, b in rows)
    return max(abs(a - b) for a, b in rows) / largest


def _bits(ratio: fmpq) -> int:
    """The largest b of at least 0 with ratio <= 2^-b; 0 if there is none."""
    bits = max(int(ratio.q).bit_length() - int(ratio.p).bit_length(), 0)
    while bits and ratio > fmpq(1, 1 << bits):
        bits -= 1
    return bits
