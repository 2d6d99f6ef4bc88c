"""A least-squares line, with its residual: a description of the measured points, not a claim about others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_POINTS = 3  # two points lie on a line, whatever they are


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x."""

    intercept: float
    slope: float
    residual: float  # root mean square of y minus the line, in y's unit, over points less the two parameters
    points: int

    def at(self, x: float) -> float:
        """The line's y."""
        return self.intercept + self.slope * x


def fitted(points: Sequence[tuple[float, float]]) -> Line | None:
    """The line through (x, y) points; None with fewer than FEWEST_POINTS points or places x."""
    if len({x for x, _ in points}) < FEWEST_POINTS:
        return None
    xs, ys = np.array(points).T
    slope, intercept = (float(c) for c in np.polyfit(xs, ys, 1))
    rest = ys - (intercept + slope * xs)
    return Line(intercept, slope, float(np.sqrt((rest**2).sum() / (len(points) - 2))), len(points))
