"""A network in float64 for searches: its numbers suggest points, and nothing is concluded from them."""

from __future__ import annotations

import numpy as np
from flint import fmpq

from precise.arithmetic import to_float
from precise.network import Network

Array = np.ndarray


class FloatModel:
    """A network's hidden layers, every row scaled to entries of at most 1, whatever the weights' size."""

    def __init__(self, network: Network) -> None:
        self.layers: list[tuple[Array, Array]] = []  # (rows, biases) of the hidden layers
        factors = [fmpq(1)] * network.input_width
        for layer in network.layers[:-1]:
            rows, biases, scales = [], [], []
            for row, bias in zip(layer.weights, layer.biases, strict=True):
                scaled = [weight * factor for weight, factor in zip(row, factors, strict=True)]
                largest = max(abs(value) for value in (*scaled, bias)) or fmpq(1)
                rows.append([to_float(value / largest) for value in scaled])
                biases.append(to_float(bias / largest))
                scales.append(largest)
            self.layers.append((np.array(rows), np.array(biases)))
            factors = scales

    def local(self, points: Array, layer: int, neuron: int) -> tuple[Array, Array]:
        """(preactivations, gradients) of a neuron, counted from 1: shapes (points,) and (points, inputs)."""
        values, masks = points, []
        for rows, biases in self.layers[: layer - 1]:
            before = values @ rows.T + biases
            masks.append(before > 0)
            values = np.where(before > 0, before, 0.0)
        rows, biases = self.layers[layer - 1]
        gradients = np.broadcast_to(rows[neuron - 1], (len(points), rows.shape[1]))
        for mask, (earlier, _) in zip(reversed(masks), reversed(self.layers[: layer - 1]), strict=True):
            gradients = (gradients * mask) @ earlier
        return values @ rows[neuron - 1] + biases[neuron - 1], gradients
