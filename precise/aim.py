"""Where to look for critical points: lines at many scales, in input coordinates and in those of the first layer."""

from __future__ import annotations

import numpy as np

from precise.critical_points import Line
from precise.hyperplane import Vector
from precise.local_map import Known
from precise.probe import FRACTION_BITS, Point

DIRECTION_BITS = 20  # the largest entry of a line's direction; longer ones make longer queries


def random_line(known: Known, generator: np.random.Generator) -> tuple[Line, int, int]:
    """A line with its first and last parameter, through two random points and half their distance beyond."""
    centred = bool(known.layers) and len(known.layers) > 1 and generator.random() < 0.75
    ends = _preactivation_points(known, generator) if centred else _input_points(known.inputs, generator)
    return _through(to_point(ends[0]), ends[1] - ends[0], 0.5)


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


def to_point(vector: Vector) -> Point:
    """The grid point of a float64 vector, exactly."""
    return [int(c) for c in vector * 2.0**FRACTION_BITS]


def _input_points(inputs: int, generator: np.random.Generator) -> tuple[Vector, Vector]:
    scale = 2.0 ** generator.uniform(-2, 5)
    return scale * generator.standard_normal(inputs), scale * generator.standard_normal(inputs)


def _preactivation_points(known: Known, generator: np.random.Generator) -> tuple[Vector, Vector]:
    """Points at which the first layer's preactivations are random around 0: every activation pattern gets its share."""
    weights = np.array([[float(v) for v in row.plus] for row in known.layers[0] if not row.linear])
    biases = np.array([float(row.bias) for row in known.layers[0] if not row.linear])
    lengths = np.linalg.norm(weights, axis=1)
    weights, biases = weights / lengths[:, None], biases / lengths
    scale = float(np.median(np.abs(biases)) or 1.0) * 2.0 ** generator.uniform(-3, 5)
    wanted = scale * generator.standard_normal((2, len(biases))) - biases
    points = np.linalg.lstsq(weights, wanted.T, rcond=None)[0].T
    return points[0], points[1]
