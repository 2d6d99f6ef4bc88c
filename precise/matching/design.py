"""Which points to ask for more digits: chosen by what is known already, before anything is asked.

Of many random points, those are taken that determine the parameters best. Row i of the Jacobian, divided by the
expected error of its answer, says how much the point tells. Pivoted QR takes one point an unknown, each the one that
the earlier ones tell least of; repeated on the rest, it gives the spare ones. (Orthogonal forward selection, as for
columns in `columns`.)
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
from precise.rounding.view import LARGEST_BITS, GridPoint, View

CANDIDATES = 10  # a point that is asked
MOST_NUMBERS = 12_000_000  # of the candidates' Jacobian
LEAST_SCALE, MOST_SCALE = -1, 6  # powers of two that random points are drawn from


@dataclass(frozen=True)
class Design:
    """Points with proved sides, and what the network does there."""

    points: list[GridPoint]
    places: Floats  # the same as floats
    found: Pass


def designed(view: View, network: IntervalNetwork, unknown: NDArray[np.bool_], count: int, random: Random) -> Design:
    """At most `count` points; fewer where the candidates do not give so many."""
    outputs = network.weights[-1].mid.shape[1]
    wanted = min(CANDIDATES * count, max(2 * count, MOST_NUMBERS // (len(unknown) * outputs)))
    points = _candidates(view, wanted, random)
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


def _candidates(view: View, count: int, random: Random) -> list[GridPoint]:
    generator = np.random.default_rng(random.getrandbits(63))
    scales = 2.0 ** generator.integers(LEAST_SCALE, MOST_SCALE, size=(count, 1))
    drawn = generator.standard_normal((count, view.width)) * scales * (1 << view.grid)
    most = (1 << (LARGEST_BITS + view.grid)) - 1
    return [[int(c) for c in point] for point in np.clip(np.rint(drawn), -most, most)]


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
