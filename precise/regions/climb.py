"""Climbing in float64 from points to others where a score is higher; nothing is asked, and it only suggests a place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from precise.regions.hyperplane import Vector

STEPS = 128  # tried in a round
SHORTEST, LONGEST = -6.0, 0.5  # binary logarithms of a step's length over the point's

Score = Callable[[Vector], Vector]  # of points, shape (points, tried, inputs), to shape (points, tried)


def highest(pool: Vector, score: Score, count: int) -> Vector:
    """The points of a pool, shape (points, inputs), from which it is climbed: those with the highest scores."""
    best: Vector = pool[np.argsort(-score(pool[None])[0])[:count]]
    return best


def climb(points: Vector, score: Score, pool: Vector, generator: np.random.Generator, count: int = STEPS) -> Vector:
    """One round: every point, or the best of its steps along differences of points of the pool.

    Args:
        points: shape (points, inputs).
        pool: points whose differences are the directions of the steps, shape (pool, inputs).
    """
    tried = np.concatenate([points[:, None], points[:, None] + steps(points, pool, generator, count)], axis=1)
    best: Vector = tried[np.arange(len(points)), score(tried).argmax(axis=1)]
    return best


def steps(points: Vector, pool: Vector, generator: np.random.Generator, count: int) -> Vector:
    """Steps of all lengths along differences of points of a pool, shape (points, count, inputs)."""
    draw = (len(points), count)
    ends = generator.integers(len(pool), size=(2, *draw))
    directions = pool[ends[0]] - pool[ends[1]]
    lengths = np.linalg.norm(directions, axis=2, keepdims=True)
    factors = 2.0 ** generator.uniform(SHORTEST, LONGEST, size=draw)
    sizes = (np.linalg.norm(points, axis=1)[:, None] * factors)[:, :, None]
    found: Vector = directions * (sizes / np.where(lengths > 0, lengths, 1.0))
    return found
