"""How much of the true network an extraction recovered, layer by layer: apart from the extraction, and exact.

A row is exact when it is a multiple of the true one, in every entry; its sign, when the factor is positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from precise.extract import Extraction
from precise.network import Layer, Network
from precise.regions.local_map import Known, Row
from precise.symmetry.alignment import Match, align


@dataclass(frozen=True)
class Score:
    """Counts a hidden layer; those that were not reached have 0."""

    rows: tuple[int, ...]
    signs: tuple[int, ...]


def score(true: Network, result: Extraction) -> Score:
    """Compare the result with the true network; of an incomplete one, the layers that it has."""
    found = result.network
    depth = len(true.layers) - 1
    if found is not None and len(found.layers) == len(true.layers):
        return _score(true, found, [True] * depth, depth)
    layers = _readable(result.known)
    if not layers:
        return Score((0,) * depth, (0,) * depth)
    decided = [any(neuron.sign != "open" for neuron in layer.neurons) for layer in result.report.layers]
    reference = _beginning(true, result.report.slice_inputs, len(layers))
    return _score(reference, _headless([_layer(rows) for rows in layers]), decided, depth)


def _score(true: Network, found: Network, decided: Sequence[bool], depth: int) -> Score:
    rows, signs = [0] * depth, [0] * depth
    for number, layer in enumerate(align(true, found)[:-1]):
        exact = sum(pair.match is Match.EXACT for pair in layer.pairs)
        rows[number] = exact + sum(pair.match is Match.FLIPPED for pair in layer.pairs)
        signs[number] = exact if decided[number] else 0
    return Score(tuple(rows), tuple(signs))


def _readable(known: Known) -> list[list[Row]]:
    """The layers up to the first one whose rows still have a coefficient for each side of the neurons below."""
    found: list[list[Row]] = []
    for rows in known.layers:
        if not rows or any(any(row.minus) for row in rows):
            break
        found.append(rows)
    return found


def _layer(rows: Sequence[Row]) -> Layer:
    return Layer(tuple(tuple(map(fmpq, row.plus)) for row in rows), tuple(fmpq(row.bias) for row in rows))


def _beginning(true: Network, columns: Sequence[int], count: int) -> Network:
    """The first layers of a network on a slice: the other inputs are 0."""
    first = true.layers[0]
    inside = Layer(tuple(tuple(row[c] for c in columns) for row in first.weights), first.biases)
    return _headless([inside, *true.layers[1:count]])


def _headless(layers: Sequence[Layer]) -> Network:
    """These layers, and an output that is always 0."""
    return Network((*layers, Layer(((fmpq(0),) * layers[-1].neurons,), (fmpq(0),))))
