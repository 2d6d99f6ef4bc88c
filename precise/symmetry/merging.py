"""Exact copies of a neuron taken together: the same function, with every direction of a layer once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import fmpq

from precise.arithmetic import primitive
from precise.network import Layer, Network

Group = list[tuple[int, fmpq]]  # neurons (from 0), each with its multiple of the first
Rows = list[list[fmpq]]  # (bias, weights ...) of every neuron of a layer


@dataclass(frozen=True)
class Copy:
    """A neuron that repeats another one of its layer."""

    layer: int  # from 1
    neuron: int  # of the given network, from 1
    kept: int  # the merged network's neuron that it went into, from 1
    share: tuple[fmpq, ...]  # what it adds to the outgoing weights of that one, by neuron of the next merged layer


@dataclass(frozen=True)
class Merged:
    """A network without copies, and which neurons of the given one went where."""

    network: Network
    groups: tuple[tuple[tuple[int, ...], ...], ...]  # by hidden layer and neuron: the given neurons, from 1
    copies: tuple[Copy, ...]  # every member of every group of two or more

    def name(self, layer: int, neuron: int) -> int:
        """The given network's number of a neuron (both from 1); the first one of several copies."""
        return self.groups[layer - 1][neuron - 1][0] if layer <= len(self.groups) else neuron

    def without(self, copies: Sequence[Copy]) -> Network:
        """The merged network as it would be if some copies were not there."""
        rows = rows_of(self.network)
        for copy in copies:
            for row, share in zip(rows[copy.layer], copy.share, strict=True):
                row[copy.kept] -= share
        return network_of(rows)


def merge_copies(network: Network) -> Merged:
    """Take neurons whose rows are positive multiples of each other together, layer by layer, exactly."""
    layers = rows_of(network)
    groups: list[list[Group]] = []
    shares: list[list[list[fmpq]]] = []  # by layer and neuron: its outgoing weights, on the scale of its group
    for number in range(len(layers) - 1):
        found = _groups(layers[number])
        ratios = {n: ratio for group in found for n, ratio in group}
        shares.append([[row[n + 1] * ratios[n] for row in layers[number + 1]] for n in range(len(layers[number]))])
        layers[number + 1] = [
            [row[0], *(sum((row[n + 1] * ratio for n, ratio in group), fmpq(0)) for group in found)]
            for row in layers[number + 1]
        ]
        layers[number] = [layers[number][group[0][0]] for group in found]
        groups.append(found)
    names = tuple(tuple(tuple(n + 1 for n, _ in group) for group in found) for found in groups)
    return Merged(network_of(layers), names, tuple(_copies(groups, shares, len(layers[-1]))))


def rows_of(network: Network) -> list[Rows]:
    """Every layer as rows (bias, weights ...), to be changed freely."""
    return [[[b, *w] for b, w in zip(layer.biases, layer.weights, strict=True)] for layer in network.layers]


def network_of(layers: list[Rows]) -> Network:
    """The network with these rows."""
    return Network(
        tuple(Layer(tuple(tuple(row[1:]) for row in rows), tuple(row[0] for row in rows)) for rows in layers)
    )


def _copies(groups: list[list[Group]], shares: list[list[list[fmpq]]], outputs: int) -> Iterator[Copy]:
    for number, found in enumerate(groups):
        after = [group[0][0] for group in groups[number + 1]] if number + 1 < len(groups) else list(range(outputs))
        for kept, group in enumerate(found, 1):
            for n, _ in group if len(group) > 1 else ():
                yield Copy(number + 1, n + 1, kept, tuple(shares[number][n][row] for row in after))


def _groups(rows: Rows) -> list[Group]:
    """The neurons (from 0) of every direction, each as a multiple of the first; rows of zeros stay apart."""
    found: dict[object, Group] = {}
    for number, row in enumerate(rows):
        lead = next((n for n, value in enumerate(row) if value), None)
        key: object = number if lead is None else primitive(row)
        group = found.setdefault(key, [])
        first = rows[group[0][0]] if group else row
        group.append((number, fmpq(1) if lead is None else row[lead] / first[lead]))
    return list(found.values())
