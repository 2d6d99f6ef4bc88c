"""Cases for a diagnosis: a network, a copy of it in an order and on scales of its own, and faults planted in the copy.

Everything follows from a seed. A fault counts only if it changes the function, alone and beside the others, at a point
evaluated exactly; else another one is planted in its place.

In a copy on scales of its own, a scale that is not undone below a layer of one neuron, and one wrong weight of that
neuron, are the same change: no tool can tell which was meant. So neither is planted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from flint import fmpq

from precise.arithmetic import rational
from precise.network import Network
from precise.symmetry.merging import network_of, rows_of
from verify.diagnosis import planted
from verify.diagnosis.fault import Kind
from verify.equality.witness_search import WitnessSearch
from verify.errors import InputError

ATTEMPTS = 60  # to plant faults that change the function
POINTS = 24  # at which that is looked for
SMALLEST_CHANGE = 40  # bits: a wrong entry is off by 1 to 2^-40 of itself
BITS = (6, 18)  # of a layer that lost precision
SCALES = (fmpq(1, 8), fmpq(9))  # of factors that are not undone, and of those that are
ORDER = (  # of making: a copy is made when all rows are as they will be, a neuron goes last
    Kind.PRECISION,
    Kind.ENTRIES,
    Kind.OUTPUT,
    Kind.SIGN,
    Kind.SCALE,
    Kind.PERMUTATION,
    Kind.SPURIOUS,
    Kind.DUPLICATE,
    Kind.MISSING,
)

KINDS = tuple(kind for kind in Kind if kind in ORDER)  # that can be planted
Place = tuple[str, int, tuple[int, ...]]  # kind in words, layer, neurons: what a tool has to name


@dataclass(frozen=True)
class PlantedFault:
    """One fault and how it is made."""

    kind: Kind
    layer: int
    neurons: tuple[int, ...]  # of the copy, with every fault in place; of the original where the kind is MISSING
    make: Callable[[Network], Network]
    beside: tuple[int, ...] = ()  # neurons of the layer before whose outgoing weights it changes

    @property
    def place(self) -> Place:
        """What a tool has to name."""
        return self.kind.value, self.layer, self.neurons


@dataclass(frozen=True)
class Case:
    """An original and a copy with faults."""

    original: Network
    recovered: Network
    faults: tuple[PlantedFault, ...]

    @property
    def places(self) -> set[Place]:
        """What a tool has to name."""
        return {fault.place for fault in self.faults}


def plant(network: Network, kinds: Sequence[Kind], seed: int, rewritten: bool = True) -> Case | None:
    """A case with faults of these kinds; None: none was found whose every fault changes the function.

    Args:
        network: the original, with at least one hidden layer.
        kinds: one fault each.
        seed: of all choices.
        rewritten: is the copy in another order and on other scales than the original?

    Raises:
        InputError: the network has no hidden layer.
    """
    if len(network.layers) < 2:
        raise InputError("expected a network with a hidden layer to plant faults in")
    generator = np.random.default_rng(seed)
    for _ in range(ATTEMPTS):
        copy, orders = scrambled(network, generator) if rewritten else (network, _in_order(network))
        faults = _faults(copy, orders, kinds, generator, rewritten)
        if faults is not None and _all_count(network, copy, faults, seed):
            return Case(network, _made(copy, faults), tuple(faults))
    return None


def scrambled(network: Network, generator: np.random.Generator) -> tuple[Network, list[list[int]]]:
    """The same function with every hidden layer in another order and on other positive scales, and the orders.

    The orders hold, by hidden layer and neuron of the new network, the old neuron, counted from 1.
    """
    layers, orders = rows_of(network), []
    for number in range(len(layers) - 1):
        order = [int(n) for n in generator.permutation(len(layers[number]))]
        scales = [_factor(generator) for _ in order]
        layers[number] = [[v * s for v in layers[number][n]] for n, s in zip(order, scales, strict=True)]
        layers[number + 1] = [
            [row[0], *(row[n + 1] / s for n, s in zip(order, scales, strict=True))] for row in layers[number + 1]
        ]
        orders.append([n + 1 for n in order])
    return network_of(layers), orders


def _in_order(network: Network) -> list[list[int]]:
    return [list(range(1, width + 1)) for width in network.widths[1:-1]]


def _faults(
    copy: Network, orders: list[list[int]], kinds: Sequence[Kind], generator: np.random.Generator, rewritten: bool
) -> list[PlantedFault] | None:
    """Faults at places that do not overlap, in the order in which they are made."""
    found: list[PlantedFault] = []
    taken: set[tuple[int, int]] = set()
    for kind in sorted(kinds, key=ORDER.index):
        imprecise = [f.layer for f in found if f.kind is Kind.PRECISION]
        fault = _Choice(copy, generator, kind, taken, imprecise, rewritten).fault()
        if fault is None:
            return None
        found.append(fault)
        taken |= {(fault.layer, neuron) for neuron in fault.neurons}
        taken |= {(fault.layer - 1, neuron) for neuron in fault.beside}
    found.sort(key=lambda f: (0, 0) if f.kind is not Kind.MISSING else (1, -f.neurons[0]))
    return _numbered(found, orders, copy)


def _numbered(faults: list[PlantedFault], orders: list[list[int]], copy: Network) -> list[PlantedFault] | None:
    """Missing neurons named by the original, and the numbers behind them in their layer moved up."""
    gone = [(f.layer, f.neurons[0]) for f in faults if f.kind is Kind.MISSING]
    if any(copy.widths[layer] - sum(at == layer for at, _ in gone) < 2 for layer, _ in gone):
        return None
    found = []
    added = {layer: copy.widths[layer] for layer in range(1, len(copy.layers))}
    for fault in faults:
        neurons = fault.neurons
        if fault.kind in (Kind.SPURIOUS, Kind.DUPLICATE):
            added[fault.layer] += 1
            neurons = (*neurons, added[fault.layer])
        if fault.kind is Kind.MISSING:
            neurons = (orders[fault.layer - 1][fault.neurons[0] - 1],)
        else:
            neurons = tuple(n - sum(at == fault.layer and other < n for at, other in gone) for n in neurons)
        found.append(PlantedFault(fault.kind, fault.layer, tuple(sorted(neurons)), fault.make))
    return found


class _Choice:
    """One fault at a random place of a copy that is not taken."""

    def __init__(
        self,
        copy: Network,
        generator: np.random.Generator,
        kind: Kind,
        taken: set[tuple[int, int]],
        imprecise: list[int],
        rewritten: bool,
    ) -> None:
        self._copy, self._generator, self._kind, self._taken = copy, generator, kind, taken
        self._imprecise = imprecise  # layers in which a small change would not be seen
        self._rewritten = rewritten

    def fault(self) -> PlantedFault | None:
        """None: there is no room for it."""
        last = len(self._copy.layers)
        layer = last if self._kind is Kind.OUTPUT else int(self._generator.integers(1, last))
        if self._kind is Kind.SCALE and self._one_neuron(layer + 1):
            return None
        if self._kind is Kind.PRECISION:
            bits = int(self._generator.integers(*BITS))
            return self._made(layer, (), lambda network: planted.round_layer(network, layer, bits))
        if self._kind is Kind.SPURIOUS:
            return self._spurious(layer)
        free = [n for n in range(1, self._copy.widths[layer] + 1) if (layer, n) not in self._taken]
        size = self._cycle(len(free)) if self._kind is Kind.PERMUTATION else 1
        if len(free) < size or not size:
            return None
        neurons = tuple(int(n) for n in self._generator.choice(free, size, replace=False))
        if self._kind is Kind.MISSING:  # made last, from the highest number down
            return self._made(layer, neurons, lambda network: planted.drop_neuron(network, layer, neurons[0]))
        return self._at(layer, neurons)

    def _at(self, layer: int, neurons: tuple[int, ...]) -> PlantedFault | None:
        neuron, factor = neurons[0], _factor(self._generator)
        if self._kind is Kind.SIGN:
            return self._made(layer, neurons, lambda network: planted.flip_sign(network, layer, neuron))
        if self._kind is Kind.SCALE:
            return self._made(layer, neurons, lambda network: planted.scale_row(network, layer, neuron, factor))
        if self._kind is Kind.DUPLICATE:
            return self._made(layer, neurons, lambda network: planted.copy_neuron(network, layer, neuron, factor))
        if self._kind is Kind.PERMUTATION:
            return self._made(layer, neurons, lambda network: _exchanged(network, layer, neurons))
        return self._entries(layer, neuron)

    def _entries(self, layer: int, neuron: int) -> PlantedFault | None:
        if self._kind is Kind.ENTRIES and layer in self._imprecise:
            return None
        old = self._copy.layers[layer - 1]
        row = (old.biases[neuron - 1], *old.weights[neuron - 1])
        most = max(1, min(3, (len(row) - 1) // 3))
        count = int(self._generator.integers(1, most + 1))
        only_bias = layer > 1 and self._one_neuron(layer)
        values = {}
        for entry in [0] if only_bias else self._generator.choice(len(row), count, replace=False):
            exponent = int(self._generator.integers(0, SMALLEST_CHANGE))
            change = fmpq(int(self._generator.integers(1, 128)), 64) * fmpq(2) ** -exponent
            sign = int(self._generator.choice((1, -1)))
            values[int(entry)] = row[entry] * (1 + sign * change) if row[entry] else change
        beside = tuple(entry for entry in values if entry)
        return PlantedFault(self._kind, layer, (neuron,), lambda network: _set(network, layer, neuron, values), beside)

    def _one_neuron(self, layer: int) -> bool:
        """Is a wrong weight of this layer the same as a scale of the layer before that is not undone?"""
        return self._rewritten and self._copy.widths[layer] == 1

    def _spurious(self, layer: int) -> PlantedFault:
        inputs, after = self._copy.layers[layer - 1].inputs, self._copy.widths[layer + 1]
        row, outgoing = (self._numbers(count, inputs) for count in (inputs + 1, after))
        return self._made(layer, (), lambda network: _added(network, layer, row, outgoing))

    def _numbers(self, count: int, inputs: int) -> list[fmpq]:
        return [rational(v) for v in (self._generator.standard_normal(count) * inputs**-0.5).astype(np.float32)]

    def _cycle(self, free: int) -> int:
        """How many neurons change places."""
        return 0 if free < 2 else int(self._generator.integers(2, min(3, free) + 1))

    def _made(self, layer: int, neurons: tuple[int, ...], make: Callable[[Network], Network]) -> PlantedFault:
        return PlantedFault(self._kind, layer, neurons, make)


def _factor(generator: np.random.Generator) -> fmpq:
    """A positive rational with small numerator and denominator that is clearly not 1."""
    while True:
        factor = fmpq(int(generator.integers(1, 30)), int(generator.integers(1, 30)))
        if SCALES[0] < factor < SCALES[1] and abs(factor - 1) > fmpq(1, 4):
            return factor


def _exchanged(network: Network, layer: int, neurons: Iterable[int]) -> Network:
    """Outgoing weights moved round a cycle."""
    first, *others = neurons
    for other in others:
        network = planted.swap_outgoing(network, layer, first, other)
    return network


def _set(network: Network, layer: int, neuron: int, values: dict[int, fmpq]) -> Network:
    for entry, value in values.items():
        network = planted.set_entry(network, layer, neuron, entry, value)
    return network


def _added(network: Network, layer: int, row: list[fmpq], outgoing: list[fmpq]) -> Network:
    """A neuron more, reading and read by those that the layers have by now."""
    inputs, after = network.layers[layer - 1].inputs, network.widths[layer + 1]
    row = [*row, *[fmpq(1)] * (inputs + 1 - len(row))]
    return planted.add_neuron(network, layer, row, [*outgoing, *[fmpq(1)] * (after - len(outgoing))])


def _made(copy: Network, faults: Iterable[PlantedFault]) -> Network:
    for fault in faults:
        copy = fault.make(copy)
    return copy


def _all_count(original: Network, copy: Network, faults: Sequence[PlantedFault], seed: int) -> bool:
    """Does every fault change the function, alone and where the others are there?"""
    networks = {
        chosen: _made(copy, [faults[n] for n in chosen])
        for count in range(len(faults) + 1)
        for chosen in combinations(range(len(faults)), count)
        if count in (0, 1, len(faults) - 1, len(faults))
    }
    every = tuple(range(len(faults)))
    pairs = [((), (n,)) for n in every] + [(tuple(m for m in every if m != n), every) for n in every]
    return all(_differ(networks[a], networks[b], seed) for a, b in pairs) and _differ(original, networks[every], seed)


def _differ(first: Network, second: Network, seed: int) -> bool:
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((POINTS, first.input_width)) * 2.0 ** generator.uniform(-2, 6, (POINTS, 1))
    rows = [[fmpq(int(v), 64) for v in row] for row in (64 * points).round()]
    return bool(WitnessSearch(first, second).differing(rows))
