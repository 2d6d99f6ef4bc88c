"""Candidates: critical points on lines that no known neuron explains.

Lines are drawn at random at first. When these become fruitless, most are climbed to where neurons below are in states
that they are hardly ever in, or lead through points at which the known part is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from random import Random
from time import perf_counter

import numpy as np

from precise.layers.layer_result import LayerResult
from precise.layers.surprise import Surprises
from precise.regions.aim import random_line, rays
from precise.regions.critical_points import CriticalPoint, Line, critical_points
from precise.regions.extremes import Extremes
from precise.regions.local_map import Known
from precise.regions.probe import Probe
from precise.signs.below import LayerBelow

MOST_OF_LINES = 32  # candidates that are taken from one search of lines
SPARSE_WHEN_DRY = 0.5  # of the lines
CLIMBED_WHEN_DRY = 0.875  # of them, behind two layers or more
OUTERMOST = 2  # candidates at either end of such a line: a neuron that is rarely on begins to be near the end
EMPTY_LINES = 2  # fruitless random lines in the last hidden layer before points are looked at instead
SURPRISE_POINTS = 256  # looked at before another line is tried

SearchedLine = tuple[Line, int, int]  # a line and the parameters between which it is searched


class CandidateLines:
    """Draws lines for one layer and searches them; what that takes is added to the layer's result."""

    def __init__(
        self,
        probe: Probe,
        known: Known,
        result: LayerResult,
        below: LayerBelow,
        random: Random,
        generator: np.random.Generator,
        last: bool,
        avoided: set[tuple[int, int]],
    ) -> None:
        """Nothing is asked yet.

        Args:
            known: the growing layer is its last one.
            last: may it be the last hidden one, so that the known part should soon explain every point?
            avoided: (layer, neuron); where one is on, the known part is not right. The caller may add to it.
        """
        self._probe = probe
        self._known = known
        self._result = result
        self._below = below
        self._random = random
        self._generator = generator
        self._last = last
        self._avoided = avoided
        self._surprises: Surprises | None = None  # of the known part as it is
        self._rays: list[SearchedLine] | None = None  # those that are left, once there were any
        self._climbed: tuple[bool, Extremes] | None = None  # once the signs of the layer below are known, or before

    @property
    def rays_left(self) -> bool:
        """Were some of the rays searched, and others not yet?"""
        return bool(self._rays)

    def known_changed(self) -> None:
        """To be called whenever the known part was changed."""
        self._surprises = None

    def candidates(self, dry: bool, empty: int) -> list[CriticalPoint]:
        """Those of the next line.

        Args:
            dry: have lines, or what they led to, become fruitless?
            empty: lines in a row without a candidate.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle.
        """
        start, asked = perf_counter(), self._probe.queries
        lines = self._surprising_lines(empty) or self._next_ray(dry)
        deep = len(self._known.layers) > 2
        climbed = not lines and dry and deep and self._generator.random() < CLIMBED_WHEN_DRY
        if not lines:
            lines = [self._extremes().line() if climbed else self._random_line(dry)]
        self._spent(start, asked)
        return self.met_by(lines, OUTERMOST if climbed else None)

    def met_by(self, lines: Sequence[SearchedLine], outermost: int | None = None) -> list[CriticalPoint]:
        """Critical points on lines that no known neuron explains, in random order; a few rounds' worth at most.

        Args:
            outermost: of so many at either end alone, of one line.

        Raises:
            BudgetExceeded, OracleError, PrecisionError: from the oracle.
        """
        start, asked = perf_counter(), self._probe.queries
        found = self.unknown([point for line in lines for point in critical_points(self._probe, *line)])
        if outermost is not None and len(found) > 2 * outermost:
            found = found[:outermost] + found[-outermost:]
        self._random.shuffle(found)
        self._result.lines += len(lines)
        self._result.lines_since += len(lines)
        self._spent(start, asked)
        return found[:MOST_OF_LINES]

    def unknown(self, points: list[CriticalPoint]) -> list[CriticalPoint]:
        """Those at which no known neuron changes its state."""
        return unexplained(self._known, points, self._avoided)

    def _spent(self, start: float, asked: int) -> None:
        self._result.seconds_lines += perf_counter() - start
        self._result.queries_lines += self._probe.queries - asked

    def _random_line(self, dry: bool) -> SearchedLine:
        """Once dry, often where few neurons below are on: there walks have the most left to see."""
        return random_line(self._known, self._generator, SPARSE_WHEN_DRY if dry else 0.0)

    def _next_ray(self, dry: bool) -> list[SearchedLine]:
        """In layer 2, once dry and the signs of the layer below are known: each ray once."""
        if not dry or len(self._known.layers) != 2 or self._below.signs is None:
            return []
        if self._rays is None:
            self._rays = rays(self._known, self._generator)
        return [self._rays.pop()] if self._rays else []

    def _extremes(self) -> Extremes:
        """Those of the layers below; set up anew when the signs of the last of them are known."""
        signs = self._below.signs is not None
        if self._climbed is None or self._climbed[0] != signs:
            below = Known(self._known.inputs, self._known.layers[:-1])
            self._climbed = (signs, Extremes(below, not signs, self._generator))
        return self._climbed[1]

    def _surprising_lines(self, empty: int) -> list[SearchedLine]:
        """In what may be the last hidden layer, when lines at random have become fruitless."""
        if not (self._last and empty >= EMPTY_LINES and not self._below.separate):
            return []
        if self._surprises is None:
            witnesses = [record.witness for record in self._result.records]
            extremes = self._extremes() if len(self._known.layers) > 2 else None
            self._surprises = Surprises(self._probe, self._known, witnesses, self._random, self._generator, extremes)
        return self._surprises.lines(SURPRISE_POINTS)


def unexplained(known: Known, points: Sequence[CriticalPoint], avoided: Set[tuple[int, int]]) -> list[CriticalPoint]:
    """Those at which no known neuron changes its state.

    Args:
        avoided: (layer, neuron); where one is on, the known part is not right, and nothing is told.
    """
    if not points:
        return []
    patterns = known.patterns([p for point in points for p in (point.before, point.after)])
    apart = [any(pattern[layer][j] for layer, j in avoided) for pattern in patterns[::2]]
    same = [patterns[2 * n] == patterns[2 * n + 1] for n in range(len(points))]
    return [p for p, alike, away in zip(points, same, apart, strict=True) if alike and not away]
