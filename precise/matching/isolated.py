"""Points where one first-layer neuron is active alone, for the columns outside the slice.

There the output's slope along another input c is y_i w_ic, with one weight in it: slopes at such points, one a neuron,
make a diagonal system, which passes errors on without adding those of other rows. Inactive neurons add nothing to the
error of an evaluation either (`evaluation`).

Preactivations z_i > 0 and the others below 0 are drawn at random, far enough from 0 for biases to matter little.

**Step.** Half the room (`wanted`) is the first step along other inputs, whose weights are not known yet but are like
those of the slice; it is halved while a bend shows, as everywhere (`regions`).
"""

from __future__ import annotations

from random import Random

import numpy as np

from precise.rounding.balls import Floats
from precise.rounding.known import KnownLayers
from precise.rounding.view import LARGEST_BITS, GridPoint, View
from precise.rounding.wanted import points_with, room

TRIES = 12  # points a neuron
SCALES = (2.0, 8.0, 32.0)  # of preactivations; rows are normalised, so that biases are mostly near 1


def isolated_points(view: View, known: KnownLayers, random: Random) -> list[tuple[GridPoint, int]]:
    """(point, step in grid units) for every first-layer neuron, as far as such points lie in the oracle's range."""
    drawn = points_with(known, _wanted(len(known.layers[0]), np.random.default_rng(random.getrandbits(63))))
    most = 2.0 ** (LARGEST_BITS - 1)  # the other half is for steps
    points = [view.nearest(point) for point in drawn if np.abs(point).max() < most]
    steps = [int(room(known, np.array(view.floats(point))) / 2 * (1 << view.grid)) for point in points]
    return [(point, min(step, int(most) << view.grid)) for point, step in zip(points, steps, strict=True) if step > 0]


def _wanted(neurons: int, generator: np.random.Generator) -> Floats:
    """Preactivations with one above 0, TRIES for each neuron."""
    sides = np.repeat(2 * np.eye(neurons) - 1, TRIES, axis=0)
    sizes = np.tile(np.resize(SCALES, TRIES), neurons)[:, None]
    return np.asarray(sides * sizes * generator.uniform(0.5, 1.5, sides.shape))
