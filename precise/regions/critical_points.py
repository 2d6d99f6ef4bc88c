"""Critical points on lines: where the oracle's slope along the line jumps.

Carlini, Jagielski and Mironov (CRYPTO 2020, section 4.1) intersect the affine pieces at both ends of an interval; with
exact answers the intersection is the critical point itself as soon as both pieces hold next to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from precise.errors import PrecisionError
from precise.regions.probe import FRACTION_BITS, Piece, Point, Probe

BESIDE_BITS = 56  # the pieces are compared 2^-56 beside the intersection, in units of the line's direction
BENT = 1 << 10  # parts of a line that all bend: no network has critical points everywhere, out to the line's ends
MANY = 1 << 7  # bent intervals at a time, at which some are looked at closely
CLOSELY = 3  # of them: the first, the last and one between
MOST_PIECES = 1 << 14  # looked at at once; a line meets each neuron a few times
SHORTEST = 1 << (FRACTION_BITS - BESIDE_BITS + 4)  # intervals shorter than 16 of these are given up


@dataclass(frozen=True)
class CriticalPoint:
    """A point where the scalar output bends, with a point on either side of it on the line."""

    before: Point
    at: Point  # rounded to the grid
    after: Point


@dataclass(frozen=True)
class Line:
    """origin + t * direction; t in units of 2^-FRACTION_BITS, direction in small integers."""

    origin: Point
    direction: tuple[int, ...]

    def point(self, t: int) -> Point:
        """The point at parameter t, exactly."""
        return [c + t * d for c, d in zip(self.origin, self.direction, strict=True)]


@dataclass(frozen=True)
class _End:
    t: int
    piece: Piece


def critical_points(probe: Probe, line: Line, low: int, high: int) -> list[CriticalPoint]:
    """All critical points between two parameters, in order.

    Costs 2 queries for each critical point and 2 for each split. A bump between two samples of one and the same
    affine function is not seen.

    Raises:
        PrecisionError: the answers are not piecewise linear, for example noisy.
    """
    first, last = _sample(probe, line, [low, high])
    intervals = [(first, last)]
    found: list[int] = []
    looked = False  # closely?
    beside = 1 << (FRACTION_BITS - BESIDE_BITS)
    while intervals:
        if len(intervals) > MOST_PIECES:
            raise PrecisionError(
                f"a line has more than {MOST_PIECES} pieces: the answers are not exactly piecewise linear"
            )
        open_ones = [pair for pair in intervals if not _same(pair[0], pair[1]) and pair[1].t - pair[0].t > SHORTEST]
        if len(open_ones) == len(intervals) >= BENT:
            raise PrecisionError(
                f"a line bends in each of {len(intervals)} parts: the answers are not exactly piecewise linear"
            )
        if len(open_ones) >= MANY and not looked:
            _look_closely(probe, line, open_ones)
            looked = True
        middles = [_middle(a, b) for a, b in open_ones]
        samples = _sample(probe, line, [t for m in middles for t in (m - beside, m + beside)])
        intervals = []
        for number, (a, b) in enumerate(open_ones):
            left, right = samples[2 * number], samples[2 * number + 1]
            if not _same(left, right):
                found.append(middles[number])
            intervals += [(a, left), (right, b)]
    found.sort()
    return [CriticalPoint(line.point(t - beside), line.point(t), line.point(t + beside)) for t in found]


def _look_closely(probe: Probe, line: Line, intervals: Sequence[tuple[_End, _End]]) -> None:
    """Narrow a few intervals down: to find all of a line's bends, or that there is no end of them, would cost more.

    Bends of a network are isolated, so that some 10 cuts suffice. A smooth function bends at every scale, and one that
    is computed in floats is a staircase in the end.

    Raises:
        PrecisionError: in none of the intervals two pieces meet, down to the shortest.
    """
    chosen = [intervals[place * (len(intervals) - 1) // (CLOSELY - 1)] for place in range(CLOSELY)]
    if not any(_isolated(probe, line, a, b) for a, b in chosen):
        raise PrecisionError(
            f"a line bends {CLOSELY} times at every scale, down to 2^-{BESIDE_BITS - 4} of its unit: the answers are "
            "not exactly piecewise linear"
        )


def _isolated(probe: Probe, line: Line, a: _End, b: _End) -> bool:
    """Does the shorter bent part of the interval, taken again and again, come down to two pieces that meet?"""
    beside = 1 << (FRACTION_BITS - BESIDE_BITS)
    for _ in range(FRACTION_BITS):
        if b.t - a.t <= SHORTEST:
            return False
        middle = _middle(a, b)
        left, right = _sample(probe, line, [middle - beside, middle + beside])
        bent = [(x, y) for x, y in ((a, left), (right, b)) if not _same(x, y)]
        if not bent:
            return left.piece.slopes != right.piece.slopes
        a, b = min(bent, key=lambda ends: ends[1].t - ends[0].t)
    return False


def _sample(probe: Probe, line: Line, parameters: Sequence[int]) -> list[_End]:
    pieces = probe.pieces([line.point(t) for t in parameters], [line.direction])
    return [_End(t, piece) for t, piece in zip(parameters, pieces, strict=True)]


def _same(a: _End, b: _End) -> bool:
    """Do both samples lie on one affine function?"""
    if a.piece.slopes != b.piece.slopes:
        return False
    return bool(b.piece.value - a.piece.value == a.piece.slopes[0] * fmpq(b.t - a.t, 1 << FRACTION_BITS))


def _middle(a: _End, b: _End) -> int:
    """Where an interval is cut: at the place where both pieces meet, if they do, else halfway."""
    crossing = _crossing(a, b)
    return (a.t + b.t) // 2 if crossing is None else crossing


def _crossing(a: _End, b: _End) -> int | None:
    """The parameter where the two affine functions meet, if that is well inside the interval."""
    steeper = a.piece.slopes[0] - b.piece.slopes[0]
    if steeper == 0:
        return None
    span = fmpq(b.t - a.t, 1 << FRACTION_BITS)
    offset = (b.piece.value - a.piece.value - b.piece.slopes[0] * span) / steeper
    scaled = offset * (1 << FRACTION_BITS)
    t = a.t + int(scaled.p) // int(scaled.q)
    return t if a.t + SHORTEST // 4 < t < b.t - SHORTEST // 4 else None
