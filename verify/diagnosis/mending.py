"""A recovered network on the bench: faults are mended one at a time, and what comes out is a network again.

Only what a fault names is changed: so if the mended network is proved equal to the original, the faults are the whole
difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from flint import fmpq

from precise.network import Network
from precise.symmetry.merging import Copy, Rows, network_of, rows_of
from verify.diagnosis.peeling import Peeling
from verify.diagnosis.sides import Side


@dataclass
class Bench:
    """A working copy; layers count from 1 and neurons from 0."""

    layers: list[Rows]  # (bias, weights ...) of every neuron
    original: list[Rows]
    places: list[list[Side | None]]  # by hidden layer: what the next layer takes each neuron for
    dropped: list[set[int]] = field(default_factory=list)

    @classmethod
    def of(cls, original: Network, recovered: Network, peeling: Peeling) -> Bench:
        """A working copy of a recovered network."""
        places = [list(reading.columns) for reading in peeling.readings[1:]]
        return cls(rows_of(recovered), rows_of(original), places, [set() for _ in places])

    def network(self) -> Network:
        """The network as it stands now, without the neurons that were dropped."""
        layers = [[list(row) for row in rows] for rows in self.layers]
        for number, gone in enumerate(self.dropped):
            layers[number] = [row for n, row in enumerate(layers[number]) if n not in gone]
            layers[number + 1] = [[v for n, v in enumerate(row) if n - 1 not in gone] for row in layers[number + 1]]
        return network_of(layers)


Mend = Callable[[Bench], None]


def mended(bench: Bench, mends: Iterable[Mend]) -> Network:
    """The network after these mends, which are in the order of the layers and of `naming`."""
    for mend in mends:
        mend(bench)
    return bench.network()


def set_entries(layer: int, values: Mapping[tuple[int, int], fmpq | None]) -> Mend:
    """Entries, by neuron and entry (0 the bias), are given these values."""

    def mend(bench: Bench) -> None:
        for (neuron, entry), value in values.items():
            if value is not None:
                bench.layers[layer - 1][neuron][entry] = value

    return mend


def scale_row(layer: int, neuron: int, factor: fmpq) -> Mend:
    """A row is multiplied."""

    def mend(bench: Bench) -> None:
        bench.layers[layer - 1][neuron] = [value * factor for value in bench.layers[layer - 1][neuron]]

    return mend


def move_rows(layer: int, cycle: tuple[int, ...]) -> Mend:
    """Every row of a cycle of places goes to the next place."""

    def mend(bench: Bench) -> None:
        rows = [bench.layers[layer - 1][place] for place in cycle]
        for place, row in zip((*cycle[1:], cycle[0]), rows, strict=True):
            bench.layers[layer - 1][place] = row

    return mend


def drop_neuron(layer: int, neuron: int) -> Mend:
    """A neuron goes, with its outgoing weights."""

    def mend(bench: Bench) -> None:
        bench.dropped[layer - 1].add(neuron)

    return mend


def add_neuron(layer: int, neuron: int) -> Mend:
    """The original's neuron comes last in its layer, on its own scale, with its outgoing weights."""

    def mend(bench: Bench) -> None:
        row = bench.original[layer - 1][neuron]
        below: list[Side | None] = (
            bench.places[layer - 2] if layer > 1 else [Side(n, fmpq(1)) for n in range(len(row) - 1)]
        )
        weights = [fmpq(0) if side is None else row[side.partner + 1] / side.scale for side in below]
        bench.layers[layer - 1].append([row[0], *weights])
        last = layer == len(bench.places)
        above: list[Side | None] = (
            [Side(n, fmpq(1)) for n in range(len(bench.layers[layer]))] if last else bench.places[layer]
        )
        for other, side in zip(bench.layers[layer], above, strict=True):
            other.append(fmpq(0) if side is None else side.scale * bench.original[layer][side.partner][neuron + 1])
        bench.places[layer - 1].append(Side(neuron, fmpq(1)))

    return mend


def take_copy_away(copy: Copy) -> Mend:
    """A copy's share of the outgoing weights goes."""

    def mend(bench: Bench) -> None:
        for row, share in zip(bench.layers[copy.layer], copy.share, strict=False):
            row[copy.kept] -= share

    return mend
