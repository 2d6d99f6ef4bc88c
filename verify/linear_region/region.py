"""The linear region around a point: activation pattern, affine map, and the half-spaces that bound it, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flint import fmpq, fmpq_mat, nmod_mat

from precise.arithmetic import RationalLike, rational, sign, to_float
from precise.errors import InputError
from precise.network import Layer, Network, Row
from precise.symmetry.cone import implied

PRIME = 2**61 - 1  # rows that are independent modulo it are independent


@dataclass(frozen=True)
class HalfSpace:
    """What one hidden neuron's state means inside the region: its preactivation has one sign there."""

    layer: int  # from 1
    neuron: int  # from 1
    active: bool  # the region lies where row >= 0; else where row <= 0
    row: Row  # the preactivation in the region: (constant, one weight an input)
    value: fmpq  # the preactivation at the point; 0 on the border

    @property
    def distance(self) -> float:
        """How far the point is from the border (Euclidean), roughly; infinite if the row is constant."""
        largest = max((abs(weight) for weight in self.row[1:]), default=fmpq(0))
        if not largest:
            return math.inf
        norm = math.hypot(*(to_float(weight / largest) for weight in self.row[1:]))
        return to_float(min(abs(self.value) / largest, fmpq(10) ** 300)) / norm


@dataclass(frozen=True)
class Region:
    """A closed polyhedron on which the network is affine, around a point or with the point on its border.

    A neuron that is exactly 0 at the point counts as inactive, so on a border this is one region of several.
    """

    point: Row  # shape (inputs,)
    pattern: tuple[tuple[int, ...], ...]  # sign -1, 0, +1 of every hidden neuron at the point, by layer
    outputs: tuple[Row, ...]  # affine on the region: (constant, one weight an input)
    values: Row  # the outputs at the point
    bounding: tuple[HalfSpace, ...]  # no other one among them was found to imply any of these
    implied: tuple[tuple[int, int], ...]  # (layer, neuron) whose half-space follows from those, proved
    constant: tuple[tuple[int, int], ...]  # (layer, neuron) whose preactivation does not change in the region

    @property
    def border(self) -> tuple[tuple[int, int], ...]:
        """The neurons (layer, neuron) on whose zero set the point lies; none: it is inside the region."""
        still = set(self.constant)
        return tuple(
            (layer, neuron)
            for layer, signs in enumerate(self.pattern, 1)
            for neuron, at in enumerate(signs, 1)
            if at == 0 and (layer, neuron) not in still
        )


def region_at(network: Network, point: Sequence[RationalLike]) -> Region:
    """The linear region of a network around a point.

    Args:
        network: any network.
        point: one number an input.

    Raises:
        InputError: the point has another width than the inputs, or holds something that is not a number.
    """
    exact = tuple(rational(value) for value in point)
    values = network.preactivations(exact)
    first = network.layers[0]
    # the rows of layer 1 span all others: they are the shorter coordinates where they are independent
    short = _independent(first)
    maps = _local_maps(network, values, _unit_rows(first.neurons) if short else _rows(first))
    outputs, hidden = maps[-1], _half_spaces(maps[:-1], values)
    moving = [space for space in hidden if any(space.row[1:])]
    following = implied([_inward(space) for space in moving])
    bounding = [space for number, space in enumerate(moving) if number not in following]
    if short:
        outputs, rows = _product(outputs, first), _product([space.row for space in bounding], first)
        bounding = [replace(space, row=tuple(row)) for space, row in zip(bounding, rows, strict=True)]
    return Region(
        point=exact,
        pattern=tuple(tuple(sign(v) for v in layer) for layer in values[:-1]),
        outputs=tuple(tuple(row) for row in outputs),
        values=tuple(values[-1]),
        bounding=tuple(bounding),
        implied=tuple((moving[number].layer, moving[number].neuron) for number in following),
        constant=tuple((space.layer, space.neuron) for space in hidden if not any(space.row[1:])),
    )


def preactivation_at(network: Network, point: Sequence[RationalLike], layer: int, neuron: int) -> Row:
    """One neuron's preactivation around a point as an affine function: (constant, one weight an input).

    Args:
        network: any network.
        point: one number an input; a neuron that is exactly 0 there counts as inactive.
        layer: of the neuron, from 1; the last one is the output layer.
        neuron: from 1.

    Raises:
        InputError: the point has another width than the inputs, or there is no such neuron.
    """
    if not 1 <= layer <= len(network.layers) or not 1 <= neuron <= network.layers[layer - 1].neurons:
        raise InputError(f"expected a neuron of the network, not neuron {neuron} of layer {layer}")
    values = network.preactivations(tuple(rational(value) for value in point))
    found = network.layers[layer - 1]
    row, constant = [*found.weights[neuron - 1]], found.biases[neuron - 1]
    for below, before in zip(reversed(network.layers[: layer - 1]), reversed(values[: layer - 1]), strict=True):
        active = [weight if at > 0 else fmpq(0) for weight, at in zip(row, before, strict=True)]
        constant += sum((weight * bias for weight, bias in zip(active, below.biases, strict=True)), fmpq(0))
        weights = fmpq_mat(below.neurons, below.inputs, [v for other in below.weights for v in other])
        row = (fmpq_mat(1, below.neurons, active) * weights).entries()
    return (constant, *row)


Rows = list[list[fmpq]]  # (constant, coefficients ...) of every neuron of a layer


def _local_maps(network: Network, values: Sequence[Sequence[fmpq]], start: Rows) -> list[Rows]:
    """Every layer's preactivations as affine functions of what `start` is affine in, the outputs last."""
    maps = [start]
    for layer, before in zip(network.layers[1:], values, strict=False):
        active = [row if at > 0 else [fmpq(0)] * len(row) for row, at in zip(maps[-1], before, strict=True)]
        maps.append(_composed(layer, active))
    return maps


def _composed(layer: Layer, rows: Rows) -> Rows:
    """The layer's affine map after the affine functions `rows`."""
    weights = fmpq_mat(layer.neurons, layer.inputs, [v for row in layer.weights for v in row])
    found: Rows = (weights * fmpq_mat(len(rows), len(rows[0]), [v for row in rows for v in row])).tolist()
    for row, bias in zip(found, layer.biases, strict=True):
        row[0] += bias
    return found


def _half_spaces(maps: Sequence[Rows], values: Sequence[Sequence[fmpq]]) -> list[HalfSpace]:
    return [
        HalfSpace(layer, neuron, at > 0, tuple(row), at)
        for layer, (rows, before) in enumerate(zip(maps, values, strict=False), 1)
        for neuron, (row, at) in enumerate(zip(rows, before, strict=True), 1)
    ]


def _inward(space: HalfSpace) -> Row:
    """The row that is never negative in the region."""
    return space.row if space.active else tuple(-value for value in space.row)


def _independent(layer: Layer) -> bool:
    if layer.neurons > layer.inputs:
        return False
    weights = layer.integers[0]
    residues = [int(value) % PRIME for value in weights.entries()]
    return bool(nmod_mat(layer.inputs, layer.neurons, residues, PRIME).rank() == layer.neurons)


def _rows(layer: Layer) -> Rows:
    return [[bias, *row] for row, bias in zip(layer.weights, layer.biases, strict=True)]


def _unit_rows(count: int) -> Rows:
    return [[fmpq(0), *(fmpq(i == j) for j in range(count))] for i in range(count)]


def _product(rows: Sequence[Sequence[fmpq]], first: Layer) -> Rows:
    """Rows over layer 1's preactivations as rows over the inputs."""
    weights = fmpq_mat(len(rows), first.neurons, [v for row in rows for v in row[1:]])
    found: Rows = (weights * fmpq_mat(_rows(first))).tolist()
    for row, old in zip(found, rows, strict=True):
        row[0] += old[0]
    return found
