"""What happens where two surfaces meet: does the first stay straight, bend, or vanish?

Around a point on both hyperplanes the four sectors hold four affine pieces; their differences are the two jumps across
the first surface, before and after the second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from flint import fmpq

from precise.regions.hyperplane import Hyperplane, displaced, tangent
from precise.regions.probe import Direction, Piece, Point, Probe

ACROSS = 2.0**-40  # offset to either side of the followed surface
BESIDE = 2.0**-80  # offset to either side of the crossed one: tiny against ACROSS, so that a bend does not matter,
# and huge against the 2^-120 to which corner points are known


@dataclass(frozen=True)
class Crossing:
    """The followed surface before and after a corner, as seen along the test directions."""

    present: bool  # is the jump before the corner a multiple of the expected normal?
    bend: fmpq | None  # normal after = normal before + bend * crossed normal; None when no such number exists
    ends: bool = False  # is the oracle constant in a sector behind the corner, and in none before it?


def directions(width: int, random: Random, count: int = 3) -> list[Direction]:
    """Dense test directions in integers: two vectors that agree on one of them agree, but for a chance of 2^-32 each.

    Few long ones cost less than many short ones: every direction has a place with a margin of its own in an answer.
    """
    return [[random.randint(-(1 << 31), 1 << 31) for _ in range(width)] for _ in range(count)]


def along(normal: Sequence[int], tests: Sequence[Direction]) -> list[int]:
    """The slopes of a linear form along the test directions."""
    return [sum(a * b for a, b in zip(normal, test, strict=True)) for test in tests]


def ratio(jump: Sequence[fmpq], reference: Sequence[int]) -> fmpq | None:
    """The number r with jump = r * reference; None when there is none or the reference is 0."""
    lead = next((i for i, v in enumerate(reference) if v), None)
    if lead is None:
        return None
    r = jump[lead] / reference[lead]
    return r if all(j == r * v for j, v in zip(jump, reference, strict=True)) else None


def jump(after: Piece, before: Piece) -> list[fmpq]:
    """The difference of two pieces' slopes."""
    return [a - b for a, b in zip(after.slopes, before.slopes, strict=True)]


def sides(point: Point, plane: Hyperplane) -> list[Point]:
    """Two points just on the positive and on the negative side of a surface."""
    return [displaced(point, plane.unit, ACROSS), displaced(point, plane.unit, -ACROSS)]


def sectors(corner: Point, followed: Hyperplane, crossed: Hyperplane, onward: float) -> list[Point]:
    """Points in the sectors (+, before), (-, before), (+, after), (-, after) of a corner.

    `onward` is the sign of the crossed form after the corner.
    """
    inside = tangent(followed.unit, [crossed])
    inside /= float((inside @ inside) ** 0.5)
    step = crossed.unit * onward
    return [
        displaced(displaced(corner, inside, across), step, beside)
        for beside in (-BESIDE, BESIDE)
        for across in (ACROSS, -ACROSS)
    ]


def behind(
    probe: Probe,
    corner: Point,
    followed: Hyperplane,
    crossed: Hyperplane,
    onward: float,
    tests: Sequence[Direction],
) -> fmpq | None:
    """The bend at a corner where the followed surface is taken to arrive, from the two sectors behind it: 2 queries.

    The jump there must be c (normal + bend * crossed normal) with unknown c; the test directions beyond two check it.
    """
    pieces = probe.pieces(sectors(corner, followed, crossed, onward)[2:], tests)
    after = jump(pieces[0], pieces[1])
    first, second = along(followed.normal, tests), along(crossed.normal, tests)
    determinant = first[0] * second[1] - first[1] * second[0]
    if not determinant:
        return None
    scale = (after[0] * second[1] - after[1] * second[0]) / determinant
    share = (after[1] * first[0] - after[0] * first[1]) / determinant
    fits = all(a == scale * n + share * m for a, n, m in zip(after, first, second, strict=True))
    return share / scale if scale and fits else None


def cross(
    probe: Probe,
    corner: Point,
    followed: Hyperplane,
    crossed: Hyperplane,
    onward: float,
    tests: Sequence[Direction],
) -> Crossing:
    """Look at a corner from its four sectors: 4 queries."""
    pieces = probe.pieces(sectors(corner, followed, crossed, onward), tests)
    normal, other = along(followed.normal, tests), along(crossed.normal, tests)
    scale = ratio(jump(pieces[0], pieces[1]), normal)
    if not scale:
        return Crossing(False, None)
    after = jump(pieces[2], pieces[3])
    constant = [not any(piece.slopes) for piece in pieces]
    ends = any(constant[2:]) and not any(constant[:2])
    return Crossing(True, ratio([a / scale - n for a, n in zip(after, normal, strict=True)], other), ends)
