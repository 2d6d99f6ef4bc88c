"""Blocks that are split by phase, in float64: the arrays behind `verify.checker.phase`.

A box has seven rows instead of six: zl, zu, dl, du, the least and the greatest phase, and the reach.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ZL, ZU, DL, DU, PL, PU, REACH = range(7)
NEAR = 2.0**-25  # differences up to this share of the values cost a bound less than half of a gap of 1e-6
MARGIN = 2.0**-26  # of a neuron's range, or twice its reach: so far off the kinks the points of a solution stay


def by_phase(box: Array) -> bool:
    """Whether a box is one of executions."""
    return len(box) > REACH


def first(box: Array) -> Array:
    """The box of all executions where nothing is known but the ranges of z and d, shape (6, blocks)."""
    n = box.shape[1]
    reach = np.maximum(np.abs(box[DL]), np.abs(box[DU]))
    return narrowed(np.concatenate([box[:PL], np.zeros((1, n)), np.ones((1, n)), reach[None]]))


def narrowed(box: Array) -> Array:
    """The box without the phases that have no execution."""
    box[PL] = np.where(box[ZL] > box[REACH], 1.0, box[PL])
    box[PU] = np.where(box[ZU] < -box[REACH], 0.0, box[PU])
    return box


def decided(box: Array, i: int, phase: int) -> Array:
    """The box of the executions with one phase of block i."""
    box = box.copy()
    box[PU if phase == 0 else PL, i] = phase
    return box


def undecided(box: Array) -> NDArray[np.bool_]:
    """Blocks with executions of both phases."""
    return np.asarray(box[PL] < box[PU])


def corners(box: Array, reach: Array | None = None) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """(z, d, h, e, there) of shape (blocks, points): where an affine function of them can be greatest.

    Another reach than the box's gives other executions: a negative one those with z off 0.
    """
    zl, zu, dl, du, least, most, _ = box
    reach = box[REACH] if reach is None else reach
    zero, some = np.zeros_like(zl), dl <= du
    high, low = np.minimum(zu, reach), np.maximum(zl, -reach)  # of phase 0, of phase 1
    first, second = some & (least < 1) & (zl <= high), some & (most > 0) & (low <= zu)
    bent, also = first & (zl < 0) & (high > 0), second & (low < 0) & (zu > 0)
    z = np.array([zl, zl, high, high, zero, zero, low, low, zu, zu, zero, zero]).T
    d = np.array([dl, du] * 6).T
    e = d.copy()
    e[:, :6] = 0.0
    there = np.array([first] * 4 + [bent] * 2 + [second] * 4 + [also] * 2).T
    return z, d, np.maximum(z, 0.0), e, there


def by_ranges(zl: Array, zu: Array, dl: Array, du: Array, h: Array, e: Array) -> tuple[Array, Array]:
    """The multipliers of z and d, shape (targets, blocks) each, that the ranges of z and d alone give."""
    with np.errstate(divide="ignore", invalid="ignore"):
        chord, rise, fall = zu / (zu - zl), du / (du - dl), -dl / (du - dl)
    z = np.where(zl >= 0, h, np.where(zu <= 0, 0.0, np.where(h > 0, h * chord, np.where(zu > -zl, h, 0.0))))
    d = np.where((dl >= 0) | (du <= 0), np.where((dl >= 0) == (e > 0), e, 0.0), e * np.where(e > 0, rise, fall))
    return z, d


def slopes(box: Array, h: Array, e: Array) -> Array:
    """The rule's multipliers of (z, d), shape (targets, 2 blocks); h and e are (targets, blocks)."""
    zl, zu, dl, du, least, most, _ = box
    z, d = by_ranges(zl, zu, dl, du, h, e)
    one = least == most
    return np.concatenate([np.where(one, h * least, z), np.where(one, e * least, d)], axis=1)


def fit(boxes: Sequence[Array]) -> bool:
    """Whether differences are so small beside the values that executions stand for inputs well enough."""
    return all(bool((box[REACH] <= NEAR * (box[ZU] - box[ZL])).all()) for box in boxes)


def apart(box: Array) -> Array:
    """How far off 0 the points of a solution keep z, per block: on that side f and g are both active, or inactive."""
    return np.asarray(np.maximum(2 * box[REACH], MARGIN * (box[ZU] - box[ZL])))
