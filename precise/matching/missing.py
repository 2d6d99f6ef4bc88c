"""Targeted search for missing entries [CJM20, section 4.3]: a critical point where one more neuron is active.

The row i is known except for its weight on neuron p. Where both eta_i = 0 and eta_p = 0, the open weight has no
effect: that place can be computed from what is known, by Newton steps on the two local affine functions. A short line
through a point just beside it, on the active side of p, meets the surface of i unless the open weight has moved it out
of reach, and its bend shows the weight; so lengths and depths vary.

What the bend shows must match the row: two known weights and the bias, as one entry alone is never enough (`partial`).
So KNOWN neurons of known weights have to be active beside p, if the row has as many.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from precise.matching.surface import FARTHEST, STEPS, Row, inputs_around
from precise.matching.survey import Survey
from precise.rounding.balls import Ball, Floats
from precise.rounding.known import KnownLayers

STARTS = 60
KNOWN = 2  # active neurons whose weights on the row are known
NEAR = 64  # samples of a short line
CLOSE = 2.0**-2  # the short line's half-length at most, in units of the place's size


def seek(survey: Survey, known: KnownLayers, entries: Mapping[int, Ball], neuron: int) -> bool:
    """Ask along a short line where the neuron is active; False if no such place was found."""
    row = Row.of(entries)
    generator = np.random.default_rng(survey.random.getrandbits(63))
    for _ in range(STARTS):
        start = generator.standard_normal(survey.view.width) * 2.0 ** generator.integers(-1, 5)
        place = _corner(known, row, start, neuron)
        if place is None:
            continue
        point, along_row, along_neuron = place
        size = CLOSE * max(1.0, float(np.abs(point).max())) * 2.0 ** -int(generator.integers(0, 4))
        depth = size * 2.0 ** -int(generator.integers(0, 6))
        beside = point + depth * along_neuron / np.linalg.norm(along_neuron)
        values = known.float_values(beside[None, :])[-1][0]
        if values[neuron] <= 0 or np.abs(beside).max() > FARTHEST:
            continue
        if np.count_nonzero(values[row.columns] > 0) < min(KNOWN, len(row.columns)):
            continue
        step = survey.view.nearest(along_row / np.linalg.norm(along_row) * size / NEAR * 2)
        if not any(step):
            continue
        origin = [c - NEAR // 2 * s for c, s in zip(survey.view.nearest(beside), step, strict=True)]
        survey.add_line(origin, step, NEAR)
        return True
    return False


def _corner(known: KnownLayers, row: Row, start: Floats, neuron: int) -> tuple[Floats, Floats, Floats] | None:
    """(point, gradient of the row, gradient of the neuron) where both are 0 and only known entries act."""
    point = start
    for _ in range(STEPS):
        rows, values, active = inputs_around(known, point)
        active[neuron] = 0
        weights = row.weights * active[row.columns]
        gradient = weights @ rows[row.columns]
        target = np.array([float(weights @ values[row.columns] + row.bias), values[neuron]])
        if np.abs(target).max() < 1e-9 * max(1.0, float(np.abs(point).max())):
            others = set(np.flatnonzero(active).tolist()) - set(row.columns)
            return None if others or not gradient.any() else (point, gradient, rows[neuron])
        point = point - np.linalg.lstsq(np.array([gradient, rows[neuron]]), target, rcond=None)[0]
        if not np.isfinite(point).all() or np.abs(point).max() > FARTHEST:
            return None
    return None
