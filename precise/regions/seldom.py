"""Neurons that next to none of many random points have on one side; in float64, without queries: a suggestion only."""

from __future__ import annotations

import numpy as np

from precise.regions.aim import random_points
from precise.regions.float_layers import FloatLayers
from precise.regions.local_map import Known

POINTS = 4096
SHARE = 2.0**-6  # of them, at most


def seldom_sides(known: Known, generator: np.random.Generator) -> dict[int, bool]:
    """The neurons of the last known layer that are hardly ever on one side: is it the positive one?"""
    shares = shares_on(known, generator)
    rows = enumerate(known.layers[-1])
    return {j: bool(shares[j] <= SHARE) for j, row in rows if not row.linear and not SHARE < shares[j] < 1 - SHARE}


def shares_on(known: Known, generator: np.random.Generator) -> np.ndarray:
    """At what share of many random points each neuron of the last known layer is on."""
    values = FloatLayers(known).topmost(random_points(known, generator, POINTS))[0]
    return np.asarray((values > 0).mean(axis=0))
