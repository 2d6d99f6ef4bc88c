"""Where to look for critical points: lines at many scales, in input coordinates and in those of the first layer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from precise.regions.critical_points import Line
from precise.regions.float_layers import to_floats
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import FRACTION_BITS, Point

SPARSE = 0.25  # of the points that are chosen by preactivations have few positive ones
MOST_ON = 3  # of them
FAR = 2.0**9  # from the origin, a place from which known hyperplanes may be no nearer than that
RAY = 2.0**10  # how far a neuron's preactivation goes on its ray, of the usual distance of a hyperplane from the origin
DIRECTION_BITS = 20  # the largest entry of a line's direction; longer ones make longer queries


def random_line(known: Known, generator: np.random.Generator, sparse: float = SPARSE) -> tuple[Line, int, int]:
    """A line with its first and last parameter, through two random points and half their distance beyond.

    Args:
        sparse: the share of lines on which few first-layer neurons are on, once these can be chosen.
    """
    ends = _random_points(known, generator, 2, sparse)
    return _through(to_point(ends[0]), ends[1] - ends[0], 0.5)


def random_points(known: Known, generator: np.random.Generator, count: int) -> Vector:
    """Points drawn as for `random_line`, 64 at a time on one scale, shape (count, inputs)."""
    return np.concatenate([_random_points(known, generator, 64) for _ in range(-(-count // 64))])


def _random_points(known: Known, generator: np.random.Generator, count: int, sparse: float = SPARSE) -> Vector:
    centred = len(known.layers) > 1 and _changing(known) and generator.random() < 0.75
    if centred:
        return _preactivation_points(known, generator, count, sparse)
    scale = 2.0 ** generator.uniform(-2, 5)
    points: Vector = scale * generator.standard_normal((count, known.inputs))
    return points


def line_between(start: Point, end: Point) -> tuple[Line, int, int]:
    """The line from one point to (nearly) another, with its first and last parameter."""
    step = np.array([float(b - a) for a, b in zip(start, end, strict=True)]) * 2.0**-FRACTION_BITS
    return _through(start, step, 2.0**-10)


def _through(start: Point, step: Vector, beyond: float) -> tuple[Line, int, int]:
    largest = float(np.max(np.abs(step)))
    exponent = int(np.floor(np.log2(largest))) - DIRECTION_BITS
    direction = tuple(int(v) for v in np.round(step * 2.0**-exponent))
    unit = 1 << (FRACTION_BITS + exponent)
    more = int(unit * beyond)
    return Line(start, direction), -more, unit + more


def rays(known: Known, generator: np.random.Generator) -> list[tuple[Line, int, int]]:
    """For every neuron of the first layer, in random order, a line on which it goes on while all others are off.

    What the first layer hands on is then a multiple of one unit vector. So every neuron of layer 2 that changes its
    state at all does so on one of them, unless too far out: w . h + b has one sign for all h >= 0 exactly if it has on
    these rays. None where the preactivations cannot be chosen at will, or where one neuron is off only where another
    is on.
    """
    rows = _changing(known)
    if not rows:
        return []
    inverse, biases, size = _first_layer(rows)
    if np.linalg.matrix_rank(inverse) < len(rows):
        return []
    found = []
    for neuron in generator.permutation(len(rows)):
        values = -size * np.abs(generator.standard_normal(len(rows)))
        start = (values - biases) @ inverse.T
        found.append(_through(to_point(start), size * RAY * inverse[:, neuron], 0.0))
    return found


def outlying(point: Point) -> float:
    """How many times as long steps should be here as nearer to the origin."""
    return max(1.0, float(np.linalg.norm(to_floats([point])[0])) / FAR)


def to_point(vector: Vector) -> Point:
    """The grid point of a float64 vector, exactly."""
    return [int(c) for c in vector * 2.0**FRACTION_BITS]


def _preactivation_points(known: Known, generator: np.random.Generator, count: int, sparse: float) -> Vector:
    """Points at which the first layer's preactivations are random around 0: every activation pattern gets its share."""
    inverse, biases, size = _first_layer(_changing(known))
    if generator.random() < sparse:
        values = size * _sparse(generator, (count, len(biases)))
    else:
        values = size * 2.0 ** generator.uniform(-3, 5) * generator.standard_normal((count, len(biases)))
    points: Vector = (values - biases) @ inverse.T
    return points


def _sparse(generator: np.random.Generator, shape: tuple[int, int]) -> Vector:
    """Preactivations of which few or none are positive, and these of any size: near the lines of `rays`."""
    values = -np.abs(generator.standard_normal(shape)) * 2.0 ** generator.uniform(-3, 3)
    on = np.argsort(generator.random(shape), axis=1) < generator.integers(0, MOST_ON + 1, size=(shape[0], 1))
    largest = np.abs(generator.standard_normal(shape)) * 2.0 ** generator.uniform(0, 14, size=(shape[0], 1))
    chosen: Vector = np.where(on, largest, values)
    return chosen


def _changing(known: Known) -> tuple[Row, ...]:
    """The first layer's rows that change their state somewhere."""
    return tuple(row for row in known.layers[0] if not row.linear and any(row.plus))


@lru_cache(maxsize=4)
def _first_layer(rows: tuple[Row, ...]) -> tuple[Vector, Vector, float]:
    """(pseudo-inverse of the unit normals, offsets from the origin, the usual size of these)."""
    weights = np.array([[float(v) for v in row.plus] for row in rows])
    biases = np.array([float(row.bias) for row in rows])
    lengths = np.linalg.norm(weights, axis=1)
    offsets = biases / lengths
    return np.linalg.pinv(weights / lengths[:, None]), offsets, float(np.median(np.abs(offsets)) or 1.0)
