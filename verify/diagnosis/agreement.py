"""Which row of one layer may be which of another: by how many entries agree on one scale, in floats.

Cosines fail where one column is off by a large factor. Here a pair of rows counts by the ratios of their entries: the
densest third of them gives the scale, and every entry the bits to which it agrees with that. Only a search: what a
pair has in common is decided exactly afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from flint import fmpq
from scipy.optimize import linear_sum_assignment

MOST_BITS = 40.0  # agreement beyond it counts the same: ratios of float64 hold about 50
CHUNK = 4_000_000  # ratios held at once
Array = np.ndarray


def logarithms(rows: Sequence[Sequence[fmpq | None]]) -> tuple[Array, Array]:
    """(log2 of the size, sign) of every entry; -inf for zeros, nan for entries that are not there."""
    sizes = np.array([[math.nan if v is None else log2(v) for v in row] for row in rows])
    signs = np.array([[0 if v is None else (v > 0) - (v < 0) for v in row] for row in rows], dtype=np.int8)
    return sizes, signs


def log2(value: fmpq) -> float:
    """log2 |value|, whatever its size; -inf for 0."""
    if not value:
        return -math.inf
    top, bottom = abs(int(value.p)), int(value.q)
    shift = top.bit_length() - bottom.bit_length()
    scaled = top / (bottom << shift) if shift >= 0 else (top << -shift) / bottom
    return math.log2(scaled) + shift


def bits_in_common(first: tuple[Array, Array], second: tuple[Array, Array]) -> Array:
    """For every pair of rows the mean bits to which entries agree, up to MOST_BITS: shape (first, second)."""
    (sizes, signs), (others, marks) = first, second
    found = np.empty((len(sizes), len(others)))
    step = max(1, CHUNK // max(1, others.size))
    for start in range(0, len(sizes), step):
        part = slice(start, start + step)
        with np.errstate(invalid="ignore"):
            ratios = others[None] - sizes[part, None]
        found[part] = _mean_bits(ratios, signs[part, None] * marks[None], (signs[part, None] == 0) & (marks[None] == 0))
    return found


def assignment(bits: Array) -> dict[int, int]:
    """The partner in the second layer of every row of the first one, as far as there are any; ties in order."""
    order = np.arange(bits.shape[0])[:, None] == np.arange(bits.shape[1])[None]
    rows, columns = linear_sum_assignment(-(bits + 1e-6 * order))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True)}


def _mean_bits(ratios: Array, signs: Array, both_zero: Array) -> Array:
    """The mean over the last axis of each ratio's agreement with the densest third of them."""
    usable = np.isfinite(ratios) & (signs != 0)
    ordered = np.sort(np.where(usable, ratios, np.inf), axis=-1)
    counts = usable.sum(axis=-1)
    width = max(2, -(-ratios.shape[-1] // 3))
    if ratios.shape[-1] < width:
        centre = ordered[..., 0]
    else:
        with np.errstate(invalid="ignore"):
            spans = ordered[..., width - 1 :] - ordered[..., : ratios.shape[-1] - width + 1]
        start = np.argmin(np.where(np.isfinite(spans), spans, np.inf), axis=-1)
        centre = np.take_along_axis(ordered, (start + width // 2)[..., None], axis=-1)[..., 0]
        centre = np.where(np.isfinite(centre), centre, ordered[..., 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.abs(ratios - np.where(counts > 0, centre, 0.0)[..., None])
        bits = np.clip(-np.log2(gap + 2.0**-60), 0.0, MOST_BITS)
    near = usable & (gap < 0.5)
    majority = np.sign(np.sum(np.where(near, signs, 0), axis=-1))[..., None]
    agree = np.where(usable & (signs == np.where(majority == 0, 1, majority)), bits, 0.0)
    agree = np.where(both_zero, MOST_BITS, agree)
    present = ~np.isnan(ratios) | both_zero
    return np.asarray(agree.sum(axis=-1) / np.maximum(1, present.sum(axis=-1)))
