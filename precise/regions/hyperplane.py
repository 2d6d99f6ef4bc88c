"""Hyperplanes with integer coefficients, and points that lie on several of them to working precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from flint import fmpq

from precise.arithmetic import primitive
from precise.regions.probe import FRACTION_BITS, Point

Vector = np.ndarray  # float64, shape (inputs,)
UNIT = float(2**FRACTION_BITS)


@dataclass(frozen=True)
class Hyperplane:
    """All x with normal . x + constant = 0; the integers have no common divisor."""

    normal: tuple[int, ...]
    constant: int

    @classmethod
    def through(cls, coefficients: Sequence[fmpq]) -> Hyperplane:
        """From rational (normal ..., constant), divided by a positive common factor."""
        integers = [int(value.p) for value in primitive(coefficients)]
        return cls(tuple(integers[:-1]), integers[-1])

    @cached_property
    def unsigned(self) -> tuple[int, ...]:
        """The same for both orientations: a key for 'is this the same hyperplane'."""
        both = (*self.normal, self.constant)
        lead = next((v for v in both if v), 0)
        return both if lead > 0 else tuple(-v for v in both)

    @cached_property
    def _scale(self) -> int:
        return max(max(abs(v).bit_length() for v in self.normal) - 60, 0)

    @cached_property
    def _direction(self) -> Vector:
        return np.array([float(v >> self._scale) for v in self.normal])

    @cached_property
    def length(self) -> float:
        """The Euclidean norm of the normal, in units of 2^_scale."""
        return float(np.linalg.norm(self._direction))

    @cached_property
    def unit(self) -> Vector:
        """The unit normal, to float64 accuracy (it steers; it proves nothing)."""
        return self._direction / self.length

    def value(self, point: Point) -> int:
        """normal . x + constant, exactly, in units of 2^-FRACTION_BITS."""
        total = self.constant << FRACTION_BITS
        for weight, coordinate in zip(self.normal, point, strict=True):
            total += weight * coordinate
        return total

    def distance(self, point: Point) -> float:
        """The signed Euclidean distance of a point, to float64 relative accuracy."""
        return self.value(point) / (1 << (FRACTION_BITS + self._scale)) / self.length


def displaced(point: Point, direction: Vector, length: float = 1.0) -> Point:
    """The point moved by length * direction, rounded to the grid."""
    return [c + int(round_to_grid) for c, round_to_grid in zip(point, direction * (length * UNIT), strict=True)]


def interpolated(start: Point, end: Point, position: fmpq) -> Point:
    """start + position * (end - start), rounded down to the grid."""
    p, q = int(position.p), int(position.q)
    return [a + (b - a) * p // q for a, b in zip(start, end, strict=True)]


def onto(point: Point, planes: Sequence[Hyperplane]) -> Point | None:
    """The nearest point on all planes, to about 2^-120; None where they are too close to parallel.

    Newton steps in float64: each one gains about 50 bits, because residuals are exact.
    """
    normals = np.array([plane.unit for plane in planes])
    gram = normals @ normals.T
    if abs(np.linalg.det(gram)) < MOST_PARALLEL:
        return None
    for _ in range(8):
        residuals = np.array([plane.distance(point) for plane in planes])
        if np.all(np.abs(residuals) * UNIT < 64.0 * len(point)):
            return point
        point = displaced(point, -(np.linalg.solve(gram, residuals) @ normals))
    return point


# sin^2 of the angle below which float64 normals (2^-52) no longer separate two planes at the corner sizes in `walk`.
MOST_PARALLEL = 2.0**-40


def tangent(direction: Vector, planes: Sequence[Hyperplane]) -> Vector:
    """The part of a direction inside all planes (not normalised)."""
    basis = np.linalg.qr(np.array([plane.unit for plane in planes]).T)[0]
    projected = direction - basis @ (basis.T @ direction)
    inside: Vector = projected - basis @ (basis.T @ projected)
    return inside
