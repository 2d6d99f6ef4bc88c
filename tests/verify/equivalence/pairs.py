"""Pairs of small networks with a known relation, for properties."""

from itertools import pairwise

import numpy as np
from flint import fmpq

from fixtures import mutants
from precise.network import Layer, Network
from tests.precise.rewritings import mirrored, rewritten, split

RELATIONS = ("rewritten", "shifted", "perturbed", "flipped", "unrelated", "equal inside", "dropped")


def integer_network(widths, generator, largest=4):
    """Weights that are small multiples of 1/4, so that kinks meet corners, borders and one another often."""
    return Network.from_rows(
        [
            (
                (generator.integers(-largest, largest + 1, (width, before)) / 4).tolist(),
                (generator.integers(-largest, largest + 1, width) / 4).tolist(),
            )
            for before, width in pairwise(widths)
        ]
    )


def equal_pair():
    """A network and the same function with a neuron split and another mirrored: bounds are wide."""
    first = integer_network((2, 3, 3, 2), np.random.default_rng(5))
    return first, mirrored(split(first, 1, 2, fmpq(1, 3)), 2, 1)


def related(network, relation, generator):
    """A network in the stated relation to another one."""
    layer = int(generator.integers(1, len(network.layers)))
    neuron = int(generator.integers(1, network.layers[layer - 1].neurons + 1))
    tiny = fmpq(1, 10 ** int(generator.integers(3, 41)))
    if relation == "rewritten":
        return rewritten(network, generator, steps=3)
    if relation == "shifted":
        return rewritten(mutants.shift_bias(network, layer, neuron, tiny), generator, steps=1)
    if relation == "perturbed":
        return perturbed(network, tiny, generator)
    if relation == "flipped":
        return mutants.flip_sign(network, layer, neuron)
    if relation == "equal inside":
        return with_distant_neuron(network, generator)
    if relation == "dropped" and network.layers[layer - 1].neurons > 1:
        return mutants.drop_neuron(network, layer, neuron)
    return integer_network(network.widths, generator)


def perturbed(network, size, generator):
    """Every weight and bias moved by a small multiple of `size`."""

    def moved(row):
        return tuple(v + size * int(n) for v, n in zip(row, generator.integers(-3, 4, len(row))))

    return Network(tuple(Layer(tuple(map(moved, layer.weights)), moved(layer.biases)) for layer in network.layers))


def with_distant_neuron(network, generator):
    """One more neuron in layer 1, active only where x + y > 2: its kink touches a corner of [-1, 1]^2."""
    first, after, *rest = network.layers
    wider = Layer((*first.weights, (fmpq(1),) * first.inputs), (*first.biases, fmpq(-first.inputs)))
    column = [fmpq(int(n)) for n in generator.integers(1, 4, after.neurons)]
    following = Layer(tuple((*row, w) for row, w in zip(after.weights, column)), after.biases)
    return Network((wider, following, *rest))
