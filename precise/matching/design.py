"""Which points to ask for more digits: chosen by what is known already, before anything is asked.

Of many random points, those are taken that determine the parameters best. Row i of the Jacobian, divided by the
expected error of its answer, says how much the point tells. Pivoted QR takes one point an unknown, each the one that
the earlier ones tell least of; repeated on the rest, it gives the spare ones. (Orthogonal forward selection, as for
columns in `columns`.)

A dot product of few terms is bounded by few roundings (`evaluation`). So random points have from one coordinate other
than 0 to all of them, each order of magnitude as often; points in general position alone leave 2 bits less of every
row. One point in PATTERNS has so many active neurons in layer 1 instead (`wanted`): a neuron of layer 2 may need them
few, as one with a single positive weight does.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from precise.rounding.balls import Floats
from precise.rounding.evaluation import evaluation_error
from precise.rounding.intervals import IntervalNetwork, Pass
from precise.rounding.known import KnownLayers
from precise.rounding.view import LARGEST_BITS, GridPoint, View
from precise.rounding.wanted import points_with

CANDIDATES, LEAST_CANDIDATES = 10, 6000  # a point that is asked; altogether
PATTERNS = 4
MOST_NUMBERS = 12_000_000  # of the candidates' Jacobian
LEAST_SCALE, MOST_SCALE = -1, 6  # powers of two that random points are drawn from


@dataclass(frozen=True)
class Design:
    """Points with proved sides, and what the network does there."""

    points: list[GridPoint]
    places: Floats  # the same as floats
    found: Pass


def designed(
    view: View, known: KnownLayers, network: IntervalNetwork, unknown: NDArray[np.bool_], count: int, random: Random
) -> Design:
    """At most `count` points; fewer where the candidates do not give so many.

    Args:
        known: the hidden layers.
        network: the same with the outputs, as intervals.
        unknown: which parameters are not known exactly.
    """
    outputs = network.weights[-1].mid.shape[1]
    wanted = min(max(CANDIDATES * count, LEAST_CANDIDATES), max(2 * count, MOST_NUMBERS // (len(unknown) * outputs)))
    points = _candidates(view, known, wanted, np.random.default_rng(random.getrandbits(63)))
    places = np.array([view.floats(point) for point in points])
    told = np.flatnonzero(network.passed(places).told)
    places = places[told]
    found = network.passed(places)
    error = expected_error(view, network, places, found)
    weighted = network.jacobian(places, found).mid[:, unknown] / error.reshape(-1, 1)
    size = np.sqrt((weighted**2).sum(axis=0))
    chosen = _selected(weighted / np.where(size > 0, size, 1), outputs, count)
    return Design([points[told[i]] for i in chosen], places[chosen], found.at(chosen))


def expected_error(view: View, network: IntervalNetwork, places: Floats, found: Pass) -> Floats:
    """The error of an answer up to one factor: what an evaluation is bounded by, else what is relative to the size."""
    kind = view.promise.evaluation
    if kind is not None:
        return evaluation_error(kind, network, places, found) + 1e-300
    size = np.abs(found.outputs.mid)
    return np.asarray(size + np.median(size) + 1e-300)


def _candidates(view: View, known: KnownLayers, count: int, generator: np.random.Generator) -> list[GridPoint]:
    most, patterns = 2.0**LARGEST_BITS - 1, count // PATTERNS
    drawn = _sparse(count - patterns, view.width, generator)
    active = _sparse(patterns, len(known.layers[0]), generator)
    inactive = -np.abs(active).max(axis=1, keepdims=True) * generator.uniform(0.01, 1, active.shape)
    by_pattern = points_with(known, np.where(active == 0, inactive, np.abs(active)))
    inside = by_pattern[np.abs(by_pattern).max(axis=1) < most]
    return [view.nearest(point) for point in np.vstack([np.clip(drawn, -most, most), inside])]


def _sparse(count: int, width: int, generator: np.random.Generator) -> Floats:
    """Random points with from one entry other than 0 to all of them, shape (count, width)."""
    scales = 2.0 ** generator.integers(LEAST_SCALE, MOST_SCALE, size=(count, 1))
    kept = np.floor((width + 1) ** generator.random((count, 1)))
    order = generator.random((count, width)).argsort(axis=1).argsort(axis=1)
    return np.asarray(generator.standard_normal((count, width)) * (order < kept) * scales)


def _selected(weighted: Floats, outputs: int, count: int) -> NDArray[np.intp]:
    """The candidates in the order of their choice; one candidate has `outputs` rows."""
    left, chosen = np.arange(len(weighted) // outputs), np.array([], dtype=np.intp)
    while len(chosen) < count and len(left):
        rows = (left[:, None] * outputs + np.arange(outputs)).ravel()
        order = qr(weighted[rows].T, mode="r", pivoting=True)[1][: weighted.shape[1]]
        fresh = left[list(dict.fromkeys((order // outputs).tolist()))]
        chosen = np.concatenate([chosen, fresh])
        left = np.setdiff1d(left, fresh)
    return chosen[:count]
