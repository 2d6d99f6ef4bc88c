"""Faults that a check must catch, and rewritings that keep the function: each returns a new network.

Layers and neurons count from 1, as in every message and report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from flint import fmpq

from precise.arithmetic import RationalLike, rational, round_to_bits
from precise.errors import InputError
from precise.network import Layer, Network, Row

T = TypeVar("T")

# --- faults: the function changes (unless the neuron has no effect) ---


def flip_sign(network: Network, layer: int, neuron: int) -> Network:
    """The neuron's row and bias negated: the wrong sign guess of an extraction.

    Raises:
        InputError: there is no such neuron.
    """
    return scale_row(network, layer, neuron, -1)


def one_ulp(network: Network, layer: int, neuron: int, weight: int, bits: int = 24) -> Network:
    """One weight (counted from 1) moved up by a unit in the last place of a mantissa of `bits` bits.

    A weight of 0 becomes 2^-149, float32's smallest positive number.

    Raises:
        InputError: there is no such weight.
    """
    row = list(_layer(network, layer, neuron).weights[neuron - 1])
    if not 1 <= weight <= len(row):
        raise InputError(f"layer {layer}: expected a weight from 1 to {len(row)}, not {weight}")
    row[weight - 1] += _ulp(row[weight - 1], bits)
    return _with_row(network, layer, neuron, tuple(row), network.layers[layer - 1].biases[neuron - 1])


def shift_bias(network: Network, layer: int, neuron: int, amount: RationalLike) -> Network:
    """`amount` added to one bias.

    Raises:
        InputError: there is no such neuron.
    """
    old = _layer(network, layer, neuron)
    bias = old.biases[neuron - 1] + rational(amount)
    return _with_row(network, layer, neuron, old.weights[neuron - 1], bias)


def drop_neuron(network: Network, layer: int, neuron: int) -> Network:
    """The network without one hidden neuron: a layer narrower by one.

    Raises:
        InputError: there is no such hidden neuron, or it is the only one of its layer.
    """
    old = _hidden(network, layer, neuron)
    if old.neurons == 1:
        raise InputError(f"layer {layer}: expected at least two neurons to drop one")
    narrower = Layer(_without(old.weights, neuron), _without(old.biases, neuron))
    after = network.layers[layer]
    following = replace(after, weights=tuple(_without(row, neuron) for row in after.weights))
    return _with_layers(network, layer, narrower, following)


def swap_outgoing(network: Network, layer: int, first: int, second: int) -> Network:
    """Two hidden neurons' outgoing weights exchanged, their rows left: two neurons confused with each other.

    Raises:
        InputError: there are no such hidden neurons.
    """
    _hidden(network, layer, first)
    after, here = network.layers[layer], _hidden(network, layer, second)
    order = _swapped(here.neurons, first, second)
    following = replace(after, weights=tuple(tuple(row[i] for i in order) for row in after.weights))
    return _with_layers(network, layer, here, following)


def set_entry(network: Network, layer: int, neuron: int, entry: int, value: RationalLike) -> Network:
    """One entry of a row given another value: 0 is the bias, i the weight of input i.

    Raises:
        InputError: there is no such entry.
    """
    old = _layer(network, layer, neuron)
    row, bias = list(old.weights[neuron - 1]), old.biases[neuron - 1]
    if not 0 <= entry <= len(row):
        raise InputError(f"layer {layer}: expected an entry from 0 to {len(row)}, not {entry}")
    if entry:
        row[entry - 1] = rational(value)
        return _with_row(network, layer, neuron, tuple(row), bias)
    return _with_row(network, layer, neuron, tuple(row), rational(value))


def round_layer(network: Network, layer: int, bits: int) -> Network:
    """Every weight and bias of a layer rounded to a mantissa of `bits` bits.

    Raises:
        InputError: there is no such layer.
    """
    old = _layer(network, layer, 1)
    rounded = Layer(
        tuple(tuple(round_to_bits(value, bits) for value in row) for row in old.weights),
        tuple(round_to_bits(value, bits) for value in old.biases),
    )
    layers = list(network.layers)
    layers[layer - 1] = rounded
    return Network(tuple(layers))


def add_neuron(network: Network, layer: int, row: Sequence[RationalLike], outgoing: Sequence[RationalLike]) -> Network:
    """One more hidden neuron, the last of its layer.

    Args:
        network: any network with that hidden layer.
        layer: which one.
        row: the bias and a weight an input.
        outgoing: its weight in every neuron of the next layer.

    Raises:
        InputError: there is no such hidden layer, or the numbers do not fit it.
    """
    old = _hidden(network, layer, 1)
    bias, *weights = map(rational, row)
    wider = Layer((*old.weights, tuple(weights)), (*old.biases, bias))
    after = network.layers[layer]
    added = zip(after.weights, map(rational, outgoing), strict=True)
    return _with_layers(network, layer, wider, replace(after, weights=tuple((*old_row, v) for old_row, v in added)))


def copy_neuron(network: Network, layer: int, neuron: int, factor: RationalLike = 1) -> Network:
    """A second copy of a hidden neuron, its row times a positive factor, with the whole outgoing weights again.

    Raises:
        InputError: there is no such hidden neuron.
    """
    old, exact = _hidden(network, layer, neuron), rational(factor)
    row = [value * exact for value in (old.biases[neuron - 1], *old.weights[neuron - 1])]
    outgoing = [other[neuron - 1] / exact for other in network.layers[layer].weights]
    return add_neuron(network, layer, row, outgoing)


# --- rewritings: the function stays the same ---


def permute_pair(network: Network, layer: int, first: int, second: int) -> Network:
    """Two hidden neurons exchanged together with their outgoing weights: the same function.

    Raises:
        InputError: there are no such hidden neurons.
    """
    swapped = swap_outgoing(network, layer, first, second)
    old = network.layers[layer - 1]
    order = _swapped(old.neurons, first, second)
    here = Layer(tuple(old.weights[i] for i in order), tuple(old.biases[i] for i in order))
    return _with_layers(swapped, layer, here, swapped.layers[layer])


def rescale_neuron(network: Network, layer: int, neuron: int, factor: RationalLike) -> Network:
    """A hidden neuron's row times a positive factor, its outgoing weights divided by it: the same function.

    Raises:
        InputError: there is no such hidden neuron, or the factor is not positive.
    """
    _hidden(network, layer, neuron)
    exact = rational(factor)
    if exact <= 0:
        raise InputError(f"expected a positive factor, not {exact}")
    scaled = scale_row(network, layer, neuron, exact)
    after = _scale_outgoing(network.layers[layer], neuron, 1 / exact)
    return _with_layers(scaled, layer, scaled.layers[layer - 1], after)


def duplicate_neuron(network: Network, layer: int, neuron: int) -> Network:
    """A hidden neuron split into two equal ones, each with half the outgoing weights: the same function.

    Raises:
        InputError: there is no such hidden neuron.
    """
    old = _hidden(network, layer, neuron)
    wider = Layer((*old.weights, old.weights[neuron - 1]), (*old.biases, old.biases[neuron - 1]))
    halved = _scale_outgoing(network.layers[layer], neuron, fmpq(1, 2))
    following = replace(halved, weights=tuple((*row, row[neuron - 1]) for row in halved.weights))
    return _with_layers(network, layer, wider, following)


def add_dead_neuron(network: Network, layer: int) -> Network:
    """One more hidden neuron, never active (weights 0, bias -1, outgoing weights 1): the same function.

    Raises:
        InputError: there is no such hidden layer.
    """
    old = _hidden(network, layer, 1)
    wider = Layer((*old.weights, (fmpq(0),) * old.inputs), (*old.biases, fmpq(-1)))
    after = network.layers[layer]
    following = replace(after, weights=tuple((*row, fmpq(1)) for row in after.weights))
    return _with_layers(network, layer, wider, following)


# --- parts ---


def scale_row(network: Network, layer: int, neuron: int, factor: RationalLike) -> Network:
    """One neuron's row and bias times `factor`, its outgoing weights left as they are.

    Raises:
        InputError: there is no such neuron.
    """
    old, exact = _layer(network, layer, neuron), rational(factor)
    row = tuple(value * exact for value in old.weights[neuron - 1])
    return _with_row(network, layer, neuron, row, old.biases[neuron - 1] * exact)


def _ulp(value: fmpq, bits: int) -> fmpq:
    if value == 0:
        return fmpq(1, 1 << 149)
    exponent = abs(int(value.p)).bit_length() - int(value.q).bit_length()
    if abs(value) < _power(exponent):
        exponent -= 1
    return _power(exponent - bits + 1)


def _power(exponent: int) -> fmpq:
    return fmpq(1 << exponent) if exponent >= 0 else fmpq(1, 1 << -exponent)


def _layer(network: Network, layer: int, neuron: int) -> Layer:
    if not 1 <= layer <= len(network.layers):
        raise InputError(f"expected a layer from 1 to {len(network.layers)}, not {layer}")
    found = network.layers[layer - 1]
    if not 1 <= neuron <= found.neurons:
        raise InputError(f"layer {layer}: expected a neuron from 1 to {found.neurons}, not {neuron}")
    return found


def _hidden(network: Network, layer: int, neuron: int) -> Layer:
    if layer == len(network.layers):
        raise InputError(f"expected a hidden layer, not the output layer {layer}")
    return _layer(network, layer, neuron)


def _with_row(network: Network, layer: int, neuron: int, row: Row, bias: fmpq) -> Network:
    old = network.layers[layer - 1]
    weights, biases = list(old.weights), list(old.biases)
    weights[neuron - 1], biases[neuron - 1] = row, bias
    layers = list(network.layers)
    layers[layer - 1] = Layer(tuple(weights), tuple(biases))
    return Network(tuple(layers))


def _with_layers(network: Network, layer: int, here: Layer, following: Layer) -> Network:
    layers = list(network.layers)
    layers[layer - 1 : layer + 1] = [here, following]
    return Network(tuple(layers))


def _without(values: tuple[T, ...], neuron: int) -> tuple[T, ...]:
    return values[: neuron - 1] + values[neuron:]


def _swapped(count: int, first: int, second: int) -> list[int]:
    order = list(range(count))
    order[first - 1], order[second - 1] = second - 1, first - 1
    return order


def _scale_outgoing(layer: Layer, neuron: int, factor: fmpq) -> Layer:
    rows = [list(row) for row in layer.weights]
    for row in rows:
        row[neuron - 1] *= factor
    return replace(layer, weights=tuple(tuple(row) for row in rows))
