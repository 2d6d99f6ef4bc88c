"""The canonical form of a network: one normal form for all networks that differ by known symmetries.

Three identities bring a network into the form, all of them exact and valid on the whole domain:
relu(s z) = s relu(z) for s > 0; relu(-z) = relu(z) - z; relu(z) = z or 0 where z keeps its sign.
By the second a neuron and its mirror image differ by an affine function only, so the form consists of
*units*, relu of a row whose direction is a convention, and of affine parts that skip layers.

The form is sound: networks with equal forms are the same function on the domain. It does not change under
permutations of a layer, positive factors, duplicated or split neurons, neurons and their mirror images with
the affine part compensated, neurons without influence, neurons proved dead or always active (the latter act
through an affine map alone, in whatever basis), and layers that only pass values on. Such a proof is an exact
interval, or on all of R^n a combination of what is never negative, see `precise.symmetry.unit_bounds`.
On all of R^n and with one hidden layer it is complete: equal functions have equal forms, since the units'
hyperplanes and jumps are what bends the function. For deeper networks it is complete as long as the units of
both networks, the inputs and 1 are linearly independent functions; see [PL20] for when that is so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from flint import fmpq, fmpq_mat, fmpz

from precise.arithmetic import RationalLike, primitive, rational, sign
from precise.errors import InputError
from precise.network import Layer, Network, Row
from precise.symmetry.interval import Range, affine_range, at_least_zero
from precise.symmetry.unit_bounds import UnitBounds, units_below

Integers = tuple[fmpz, ...]
Number = TypeVar("Number", fmpq, fmpz)
ONE = fmpq(1)


class State(Enum):
    """What is proved about a hidden neuron on the domain; the value is the word for reports."""

    BENDS = "bends"  # neither of the others is proved
    ACTIVE = "always active"  # never negative: acts as an affine map
    DEAD = "dead"  # never positive: removed
    CONSTANT = "constant"  # no weights left: folded into the next biases


@dataclass(frozen=True)
class Neuron:
    """What became of one hidden neuron."""

    state: State  # what is proved about it
    unit: int | None = None  # where it went, from 0; None: it does not bend or does not reach an output
    scale: fmpq = ONE  # positive: the preactivation is scale * direction * the unit's row
    direction: int = 1  # -1: the unit is the neuron's mirror image, with an affine part besides


@dataclass(frozen=True)
class CanonicalForm:
    """Units and outputs as affine functions of the features 1, x1 ... xn, unit 0, unit 1, ...

    Equality compares the function's description only, not how a network was brought into it.
    """

    inputs: int  # n
    units: tuple[Integers, ...]  # primitive integer rows over the features before, without trailing zeros
    outputs: tuple[Row, ...]  # the same for the outputs, which are not scaled
    layers: tuple[tuple[Neuron, ...], ...] = field(compare=False)  # hidden layers of the network brought here

    def __call__(self, point: Sequence[RationalLike]) -> list[fmpq]:
        """The exact outputs at one point, from the form alone.

        Raises:
            InputError: the point has another width than the inputs.
        """
        if len(point) != self.inputs:
            raise InputError(f"expected a point of {self.inputs} coordinates, not {len(point)}")
        features = [fmpq(1), *(rational(value) for value in point)]
        for row in self.units:
            features.append(max(_dot(row, features), fmpq(0)))
        return [_dot(row, features) for row in self.outputs]

    def sources(self, unit: int) -> list[tuple[int, int]]:
        """The neurons that became this unit: (layer, neuron), both counted from 1."""
        return [
            (layer, number)
            for layer, neurons in enumerate(self.layers, 1)
            for number, neuron in enumerate(neurons, 1)
            if neuron.unit == unit
        ]

    def count(self, layer: int) -> dict[str, int]:
        """How many neurons of a hidden layer (from 1) are in each state, merged, or without influence."""
        neurons = self.layers[layer - 1]
        counts = {state.value: sum(neuron.state is state for neuron in neurons) for state in State}
        reaching = [neuron.unit for neuron in neurons if neuron.unit is not None]
        counts["merged"] = len(reaching) - len(set(reaching))
        counts["without influence"] = counts[State.BENDS.value] - len(reaching)
        return counts


def canonical_form(
    network: Network,
    box: Sequence[tuple[RationalLike, RationalLike]] | None = None,
    proved: Mapping[tuple[int, int], State] | None = None,
) -> CanonicalForm:
    """Bring a network into its canonical form on all of R^n or on a box; see the module's text.

    Args:
        network: any network.
        box: (lower, upper) for every input; None means all of R^n.
        proved: states of hidden neurons, (layer, neuron) from 1, that the caller has proved, perhaps on a smaller
            domain on which the form then is the function.

    Raises:
        InputError: the box has another number of inputs, or a lower bound above its upper one.
    """
    bounds = UnitBounds(network.input_width) if box is None else None
    builder = _Builder(network.input_width, _ranges(network.input_width, box), bounds, proved or {})
    for layer in network.layers[:-1]:
        builder.hidden(layer)
    outputs = builder.preactivations(network.layers[-1])
    return _pruned(network.input_width, builder, [_trimmed(row) for row in outputs])


class _Builder:
    """The units found so far, and the current layer's values as affine functions of the features."""

    def __init__(
        self,
        inputs: int,
        ranges: list[Range],
        bounds: UnitBounds | None,
        proved: Mapping[tuple[int, int], State],
    ) -> None:
        self.first = 1 + inputs  # the feature number of unit 0
        self.units: dict[Integers, int] = {}  # trimmed row -> number, in order
        self.layers: list[tuple[Neuron, ...]] = []
        self._values: fmpq_mat | None = None  # shape (neurons, features); None: the inputs themselves
        self._keys: list[object] = list(range(inputs))  # values with one key are multiples of each other
        self._scales = [fmpq(1)] * inputs  # and these are the factors
        self._ranges = ranges  # of each value, divided by its factor
        self._bounds = bounds  # None: attempt no proof by combination
        self._given = proved

    def preactivations(self, layer: Layer) -> list[list[fmpq]]:
        """The layer's rows over the features so far: shape (neurons, features)."""
        if self._values is None:
            return [[b, *row] for row, b in zip(layer.weights, layer.biases, strict=True)]
        weights = fmpq_mat(layer.neurons, layer.inputs, [v for row in layer.weights for v in row])
        rows: list[list[fmpq]] = (weights * self._values).tolist()
        for row, bias in zip(rows, layer.biases, strict=True):
            row[0] += bias
        return rows

    def hidden(self, layer: Layer) -> None:
        """Take one more hidden layer in."""
        rows = self.preactivations(layer)
        ranges = [self._range(w, b) for w, b in zip(layer.weights, layer.biases, strict=True)]
        states = [_state(row, bounds) for row, bounds in zip(rows, ranges, strict=True)]
        if self._bounds is not None:
            states = [self._proved(row, state) for row, state in zip(rows, states, strict=True)]
        number = len(self.layers) + 1
        states = [
            self._given.get((number, neuron), state) if state is State.BENDS else state
            for neuron, state in enumerate(states, 1)
        ]
        parts = [oriented(row) if state is State.BENDS else None for row, state in zip(rows, states, strict=True)]
        new = sorted({part[0] for part in parts if part} - self.units.keys())
        self.units |= {unit: number for number, unit in enumerate(new, len(self.units))}
        if self._bounds is not None:
            self._bounds.add(new)
        neurons = [
            Neuron(state, self.units[part[0]], part[1], part[2]) if part else Neuron(state)
            for state, part in zip(states, parts, strict=True)
        ]
        width = self.first + len(self.units)
        values = [self._value(n, row, width) for n, row in zip(neurons, rows, strict=True)]
        self._values = fmpq_mat(len(values), width, [v for row in values for v in row])
        self._keys = [
            number if neuron.unit is None else (neuron.unit, neuron.direction) for number, neuron in enumerate(neurons)
        ]
        self._scales = [neuron.scale for neuron in neurons]
        self._ranges = [
            at_least_zero(bounds).times(1 / neuron.scale) for bounds, neuron in zip(ranges, neurons, strict=True)
        ]
        self.layers.append(tuple(neurons))

    def _range(self, weights: Row, bias: fmpq) -> Range:
        """Bounds of a preactivation, from those of the values; multiples of one value count as one."""
        merged: dict[object, fmpq] = {}
        for key, scale, weight in zip(self._keys, self._scales, weights, strict=True):
            merged[key] = merged.get(key, 0) + scale * weight
        bounds = dict(zip(self._keys, self._ranges, strict=True))
        return affine_range(bias, [(weight, bounds[key]) for key, weight in merged.items()])

    def _proved(self, row: list[fmpq], state: State) -> State:
        """The state after an attempt to prove the row's sign by combination."""
        if self._bounds is None or state is not State.BENDS:
            return state
        low = self._bounds.lower(row)
        if low is not None and low >= 0:
            return State.ACTIVE
        low = self._bounds.lower([-value for value in row])
        return State.DEAD if low is not None and low >= 0 else State.BENDS

    def _value(self, neuron: Neuron, row: list[fmpq], width: int) -> list[fmpq]:
        """The neuron's value, relu of its row, over the features."""
        zeros = [fmpq(0)] * (width - len(row))
        if neuron.state is State.DEAD:
            return [fmpq(0)] * width
        if neuron.state is State.CONSTANT:
            return [max(row[0], fmpq(0)), *[fmpq(0)] * (width - 1)]
        # relu(z) = z where it is active; relu(-u) = relu(u) - u for a mirror image, whose row is -u
        affine = neuron.state is State.ACTIVE or neuron.direction < 0
        value = [*(row if affine else [fmpq(0)] * len(row)), *zeros]
        if neuron.unit is not None:
            value[self.first + neuron.unit] += neuron.scale
        return value


def _ranges(inputs: int, box: Sequence[tuple[RationalLike, RationalLike]] | None) -> list[Range]:
    if box is None:
        return [Range(None, None)] * inputs
    if len(box) != inputs:
        raise InputError(f"expected a box with {inputs} pairs of bounds, not {len(box)}")
    ranges = [Range(rational(low), rational(high)) for low, high in box]
    for number, bounds in enumerate(ranges, 1):
        if bounds.empty:
            raise InputError(f"input {number}: expected a lower bound below the upper one")
    return ranges


def _state(row: list[fmpq], bounds: Range) -> State:
    if not any(row[1:]):
        return State.CONSTANT
    if bounds.low is not None and bounds.low >= 0:
        return State.ACTIVE
    return State.DEAD if bounds.high is not None and bounds.high <= 0 else State.BENDS


def oriented(row: Sequence[fmpq]) -> tuple[Integers, fmpq, int]:
    """(unit row, positive scale, direction) with row = scale * direction * unit row.

    Args:
        row: over the features of a form, not constant.
    """
    lead = next(number for number, value in enumerate(row) if number and value)
    direction = sign(row[lead])  # the convention: a unit's first weight is positive
    unit = [value.p for value in primitive([value * direction for value in row])]
    return _trimmed(unit), row[lead] / (unit[lead] * direction), direction


def _pruned(inputs: int, builder: _Builder, outputs: list[Row]) -> CanonicalForm:
    """The form without the units that reach no output."""
    rows, first = list(builder.units), builder.first
    kept = units_below(outputs, rows, first)
    places = {number: place for place, number in enumerate(kept)}
    columns = [*range(first), *(first + number for number in kept)]
    layers = tuple(
        tuple(Neuron(n.state, None if n.unit is None else places.get(n.unit), n.scale, n.direction) for n in layer)
        for layer in builder.layers
    )
    units = tuple(_selected(rows[number], columns) for number in kept)
    return CanonicalForm(inputs, units, tuple(_selected(row, columns) for row in outputs), layers)


def _selected(row: Sequence[Number], columns: list[int]) -> tuple[Number, ...]:
    return tuple(row[column] for column in columns if column < len(row))


def _trimmed(row: Sequence[Number]) -> tuple[Number, ...]:
    end = len(row)
    while end and row[end - 1] == 0:
        end -= 1
    return tuple(row[:end])


def _dot(row: Sequence[Number], features: Sequence[fmpq]) -> fmpq:
    return sum((a * b for a, b in zip(row, features, strict=False)), fmpq(0))
