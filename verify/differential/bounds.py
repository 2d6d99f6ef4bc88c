"""The search's own bounds of the joint network, in float64 and batched: they propose, the checker decides.

The rule of the checker (backward linear relaxations as in CROWN [ZWCHD18], here of the pair (f, g - f)), the
same interval bounds and the same vertices. Nothing here is evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray

from verify.checker.joint import JointLayer
from verify.differential import phases

Array = NDArray[np.float64]
ROUNDING = 2.0**-46  # float bounds are widened by this much of their terms' sizes, so that few turn out too tight
ZL, ZU, DL, DU, GL, GU = range(6)


@dataclass(frozen=True)
class FloatLayer:
    """A joint layer in float64."""

    blocks: int
    matrix: Array  # shape (2 blocks, 2 blocks below or inputs)
    offsets: Array  # shape (2 blocks,)


@dataclass(frozen=True)
class Vertices:
    """The points of each block's domain at which maxima are attained."""

    z: Array  # shape (blocks, points)
    d: Array
    h: Array
    e: Array
    real: NDArray[np.bool_]  # false: a place holder that repeats another point of the block
    feasible: bool  # every block has a point


@dataclass(frozen=True)
class Part:
    """A part of the domain in float64."""

    lower: Array  # shape (inputs,)
    upper: Array
    boxes: tuple[Array, ...]  # per hidden layer, shape (6, blocks): zl, zu, dl, du, gl, gu; or (7, blocks), by phase
    vertices: tuple[Vertices, ...]
    empty: bool = False


@dataclass(frozen=True)
class Bound:
    """Upper bounds of some targets and how they came about."""

    values: Array  # shape (targets,)
    duals: list[Array]  # per hidden layer, shape (targets, 2 blocks)
    alphas: list[Array]  # per hidden layer, coefficients of (h, e), shape (targets, 2 blocks)
    maxima: list[Array]  # per hidden layer, each block's share, shape (targets, blocks)
    inputs: Array  # coefficients left for the inputs, shape (targets, inputs)
    size: Array  # sum of the absolute values of what was added up: rounding errors are below 2^-46 of it


def as_floats(layers: Sequence[JointLayer]) -> list[FloatLayer]:
    """The joint network in float64, every entry rounded from its exact value."""
    return [
        FloatLayer(layer.blocks, _floats(layer.matrix), np.array([_float(v) for v in layer.offsets]))
        for layer in layers
    ]


def whole(layers: Sequence[FloatLayer], lower: Array, upper: Array, by_phase: bool = False) -> Part:
    """The domain with interval bounds of every hidden layer, to be split by phase or by f's and g's values."""
    return forward(layers, Part(lower, upper, (), ()), 0, by_phase)


def forward(layers: Sequence[FloatLayer], part: Part, start: int, by_phase: bool = False) -> Part:
    """Interval bounds of the hidden layers from `start`, met with those already known.

    Without those, `by_phase` says which kind of boxes they get.
    """
    boxes, vertices = list(part.boxes), list(part.vertices)
    if start > 0:
        vertices[start - 1] = corners(boxes[start - 1])
        if not vertices[start - 1].feasible:
            return replace(part, empty=True)
    for k in range(start, len(layers) - 1):
        low, high = part.lower, part.upper
        if k > 0:
            v = vertices[k - 1]
            low = np.concatenate([v.h.min(1), v.e.min(1)])
            high = np.concatenate([v.h.max(1), v.e.max(1)])
        fresh = _interval(layers[k], low, high)
        if k < len(boxes):
            fresh = _meet(boxes[k], fresh)
        elif by_phase:
            fresh = phases.first(fresh)
        boxes[k : k + 1], vertices[k : k + 1] = [fresh], [corners(fresh)]
        if not vertices[k].feasible:
            return replace(part, empty=True)
    return replace(part, boxes=tuple(boxes), vertices=tuple(vertices))


def tightened(layers: Sequence[FloatLayer], part: Part, k: int, kinds: str) -> Part:
    """Better bounds of the unstable blocks of layer k (from 0), by the rule, then intervals above."""
    box, n = part.boxes[k], layers[k].blocks
    chosen = np.flatnonzero(unstable(box))
    if part.empty or not len(chosen):
        return part
    rows, places = [], []
    for kind in kinds:
        unit = np.zeros((len(chosen), 2 * n))
        if kind in "zg":
            unit[np.arange(len(chosen)), chosen] = 1.0
        if kind in "dg":
            unit[np.arange(len(chosen)), n + chosen] = 1.0
        rows += [-unit, unit]
        places += [{"z": ZL, "d": DL, "g": GL}[kind], {"z": ZU, "d": DU, "g": GU}[kind]]
    found = suprema(layers, part, k, np.concatenate(rows)).values.reshape(len(places), -1)
    box = box.copy()
    spare = np.full(len(box), ROUNDING * np.abs(box[[ZL, ZU]]).max(initial=0.0))
    spare[[DL, DU]] = ROUNDING * np.abs(box[[DL, DU]]).max(initial=0.0)
    for place, values in zip(places, found):
        values = values + spare[place]
        if place in (ZL, DL, GL):
            box[place, chosen] = np.maximum(box[place, chosen], -values)
        else:
            box[place, chosen] = np.minimum(box[place, chosen], values)
    box[ZL], box[ZU] = _decided(box[ZL], box[ZU], spare[ZL])
    return forward(layers, with_box(part, k, _closed(box)), k + 1)


def revived(part: Part) -> Part:
    """The part with its vertices, after a journey between processes without them."""
    return replace(part, vertices=tuple(corners(box) for box in part.boxes))


def with_phase(part: Part, k: int, i: int, phase: int) -> Part:
    """The executions with one phase of block i of layer k (both from 0); nothing above is bounded again."""
    found = with_box(part, k, phases.decided(part.boxes[k], i, phase))
    vertices = corners(found.boxes[k])
    return replace(found, vertices=(*part.vertices[:k], vertices, *part.vertices[k + 1 :]), empty=not vertices.feasible)


def halved(layers: Sequence[FloatLayer], part: Part, kind: str, k: int, i: int) -> tuple[Part, Part]:
    """The parts where z (or g) of block i of layer k (both from 0) is at most 0, and at least 0."""
    found = []
    for place in ({"z": ZU, "g": GU}[kind], {"z": ZL, "g": GL}[kind]):
        box = part.boxes[k].copy()
        box[place, i] = 0.0
        found.append(forward(layers, with_box(part, k, _closed(box)), k + 1))
    return found[0], found[1]


def cut(layers: Sequence[FloatLayer], part: Part, i: int, value: float) -> tuple[Part, Part]:
    """The parts where input i is at most, and at least, a value."""
    upper, lower = part.upper.copy(), part.lower.copy()
    upper[i] = lower[i] = value
    return forward(layers, replace(part, upper=upper), 0), forward(layers, replace(part, lower=lower), 0)


def suprema(
    layers: Sequence[FloatLayer], part: Part, k: int, rows: Array, duals: Sequence[Array] | None = None
) -> Bound:
    """Upper bounds of rows over (z, d) of layer k (from 0; the outputs are the last) on a part.

    Args:
        layers: the joint network.
        part: the part of the domain.
        k: the layer.
        rows: shape (targets, 2 blocks).
        duals: multipliers per layer below, shape (targets, 2 blocks); None: the rule's.
    """
    values, alpha = rows @ layers[k].offsets, rows
    size = np.abs(values)
    alphas: list[Array] = []
    used: list[Array] = []
    maxima: list[Array] = []
    for below in range(k - 1, -1, -1):
        state = alpha @ layers[below + 1].matrix
        n = layers[below].blocks
        h, e = state[:, :n], state[:, n:]
        alpha = slopes(part.boxes[below], h, e) if duals is None else duals[below]
        most = _support(part.vertices[below], h, e, alpha[:, :n], alpha[:, n:])
        shift = alpha @ layers[below].offsets
        values, size = values + most.sum(1) + shift, size + np.abs(most).sum(1) + np.abs(shift)
        alphas.insert(0, state)
        used.insert(0, alpha)
        maxima.insert(0, most)
    left = alpha @ layers[0].matrix
    share = np.where(left > 0, left * part.upper, left * part.lower)
    return Bound(values + share.sum(1), used, alphas, maxima, left, size + np.abs(share).sum(1))


def slopes(box: Array, h: Array, e: Array) -> Array:
    """The rule's multipliers of (z, d), shape (targets, 2 blocks); h and e are (targets, blocks)."""
    if phases.by_phase(box):
        return phases.slopes(box, h, e)
    zl, zu, dl, du, gl, gu = box
    z, d = phases.by_ranges(zl, zu, dl, du, h, e)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = gu / (gu - gl)
    d = np.where(((e < 0) & (zl >= 0)) | ((e > 0) & (gl >= 0)), e, d)
    d = np.where(((e < 0) & (zu <= 0)) | ((e > 0) & (gu <= 0)), 0.0, d)
    partner = (zu <= 0) & (gu > 0) & (gl < 0) & (e > 0)
    z, d = np.where(partner, z + e * lift, z), np.where(partner, e * lift, d)
    first, second = (zl >= 0) * 1.0, (gl >= 0) * 1.0
    exact = ~unstable(box) & ((first == second) | ((du - dl >= zu - zl) & (zu > zl)))
    z, d = np.where(exact, h * first + e * (second - first), z), np.where(exact, e * second, d)
    return np.concatenate([z, d], axis=1)


def corners(box: Array) -> Vertices:
    """The vertices of every block of a layer, as the checker has them."""
    if phases.by_phase(box):
        return _vertices(*phases.corners(box))
    zl, zu, dl, du, gl, gu = box
    zero = np.zeros_like(zl)
    lines_z, lines_d, lines_g = (zl, zu, zero), (dl, du), (gl, gu, zero)
    points = [(z, d, z + d) for z in lines_z for d in lines_d]
    points += [(z, g - z, g) for z in lines_z for g in lines_g] + [(g - d, d, g) for d in lines_d for g in lines_g]
    z, d, g = (np.stack(c, axis=1) for c in zip(*points))
    real = (z >= zl[:, None]) & (z <= zu[:, None]) & (d >= dl[:, None]) & (d <= du[:, None])
    real &= (g >= gl[:, None]) & (g <= gu[:, None])
    h = np.maximum(z, 0.0)
    # no subtraction of near values: where both are active the difference is d itself
    e = np.where(z >= 0, np.where(g >= 0, d, -z), np.where(g >= 0, g, 0.0))
    return _vertices(z, d, h, e, real)


def _vertices(z: Array, d: Array, h: Array, e: Array, real: NDArray[np.bool_]) -> Vertices:
    best = real.argmax(1)[:, None]
    z, d, h, e = (np.where(real, v, np.take_along_axis(v, best, 1)) for v in (z, d, h, e))
    return Vertices(z, d, h, e, real, bool(real.any(1).all()))


def off_the_kinks(box: Array) -> Vertices:
    """The vertices of the executions that keep every z so far from 0 that f and g have the same phase there."""
    return _vertices(*phases.corners(box, -phases.apart(box)))


def unstable(box: Array) -> NDArray[np.bool_]:
    """Blocks in which f's or g's neuron is not decided, active or not."""
    if phases.by_phase(box):
        return phases.undecided(box)
    return np.asarray(((box[ZL] < 0) & (box[ZU] > 0)) | ((box[GL] < 0) & (box[GU] > 0)))


def with_box(part: Part, k: int, box: Array) -> Part:
    """The part with the blocks of one layer replaced; intervals above it are not renewed."""
    return replace(part, boxes=(*part.boxes[:k], box, *part.boxes[k + 1 :]))


def _support(v: Vertices, h: Array, e: Array, z: Array, d: Array) -> Array:
    terms = h[:, :, None] * v.h + e[:, :, None] * v.e - z[:, :, None] * v.z - d[:, :, None] * v.d
    return np.asarray(terms.max(2))


def _interval(layer: FloatLayer, low: Array, high: Array) -> Array:
    size = np.abs(layer.matrix)
    middle = layer.matrix @ ((low + high) / 2) + layer.offsets
    spare = ROUNDING * (size @ np.maximum(np.abs(low), np.abs(high)) + np.abs(layer.offsets))
    radius = size @ ((high - low) / 2) + spare
    n = layer.blocks
    bottom, top = middle - radius, middle + radius
    bottom[:n], top[:n] = _decided(bottom[:n], top[:n], spare[:n])
    return np.stack([bottom[:n], top[:n], bottom[n:], top[n:], bottom[:n] + bottom[n:], top[:n] + top[n:]])


def _decided(low: Array, high: Array, spare: Array | float) -> tuple[Array, Array]:
    """Bounds of f's values, exactly 0 where they are 0 as far as rounding shows: the checker sees kinks on corners."""
    return np.where((low < 0) & (low >= -4 * spare), 0.0, low), np.where((high > 0) & (high <= 4 * spare), 0.0, high)


def _meet(a: Array, b: Array) -> Array:
    if phases.by_phase(a):
        met = a.copy()
        met[[ZL, DL]], met[[ZU, DU]] = np.maximum(a[[ZL, DL]], b[[ZL, DL]]), np.minimum(a[[ZU, DU]], b[[ZU, DU]])
        return phases.narrowed(met)
    lows, highs = np.maximum(a[0::2], b[0::2]), np.minimum(a[1::2], b[1::2])
    return _closed(np.stack([lows[0], highs[0], lows[1], highs[1], lows[2], highs[2]]))


def _closed(box: Array) -> Array:
    if phases.by_phase(box):
        return phases.narrowed(box)
    box[GL] = np.maximum(box[GL], box[ZL] + box[DL])
    box[GU] = np.minimum(box[GU], box[ZU] + box[DU])
    return box


def _floats(matrix: fmpq_mat) -> Array:
    values = [int(v.p) / int(v.q) if v else 0.0 for v in matrix.entries()]  # there are many: no call for each
    return np.array(values).reshape(matrix.nrows(), matrix.ncols())


def _float(value: fmpq) -> float:
    return int(value.p) / int(value.q) if value else 0.0
