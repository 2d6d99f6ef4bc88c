"""Value and slopes inside a linear region, with radii; and the sampled lines that find the regions.

**Step.** A one-sided difference quotient (f(x + h u) - f(x)) / h of answers with error E is the slope up to 2 E / h:
the longest step gives the best slope, as long as it stays in the region. So the first step is the region's half-length
on the sampled line (the local scale), and it is halved while f(x + h u) - 2 f(x) + f(x - h u) is proved not
to be 0: then a bend lies between. A second difference that cannot be told from 0 does not prove that there is no bend.
But if f is convex or concave between the three points (one bend, or several of one kind), the slope at x lies between
both one-sided quotients; their hull is what is returned, and holds the slope at x in that case too. The smallest step
that is tried is 2^-HALVINGS of the first: below it, 2 E / h has grown by as much.

**Not covered:** bends of opposite kinds within one step that cancel in the second difference, which happens the more
often the larger the errors are. Rows and signs are therefore believed only when LEAST_REGIONS regions agree on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from flint import arb

from precise.rounding.balls import Ball, Vector, surely_not_zero
from precise.rounding.view import GridPoint, View

SAMPLES = 160  # a line
HALVINGS = 7
LEAST_REGIONS = 2  # that agree, before a slope is believed
ENTRY_BITS = 8  # of a direction's entries


@dataclass(frozen=True)
class Run:
    """Samples first..last of a line, between which no bend was proved."""

    first: int
    last: int


@dataclass(frozen=True)
class SampledLine:
    """origin + i step, i = 0 .. SAMPLES, and the runs of at least four samples."""

    origin: GridPoint
    step: GridPoint
    values: Vector
    runs: list[Run]

    def point(self, i: int) -> GridPoint:
        """Sample i."""
        return [o + i * s for o, s in zip(self.origin, self.step, strict=True)]


@dataclass(frozen=True)
class Region:
    """What was measured around a point."""

    centre: GridPoint
    value: Ball
    gradient: tuple[Ball, ...]  # along the coordinates of the slice, a unit of length each
    step: int  # the shortest step that was used, in grid units


def sample_line(view: View, origin: GridPoint, step: GridPoint, samples: int = SAMPLES) -> SampledLine:
    """Ask for equally spaced points and find where second differences are proved not to be 0."""
    points = [[o + i * s for o, s in zip(origin, step, strict=True)] for i in range(samples + 1)]
    values = view.ask(points)
    return SampledLine(origin, step, values, _runs(values))


def _runs(values: Vector) -> list[Run]:
    bent = [i for i in range(1, len(values) - 1) if surely_not_zero(values[i - 1] - 2 * values[i] + values[i + 1])]
    # a bend between samples i and i + 1 shows at i or i + 1: a run ends at the first bent sample and starts at the last
    edges = [0, *bent, len(values) - 1]
    pieces = [Run(a, b) for a, b in pairwise(edges) if b - a >= 3]
    return [run for piece in pieces for run in _straight(values, piece)]


def _straight(values: Vector, run: Run) -> list[Run]:
    """The run, cut where the whole of it is not straight although its neighbouring samples are."""
    span = run.last - run.first
    if span < 3:
        return []
    centre = (run.first + run.last) // 2
    slack = values[run.first] * (run.last - centre) + values[run.last] * (centre - run.first) - values[centre] * span
    if not surely_not_zero(slack):
        return [run]
    return [*_straight(values, Run(run.first, centre)), *_straight(values, Run(centre, run.last))]


def random_line(view: View, random: Random, scale: float) -> tuple[GridPoint, GridPoint]:
    """(origin, step) of a line of length about 4 `scale` through a random place of that size."""
    size = 1 << view.grid
    direction = [random.gauss(0, 1) for _ in range(view.width)]
    length = sum(d * d for d in direction) ** 0.5
    step = [round(d / length * 4 * scale / SAMPLES * size) for d in direction]
    if not any(step):
        step[random.randrange(view.width)] = 1
    centre = [round(random.gauss(0, scale) * size) for _ in range(view.width)]
    return [c - SAMPLES // 2 * s for c, s in zip(centre, step, strict=True)], step


def measure(view: View, centres: Sequence[GridPoint], steps: Sequence[int]) -> list[Region | None]:
    """Value and gradient at every centre; None where no step gave straight answers along some coordinate."""
    values = view.ask(centres)
    slopes: dict[tuple[int, int], tuple[Ball, int]] = {}
    open_ones = [(i, a, max(1, steps[i])) for i in range(len(centres)) for a in range(view.width)]
    for _ in range(HALVINGS):
        points = [_moved(centres[i], a, side * h) for i, a, h in open_ones for side in (1, -1)]
        answers = view.ask(points)
        again = []
        for number, (i, a, h) in enumerate(open_ones):
            slope = slope_between(answers[2 * number + 1], values[i], answers[2 * number], h, view.grid)
            if slope is not None:
                slopes[i, a] = (slope, h)
            elif h > 1:
                again.append((i, a, h // 2))
        open_ones = again
        if not open_ones:
            break
    return [_region(view, slopes, i, centre, values[i]) for i, centre in enumerate(centres)]


def slope_between(before: Ball, at: Ball, after: Ball, step: int, grid: int) -> Ball | None:
    """The slope at the middle of three equally spaced answers; None if a bend between them is proved."""
    right, left = after - at, at - before
    if not right.overlaps(left) or surely_not_zero(right - left):
        return None
    return right.union(left) * (arb(1 << grid) / step)


def _region(
    view: View, slopes: dict[tuple[int, int], tuple[Ball, int]], i: int, centre: GridPoint, value: Ball
) -> Region | None:
    found = [slopes.get((i, a)) for a in range(view.width)]
    if any(entry is None for entry in found):
        return None
    pairs = [entry for entry in found if entry is not None]
    return Region(centre, value, tuple(s for s, _ in pairs), min(h for _, h in pairs))


def _moved(point: GridPoint, axis: int, by: int) -> GridPoint:
    moved = list(point)
    moved[axis] += by
    return moved
