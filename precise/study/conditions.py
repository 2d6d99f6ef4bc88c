"""Condition numbers of a network's layers: how much a relative error can grow on its way through them.

kappa_k is the largest over the smallest singular value of layer k's weights (2-norm, float64). Rows of layer k are
solved in the local maps of the layers below, so that the product kappa_1 ... kappa_k bounds the growth up to layer k in
a region where every neuron is active; regions with inactive neurons may be better or worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from precise.network import Network


@dataclass(frozen=True)
class LayerCondition:
    """One hidden layer."""

    layer: int  # from 1
    bits: float | None  # log2 kappa; None: the weights are dependent, or too near to that for float64
    growth: float | None  # log2 of the product up to here


def conditions(network: Network) -> list[LayerCondition]:
    """The hidden layers of a network, first to last."""
    found: list[LayerCondition] = []
    growth: float | None = 0.0
    for number, (weights, _) in enumerate(network.to_numpy()[:-1], 1):
        bits = _log_condition(weights)
        growth = None if growth is None or bits is None else growth + bits
        found.append(LayerCondition(number, bits, growth))
    return found


def _log_condition(weights: np.ndarray) -> float | None:
    values = np.linalg.svd(weights, compute_uv=False)
    # numpy's singular values err by a few units of the largest one: below max(shape) of them nothing is known
    if not values[-1] > values[0] * max(weights.shape) * np.finfo(np.float64).eps:
        return None
    return math.log2(values[0] / values[-1])
