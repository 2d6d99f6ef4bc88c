"""Random networks with planted rows that a function does not determine, or only in part."""

from __future__ import annotations

from random import Random

from flint import fmpq

from precise.network import Layer, Network
from precise.random_networks import random_network

FAR = 1 << 14  # a bias that no point of the searched domain outweighs


def planted(seed: int, most_depth: int = 3, most_width: int = 6) -> tuple[Network, list[str]]:
    """A random network of a random shape, with up to two unusual rows, and what was planted."""
    random = Random(seed)
    hidden = [random.randint(1, most_width) for _ in range(random.randint(1, most_depth))]
    network = random_network([random.randint(2, most_width), *hidden, random.randint(1, 3)], seed)
    layers, kinds = list(network.layers), []
    for _ in range(random.choice((0, 1, 2))):
        number = random.randrange(len(hidden))
        kind = random.choice(("duplicate", "opposite", "zero row", "always active", "dead", "zero weight"))
        layers[number] = _changed(layers[number], kind, random)
        kinds.append(f"layer {number + 1}: {kind}")
    return Network(tuple(layers)), kinds


def _changed(layer: Layer, kind: str, random: Random) -> Layer:
    weights, biases = [list(row) for row in layer.weights], list(layer.biases)
    j = random.randrange(len(biases))
    k = (j + 1) % len(biases)
    if kind == "duplicate":
        weights[j], biases[j] = [3 * w for w in weights[k]], 3 * biases[k]
    elif kind == "opposite":
        weights[j], biases[j] = [-2 * w for w in weights[k]], -2 * biases[k]
    elif kind == "zero row":
        weights[j] = [fmpq(0)] * len(weights[j])
    elif kind == "zero weight":
        weights[j][random.randrange(len(weights[j]))] = fmpq(0)
    else:
        biases[j] = fmpq(FAR if kind == "always active" else -FAR)
    return Layer(tuple(map(tuple, weights)), tuple(biases))
