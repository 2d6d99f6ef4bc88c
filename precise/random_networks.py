"""Random networks by seed, for tests, benchmarks and experiments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
from flint import fmpq

from precise.errors import InputError
from precise.network import Layer, Network

FAR = 1 << 14  # a bias that no point of the searched domain outweighs
PLANTED = ("duplicate", "opposite", "zero row", "always active", "dead", "zero weight")

_SHAPE = re.compile(r"[0-9]{1,7}(x[0-9]{1,4})?(-[0-9]{1,7}(x[0-9]{1,4})?)*\Z")


def parse_widths(text: str) -> tuple[int, ...]:
    """Widths from the field's notation: `784-16x2-1` and `784,16,16,1` are both (784, 16, 16, 1).

    Raises:
        InputError: the text is not of that form, or a width is zero, or there are fewer than two.
    """
    normal = "-".join(part.strip() for part in text.replace(",", "-").split("-"))
    if not _SHAPE.match(normal):
        raise InputError(f"widths {text!r}: expected a form such as 784-16x2-1 or 784,16,16,1")
    widths: list[int] = []
    for part in normal.split("-"):
        width, _, repeat = part.partition("x")
        widths += [int(width)] * int(repeat or 1)
    return _positive(widths, repr(text))


def _positive(widths: Sequence[int], shown: str) -> tuple[int, ...]:
    if len(widths) < 2 or min(widths) < 1:
        raise InputError(f"widths {shown}: expected at least two positive widths")
    return tuple(widths)


def random_network(widths: str | tuple[int, ...], seed: int, bits: int = 24) -> Network:
    """A network with normal weights of standard deviation inputs^-1/2 and biases half as large.

    Args:
        widths: such as "10-5x2-1" or (10, 5, 5, 1).
        seed: the same seed gives the same network.
        bits: the mantissa of every parameter: 24 (float32) or 53 (float64).

    Raises:
        InputError: the widths, the seed or the bits are not of that form.
    """
    shape = parse_widths(widths) if isinstance(widths, str) else _positive(widths, str(widths))
    if bits not in (24, 53):
        raise InputError(f"expected mantissas of 24 or 53 bits, not {bits}")
    if seed < 0:
        raise InputError(f"the seed must be at least 0, not {seed}")
    kind = np.float32 if bits == 24 else np.float64
    generator = np.random.default_rng(seed)
    arrays = []
    for inputs, outputs in pairwise(shape):
        scale = inputs**-0.5
        weights = generator.standard_normal((inputs, outputs)) * scale
        biases = generator.standard_normal(outputs) * scale / 2
        arrays.append((weights.astype(kind), biases.astype(kind)))
    return Network.from_arrays(arrays)


def planted_network(seed: int, depth: int, width: int, outputs: int, planted: int) -> tuple[Network, list[str]]:
    """A network of a random shape with rows that a function does not determine, or only in part, and what they are.

    Args:
        depth: the most hidden layers; width: the most inputs, and neurons of a layer; outputs: the most outputs.
        planted: the most unusual rows, each of a kind of PLANTED.
    """
    random = Random(seed)
    hidden = [random.randint(1, width) for _ in range(random.randint(1, depth))]
    network = random_network((random.randint(2, width), *hidden, random.randint(1, outputs)), seed)
    layers, kinds = list(network.layers), []
    for _ in range(random.randint(0, planted)):
        number, kind = random.randrange(len(hidden)), random.choice(PLANTED)
        layers[number] = planted_row(layers[number], kind, random)
        kinds.append(f"layer {number + 1}: {kind}")
    return Network(tuple(layers)), kinds


def planted_row(layer: Layer, kind: str, random: Random) -> Layer:
    """The layer with one row of it, drawn at random, made unusual."""
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
