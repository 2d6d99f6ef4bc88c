"""Points where one first-layer neuron is active alone, for the columns outside the slice.

There the output's slope along another input c is y_i w_ic, with one weight in it: slopes at such points, one a neuron,
make a diagonal system, which passes errors on without adding those of other rows. Inactive neurons add nothing to the
error of an evaluation either (`evaluation`).

With W and b the first layer on the slice, x = W^+ (z - b) has the preactivations z wherever W has full row rank, which
is so unless the layer expands: z_i > 0 and the others below 0 are drawn at random, far enough from 0 for biases to
matter little. What is drawn is only a proposal: a point is used where every side is proved, and is worth what it tells.

**Step.** A neuron with the value z_k and slopes of at most g_k along the slice's coordinates keeps its side within
|z_k| / g_k of the point along any of them. Half the least such length is the first step along other inputs, whose
weights are not known yet but are like these; it is halved while a bend shows, as everywhere (`regions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np

from precise.rounding.balls import Floats
from precise.rounding.known import KnownLayers
from precise.rounding.view import LARGEST_BITS, GridPoint, View

TRIES = 12  # points a neuron
SCALES = (2.0, 8.0, 32.0)  # of preactivations; rows are normalised, so that biases are mostly near 1


def isolated_points(view: View, known: KnownLayers, random: Random) -> list[tuple[GridPoint, int]]:
    """(point, step in grid units) for every first-layer neuron, as far as such points lie in the oracle's range."""
    generator = np.random.default_rng(random.getrandbits(63))
    drawn = list(_drawn(known, generator))
    most = 2.0 ** (LARGEST_BITS - 1)  # the other half is for steps
    points = [view.nearest(point) for point in drawn if np.abs(point).max() < most]
    steps = [int(_room(known, np.array(view.floats(point))) / 2 * (1 << view.grid)) for point in points]
    return [(point, min(step, int(most) << view.grid)) for point, step in zip(points, steps, strict=True) if step > 0]


def _drawn(known: KnownLayers, generator: np.random.Generator) -> Iterator[Floats]:
    rows = np.array([[float(w.mid()) for w in row.weights] for row in known.layers[0]])
    biases = np.array([float(row.bias.mid()) for row in known.layers[0]])
    inverse = np.linalg.pinv(rows)
    for neuron in range(len(rows)):
        for number in range(TRIES):
            size = SCALES[number % len(SCALES)]
            wanted = -size * generator.uniform(0.5, 1.5, len(rows))
            wanted[neuron] = size * generator.uniform(0.5, 1.5)
            yield inverse @ (wanted - biases)


def _room(known: KnownLayers, point: Floats) -> float:
    """The length along a coordinate of the slice within which no neuron changes its side, about."""
    lengths = [
        np.abs(values) / np.maximum(np.abs(rows).max(axis=1), 1e-300) for rows, values in known.float_local(point)
    ]
    return float(min(length.min() for length in lengths))
