"""Which sets of wrong signs below the last hidden layer are not refuted: all of them, or all up to a size, are tried.

The last hidden layer's signs are not tried: a set below is refuted for all of them at once (`relaxed_signs`). Where too
many sets are possible, the numbers t of the relaxation are fitted (greedy turns, then Levenberg-Marquardt [NW06],
rounding, and greedy turns again): that finds sets, and excludes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np

from verify.diagnosis.black_box.answers import Floats, Place
from verify.diagnosis.black_box.relaxed_signs import RelaxedSigns, left_over

MOST_SETS = 200_000  # tried exhaustively
STARTS = 6
STEPS = 30  # of Levenberg-Marquardt
SPARE = 10  # equations beyond the last hidden layer's signs


@dataclass(frozen=True)
class Tried:
    """What exhaustive trial left."""

    sets: list[frozenset[Place]]  # not refuted
    most: int  # sets of up to so many of the places were tried
    count: int  # how many sets were tried


def largest_size(places: int, most_sets: int = MOST_SETS) -> int:
    """Sets of up to this size can all be tried."""
    total, size = 1, 0
    while size < places and total + comb(places, size + 1) <= most_sets:
        size += 1
        total += comb(places, size)
    return size


def try_all(relaxed: RelaxedSigns, places: Sequence[Place], size: int) -> Tried:
    """All sets of up to `size` places that the answers do not refute."""
    left: list[frozenset[Place]] = []
    count = 0
    for table in _chunks(len(places), size, relaxed.chunk()):
        kept = np.flatnonzero(~relaxed.refuted(places, table))
        left += [frozenset(places[int(n)] for n in np.flatnonzero(table[c])) for c in kept]
        count += len(table)
    return Tried(left, size, count)


def not_refuted(
    relaxed: RelaxedSigns, places: Sequence[Place], sets: Sequence[frozenset[Place]]
) -> list[frozenset[Place]]:
    """Those of some sets that the answers do not refute."""
    if not sets:
        return []
    table = np.array([[float(place in chosen) for place in places] for chosen in sets]).reshape(len(sets), len(places))
    return [chosen for chosen, gone in zip(sets, relaxed.refuted(places, table), strict=True) if not gone]


def _chunks(places: int, size: int, chunk: int) -> Iterator[Floats]:
    """Tables of 0 and 1, shape (sets, places), of all sets up to a size."""
    every = (chosen for n in range(size + 1) for chosen in combinations(range(places), n))
    while part := list(islice(every, chunk)):
        table = np.zeros((len(part), places))
        rows = np.repeat(np.arange(len(part)), [len(chosen) for chosen in part])
        table[rows, [n for chosen in part for n in chosen]] = 1
        yield table


def fitted(relaxed: RelaxedSigns, places: Sequence[Place], generator: np.random.Generator) -> frozenset[Place] | None:
    """A set that is not refuted, searched for by relaxation; None: none was found."""
    for start in range(STARTS):
        shares = np.zeros(len(places)) if not start else generator.integers(0, 2, len(places)).astype(float)
        shares = greedy(relaxed, places, shares)
        for _ in range(2):
            if not relaxed.refuted(places, shares[None])[0]:
                return frozenset(place for place, t in zip(places, shares, strict=True) if t)
            shares = greedy(relaxed, places, np.rint(_fit(relaxed, places, 0.25 + shares / 2)))
    return None


def greedy(relaxed: RelaxedSigns, places: Sequence[Place], shares: Floats) -> Floats:
    """Turn the sign that helps most, until none helps."""
    best = float(relaxed.residuals(places, shares[None])[0])
    while True:
        table = np.abs(shares - np.eye(len(places)))
        found = relaxed.residuals(places, table)
        if not found.min(initial=np.inf) < best:
            return shares
        shares, best = table[int(np.argmin(found))], float(found.min())


def _fit(relaxed: RelaxedSigns, places: Sequence[Place], shares: Floats) -> Floats:
    """Levenberg-Marquardt on t in [0, 1], with differences in place of derivatives."""
    damping, size = 1e-2, 2.0**-20
    value = _left(relaxed, places, shares[None])[0]
    for _ in range(STEPS):
        moved = _left(relaxed, places, shares + size * np.eye(len(places)))
        slopes = (moved - value).T / size
        normal = slopes.T @ slopes
        step = np.linalg.solve(normal + damping * np.eye(len(places)) * normal.trace() / len(places), slopes.T @ value)
        tried = np.clip(shares - step, 0, 1)
        after = _left(relaxed, places, tried[None])[0]
        if float(after @ after) < float(value @ value):
            shares, value, damping = tried, after, damping / 4
        else:
            damping *= 8
    return shares


def _left(relaxed: RelaxedSigns, places: Sequence[Place], shares: Floats) -> Floats:
    """What the last hidden layer's t cannot explain, one row a candidate."""
    return left_over(*relaxed.systems(places, shares))
