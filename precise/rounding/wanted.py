"""Points where the first layer has wanted preactivations, and how far its neighbours' borders are: for searching.

With W and b the first layer on the slice, x = W^+ (z - b) has the preactivations z wherever W has full row rank, which
is so unless the layer expands. What comes out is only a proposal: a point is used where every side is proved.

**Room.** A neuron with the value z_k and slopes of at most g_k along the slice's coordinates keeps its side within
|z_k| / g_k of the point along any of them.
"""

from __future__ import annotations

import numpy as np

from precise.rounding.balls import Floats, middles
from precise.rounding.known import KnownLayers


def points_with(known: KnownLayers, wanted: Floats) -> Floats:
    """Points of the slice for wanted preactivations of the first layer, shape (points, neurons)."""
    rows = np.array([middles(row.weights) for row in known.layers[0]])
    biases = middles([row.bias for row in known.layers[0]])
    return np.asarray((wanted - biases) @ np.linalg.pinv(rows).T)


def room(known: KnownLayers, point: Floats) -> float:
    """The length along a coordinate of the slice within which no neuron changes its side, about."""
    lengths = [
        np.abs(values) / np.maximum(np.abs(rows).max(axis=1), 1e-300) for rows, values in known.float_local(point)
    ]
    return float(min(length.min() for length in lengths))
