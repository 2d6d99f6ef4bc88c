"""Two networks f and g as one: the joint network of f's values and the differences g - f, exactly.

A *block* is a neuron of f with its partner in g, or a neuron of either that has none. Its preactivations are
(z, d): f's value and the partner's minus f's (a neuron without partner: its own value, and 0). It hands on
h = max(0, z) and e = max(0, z + d) - max(0, z). All differences of weights are formed exactly, so d and e
are as small as the networks are close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flint import fmpq, fmpq_mat

ZERO, ONE = fmpq(0), fmpq(1)
Row = list[fmpq]
Pair = tuple[int, int, fmpq]  # neuron of f, neuron of g (both from 0), positive factor that g's row is taken times
Affine = tuple[list[Row], Row]  # rows of weights (neurons x inputs), biases


class LayerLike(Protocol):
    """One affine map."""

    @property
    def weights(self) -> Sequence[Sequence[fmpq]]:
        """Shape (neurons, inputs)."""

    @property
    def biases(self) -> Sequence[fmpq]:
        """Shape (neurons,)."""


class NetworkLike(Protocol):
    """Layers with a ReLU after each but the last."""

    @property
    def layers(self) -> Sequence[LayerLike]:
        """First to last."""


@dataclass(frozen=True)
class JointLayer:
    """The affine map from the blocks below to the blocks of one layer, or to (f's outputs, differences)."""

    blocks: int  # pairs first, then neurons of f alone, then neurons of g alone
    matrix: fmpq_mat  # shape (2 blocks, 2 blocks below or inputs); rows and columns: all z or h, then all d or e
    offsets: tuple[fmpq, ...]  # shape (2 blocks,)


def deepened(network: NetworkLike, depth: int) -> list[Affine]:
    """The layers of the same function with `depth` affine maps: identity layers go in after the last ReLU.

    max(0, h) = h for what a ReLU hands on; a network without a ReLU gets x = max(0, x) - max(0, -x) first.
    """
    layers = [([list(row) for row in layer.weights], list(layer.biases)) for layer in network.layers]
    if len(layers) == 1 and depth > 1:
        rows, biases = layers[0]
        width = len(rows[0])
        both = [*_identity(width, ONE), *_identity(width, -ONE)]
        layers = [(both, [ZERO] * (2 * width)), ([[*row, *[-v for v in row]] for row in rows], biases)]
    while len(layers) < depth:
        width = len(layers[-1][0][0])
        layers.insert(-1, (_identity(width, ONE), [ZERO] * width))
    return layers


def joint(first: NetworkLike, second: NetworkLike, pairs: Sequence[Sequence[Pair]]) -> list[JointLayer]:
    """The joint network under a pairing, which any one-to-one pairing with positive factors may be.

    Args:
        first: the network f.
        second: the network g, with the same numbers of inputs and outputs.
        pairs: for every hidden layer of the deeper network, its pairs.

    Raises:
        ValueError: the pairing is not one-to-one, names a neuron that is not there, or has a factor <= 0.
    """
    depth = len(pairs) + 1
    if depth != max(len(first.layers), len(second.layers)):
        raise ValueError("the pairing has the wrong number of layers")
    fs, gs = deepened(first, depth), deepened(second, depth)
    below: Blocks | None = None
    layers = []
    for (f_rows, f_biases), (g_rows, g_biases), here in zip(fs[:-1], gs[:-1], pairs):
        blocks = Blocks.of(here, len(f_rows), len(g_rows))
        f_wide = [below.f_columns(row) if below else list(row) for row in f_rows]
        g_wide = [below.g_columns(row) if below else list(row) for row in g_rows]
        layers.append(_hidden(blocks, (f_wide, f_biases), (g_wide, g_biases)))
        below = blocks
    (f_rows, f_biases), (g_rows, g_biases) = fs[-1], gs[-1]
    f_wide = [below.f_columns(row) if below else list(row) for row in f_rows]
    g_wide = [below.g_columns(row) if below else list(row) for row in g_rows]
    outputs = Blocks(tuple((i, i, ONE) for i in range(len(f_rows))), (), ())
    layers.append(_hidden(outputs, (f_wide, f_biases), (g_wide, g_biases)))
    return layers


@dataclass(frozen=True)
class Blocks:
    """The blocks of one layer, in their order."""

    pairs: tuple[Pair, ...]
    first_alone: tuple[int, ...]  # neurons of f without partner
    second_alone: tuple[int, ...]  # neurons of g without partner

    @classmethod
    def of(cls, pairs: Sequence[Pair], first: int, second: int) -> Blocks:
        """The blocks of a layer with `first` neurons in f and `second` in g.

        Raises:
            ValueError: the pairing is not one-to-one, names a neuron that is not there, or has a factor <= 0.
        """
        taken_f, taken_g = {i for i, _, _ in pairs}, {j for _, j, _ in pairs}
        if not len(taken_f) == len(taken_g) == len(pairs):
            raise ValueError("the pairing is not one-to-one")
        if not (taken_f <= set(range(first)) and taken_g <= set(range(second))):
            raise ValueError("the pairing names a neuron that is not there")
        if any(factor <= 0 for _, _, factor in pairs):
            raise ValueError("the pairing has a factor that is not positive")
        alone_f = tuple(i for i in range(first) if i not in taken_f)
        return cls(tuple(pairs), alone_f, tuple(j for j in range(second) if j not in taken_g))

    @property
    def count(self) -> int:
        """How many blocks."""
        return len(self.pairs) + len(self.first_alone) + len(self.second_alone)

    def f_columns(self, row: Sequence[fmpq]) -> Row:
        """A row over f's neurons as a row over (h of all blocks, e of all blocks)."""
        values = [row[i] for i, _, _ in self.pairs] + [row[i] for i in self.first_alone]
        return values + [ZERO] * (2 * self.count - len(values))

    def g_columns(self, row: Sequence[fmpq]) -> Row:
        """The same for a row over g's neurons: a partner's value is h + e."""
        paired = [row[j] / factor for _, j, factor in self.pairs]
        alone = [row[j] for j in self.second_alone]
        rest = [ZERO] * len(self.first_alone)
        return [*paired, *rest, *alone, *paired, *rest, *([ZERO] * len(alone))]


def _hidden(blocks: Blocks, first: Affine, second: Affine) -> JointLayer:
    (f_rows, f_biases), (g_rows, g_biases) = first, second
    width = len(f_rows[0])
    values, offsets, differences, shifts = [], [], [], []
    for i, j, factor in blocks.pairs:
        values.append(f_rows[i])
        offsets.append(f_biases[i])
        differences.append([factor * v - w for v, w in zip(g_rows[j], f_rows[i])])
        shifts.append(factor * g_biases[j] - f_biases[i])
    for rows, biases, alone in (
        (f_rows, f_biases, blocks.first_alone),
        (g_rows, g_biases, blocks.second_alone),
    ):
        for i in alone:
            values.append(rows[i])
            offsets.append(biases[i])
            differences.append([ZERO] * width)
            shifts.append(ZERO)
    entries = [v for row in (*values, *differences) for v in row]
    return JointLayer(blocks.count, fmpq_mat(2 * blocks.count, width, entries), (*offsets, *shifts))


def _identity(width: int, value: fmpq) -> list[Row]:
    return [[value if i == j else ZERO for j in range(width)] for i in range(width)]
