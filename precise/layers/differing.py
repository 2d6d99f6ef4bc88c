"""Where a copy and the oracle differ, as far as points show, and what a change of the copy does there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from flint import fmpq, fmpz_mat

from precise.arithmetic import common_denominator
from precise.layers.output_layer import OutputRow
from precise.layers.surprise import Looked, look, predicted, short
from precise.regions.aim import line_between
from precise.regions.climb import steps
from precise.regions.critical_points import CriticalPoint, critical_points
from precise.regions.float_layers import FloatLayers, to_floats
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Pattern
from precise.regions.probe import Point, Probe
from precise.signatures.reach import Where

SPREAD = 16  # points that wander from the surprising ones to others
ROUNDS = 32  # of wandering, one query a point
TRIED = 32  # steps of which one is taken that goes, in float64, towards where a further neuron is on
NARROWED = 12  # halvings of the way from a fitting to a surprising point
FEWER = 8  # as many places have to be mended for one that is no longer right

Copy = Callable[[Sequence[Point]], list[fmpq]]  # what the probe would answer if nothing were missing


def copy_of(known: Known, scalar: OutputRow) -> Copy:
    """The known part with this combination of its outputs, as it is whenever it is asked."""
    scale = common_denominator([*scalar.weights, scalar.bias])
    column = fmpz_mat([[int((v * scale).p)] for v in (*scalar.weights, scalar.bias)])
    return partial(predicted, known, column, int(scale))


def right_at(probe: Probe, points: Vector, copies: Sequence[Copy]) -> list[int]:
    """Near how many of these points, shape (points, inputs), each of the copies is right: one short query each."""
    asked = [short(point) for point in points]
    answers = [piece.value for piece in probe.pieces(asked, [])]
    return [sum(a == b for a, b in zip(answers, copy(asked), strict=True)) for copy in copies]


def surprise(probe: Probe, copy: Copy, draws: Iterable[Vector]) -> tuple[Looked, Vector] | None:
    """Points with the first surprises and all fitting ones before, and those drawn last; None when there are none."""
    fitting: list[Point] = []
    for points in draws:
        seen = look(probe, points, copy)
        fitting += seen.fitting
        if seen.surprising and fitting:
            return Looked(fitting, seen.surprising), points
    return None


def spread(
    probe: Probe, copy: Copy, known: Known, surprising: Sequence[Point], pool: Vector, generator: np.random.Generator
) -> Looked:
    """Surprising points at which as many neurons below as can be are on, and points near them that fit.

    Args:
        known: the layers below the neuron's.
        surprising: where it begins.
        pool: points whose differences are the directions of the steps.
    """
    floats = FloatLayers(known) if known.layers else None

    def features(points: Vector) -> Vector:
        return floats.topmost(points)[0] if floats else points

    points = to_floats(surprising)[generator.integers(len(surprising), size=SPREAD)]
    sizes = np.median(np.abs(features(pool)), axis=0)
    seen, fitting, kept = np.zeros(len(sizes), dtype=bool), list[Point](), [points]
    for _ in range(ROUNDS):
        wanted = np.flatnonzero(~seen) if not seen.all() else np.arange(len(sizes))
        goals = generator.choice(wanted, size=SPREAD)
        tried = points[:, None] + steps(points, pool, generator, TRIED)
        values = features(tried.reshape(-1, tried.shape[2])).reshape(*tried.shape[:2], -1)
        rows = np.arange(SPREAD)
        start = features(points)[rows, goals]
        better = values[rows, :, goals] > start[:, None]
        best = (better * generator.random(better.shape)).argmax(axis=1)
        ahead = tried[rows, best]
        looked = look(probe, ahead, copy)
        fitting += looked.fitting
        surprises = {tuple(point) for point in looked.surprising}
        moved = np.array([tuple(short(point)) in surprises for point in ahead])
        points = np.where(moved[:, None], ahead, points)
        on = (values[rows, best] > 0) & moved[:, None]
        news = on & ~seen
        kept += [points[news.any(axis=1)]]
        seen |= on.any(axis=0)
    found = {tuple(short(point)) for point in np.concatenate([*kept, points])}
    return Looked(fitting, [list(point) for point in sorted(found)])


@dataclass(frozen=True)
class Change:
    """Where the copy ceases to be right."""

    at: CriticalPoint
    known: Where | None  # the known neuron that changes its state there, if one does


def first_change(probe: Probe, known: Known, copy: Copy, fitting: Point, surprising: Point) -> Change | None:
    """The first critical point on the way that the copy does not have, else the first one that it has, if seen."""
    low, high = fitting, surprising
    for _ in range(NARROWED):
        middle = [(a + b) >> 1 for a, b in zip(low, high, strict=True)]
        fits = [piece.value for piece in probe.pieces([middle], [])] == copy([middle])
        low, high = (middle, high) if fits else (low, middle)
    found = critical_points(probe, *line_between(low, high))
    if not found:
        return None
    patterns = known.patterns([side for point in found for side in (point.before, point.after)])
    turned = [_changed(*patterns[2 * n : 2 * n + 2]) for n in range(len(found))]
    fresh = [Change(point, None) for point, where in zip(found, turned, strict=True) if where is None]
    return fresh[0] if fresh else Change(found[0], turned[0])


def _changed(before: Pattern, after: Pattern) -> Where | None:
    """The first neuron that has another state after."""
    pairs = enumerate(zip(before, after, strict=True))
    changes = ((layer, j) for layer, (a, b) in pairs for j, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
    return next(changes, None)


class Seen:
    """What a copy was right and wrong about."""

    def __init__(self, copy: Copy, fitting: Sequence[Point], surprising: Sequence[Point]) -> None:
        self.fitting, self.surprising = fitting, surprising
        self._right, self._wrong = copy(fitting), copy(surprising)

    def better(self, other: Copy) -> bool:
        """Is another copy right wherever this one was, and not as this one where it was wrong, but for few places?"""
        broken = sum(a != b for a, b in zip(other(self.fitting), self._right, strict=True))
        mended = sum(a != b for a, b in zip(other(self.surprising), self._wrong, strict=True))
        return mended > 0 and broken * FEWER <= mended
