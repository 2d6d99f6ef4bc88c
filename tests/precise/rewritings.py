"""Networks rewritten without changing the function, and an evaluator that shares no code with the package."""

from fractions import Fraction
from itertools import pairwise
from math import lcm

from flint import fmpq

from fixtures import mutants
from precise.arithmetic import rational, to_fraction
from precise.network import Layer, Network


def evaluate(network, point):
    """The outputs at a point by plain loops over standard-library integers and fractions."""
    state, shared = _over_one_denominator(
        [Fraction(int(v.p), int(v.q)) if isinstance(v, fmpq) else Fraction(v) for v in point]
    )
    for number, layer in enumerate(network.layers, 1):
        values = []
        for row, bias in zip(layer.weights, layer.biases):
            entries, scale = _over_one_denominator([to_fraction(v) for v in (bias, *row)])
            total = entries[0] * shared + sum(w * v for w, v in zip(entries[1:], state))
            values.append(Fraction(total, scale * shared))
        if number < len(network.layers):
            values = [max(Fraction(0), v) for v in values]
        state, shared = _over_one_denominator(values)
    return [rational(v) for v in values]


def _over_one_denominator(values):
    """(numerators, denominator): standard-library integers are added faster than fractions."""
    denominator = lcm(*(v.denominator for v in values))
    return [v.numerator * (denominator // v.denominator) for v in values], denominator


def rewritten(network, generator, steps=6, kinds=range(7)):
    """The same function after random permutations, factors, splits, dead neurons and mirror images.

    Kind 5, the mirror images, costs interval reasoning the upper bounds that it had.
    """
    for _ in range(steps):
        layer = int(generator.integers(1, len(network.layers)))
        neurons = network.layers[layer - 1].neurons
        first, second = (int(v) for v in generator.integers(1, neurons + 1, 2))
        factor = fmpq(int(generator.integers(1, 50)), int(generator.integers(1, 50)))
        kind = generator.choice(kinds)
        if kind <= 1:
            network = mutants.permute_pair(network, layer, first, second)
        elif kind == 2:
            network = mutants.rescale_neuron(network, layer, first, factor)
        elif kind == 3 and neurons < 12:
            network = split(network, layer, first, factor)
        elif kind == 4 and neurons < 12:
            network = mutants.add_dead_neuron(network, layer)
        elif kind == 5 and neurons < 10:
            network = mirrored(network, layer, first)
        elif kind == 6 and neurons < 12:
            network = without_influence(network, layer, generator)
    return network


def split(network, layer, neuron, share):
    """A neuron as two, the second with `share` times the outgoing weights, the first with the rest."""
    doubled = mutants.duplicate_neuron(network, layer, neuron)
    after = doubled.layers[layer]
    rows = []
    for row in after.weights:
        total = 2 * row[neuron - 1]
        changed = [*row[:-1], total * share]
        changed[neuron - 1] = total * (1 - share)
        rows.append(tuple(changed))
    return replaced(doubled, layer, doubled.layers[layer - 1], Layer(tuple(rows), after.biases))


def mirrored(network, layer, neuron):
    """relu(z) written as relu(-z) + z, where z is (z/2 + 1) + (z/2 - 1), each the difference of two relu."""
    old, after = network.layers[layer - 1], network.layers[layer]
    row, bias = old.weights[neuron - 1], old.biases[neuron - 1]
    weights, biases = list(old.weights), list(old.biases)
    weights[neuron - 1], biases[neuron - 1] = tuple(-v for v in row), -bias
    signs = []
    for shift in (1, -1):
        for direction in (1, -1):
            weights.append(tuple(direction * v / 2 for v in row))
            biases.append(direction * (bias / 2 + shift))
            signs.append(direction)
    following = Layer(tuple((*r, *(s * r[neuron - 1] for s in signs)) for r in after.weights), after.biases)
    return replaced(network, layer, Layer(tuple(weights), tuple(biases)), following)


def without_influence(network, layer, generator):
    """One more neuron whose outgoing weights are 0."""
    old, after = network.layers[layer - 1], network.layers[layer]
    row = tuple(fmpq(int(v)) for v in generator.integers(-9, 10, old.inputs))
    wider = Layer((*old.weights, row), (*old.biases, fmpq(1)))
    following = Layer(tuple((*r, fmpq(0)) for r in after.weights), after.biases)
    return replaced(network, layer, wider, following)


def replaced(network, layer, here, following):
    """The network with two other neighbouring layers, the first of them number `layer`."""
    layers = list(network.layers)
    layers[layer - 1 : layer + 1] = [here, following]
    return Network(tuple(layers))


def small_network(generator, widths):
    """Small integer weights, so that coincidences such as parallel rows happen."""
    return Network.from_rows(
        [
            (generator.integers(-3, 4, (b, a)).tolist(), generator.integers(-3, 4, b).tolist())
            for a, b in pairwise(widths)
        ]
    )
