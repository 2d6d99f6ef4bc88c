"""The search for inputs that refute a claim: gradients, random starts and pushes off the kinks, in float64.

What it finds is a candidate; `claim.replay` decides in exact arithmetic. The joint network keeps differences
as their own numbers, so that a difference of 1e-30 has a gradient as good as one of order 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from flint import fmpq

from precise.network import Network
from verify.checker.joint import Row
from verify.differential.bounds import Array, FloatLayer
from verify.properties.domain import Domain

STEPS = tuple(0.3 * 0.5**n for n in range(24))  # of the domain's width, down to 2e-8 of it
NEIGHBOURS = 16  # float64 points that are tried beside the nearest one
PUSHES = (0.0, 1e-9, 1e-7, 1e-5)  # of the way to the centre: off the border of a linear region


def outputs(layers: Sequence[FloatLayer], points: Array) -> Array:
    """(f's outputs, differences) at points of shape (points, inputs): shape (points, 2 outputs)."""
    state = points
    for layer in layers[:-1]:
        state = _states(state @ layer.matrix.T + layer.offsets, layer.blocks)
    return np.asarray(state @ layers[-1].matrix.T + layers[-1].offsets)


def preactivations(layers: Sequence[FloatLayer], point: Array) -> list[Array]:
    """(z, d) of every hidden layer at one point, each of shape (2 blocks,)."""
    found, state = [], point[None, :]
    for layer in layers[:-1]:
        found.append(state @ layer.matrix.T + layer.offsets)
        state = _states(found[-1], layer.blocks)
    return [values[0] for values in found]


def gradients(layers: Sequence[FloatLayer], points: Array, row: Array) -> Array:
    """Gradients of row . outputs in the inputs, shape (points, inputs)."""
    masks, state = [], points
    for layer in layers[:-1]:
        values = state @ layer.matrix.T + layer.offsets
        z, d = values[:, : layer.blocks], values[:, layer.blocks :]
        masks.append((z > 0, np.where(z > 0, d > -z, z + d > 0)))
        state = _states(values, layer.blocks)
    alpha = np.broadcast_to(row @ layers[-1].matrix, state.shape)
    for layer, (first, second) in zip(reversed(layers[:-1]), reversed(masks)):
        h, e = alpha[:, : layer.blocks], alpha[:, layer.blocks :]
        # max(0, g) has slope 1 in z and in d where g > 0, max(0, z) in z where z > 0
        z = h * first + e * (second.astype(float) - first)
        alpha = np.concatenate([z, e * second], axis=1) @ layer.matrix
    return alpha


def climb(
    layers: Sequence[FloatLayer],
    lower: Array,
    upper: Array,
    row: Array,
    starts: Array,
    inside: Array | None = None,
) -> Array:
    """Points that make row . outputs large, best first: signed gradient steps of shrinking length.

    Args:
        layers: the joint network.
        lower: of the box, shape (inputs,).
        upper: of the box.
        row: over (f's outputs, differences).
        starts: shape (points, inputs).
        inside: tells which points to keep to: a function of the domain's half-spaces given as a pair
            (normals | bounds) of shape (half-spaces, inputs + 1); None: the box alone.
    """
    best = np.clip(starts, lower, upper)
    values = outputs(layers, best) @ row
    uphill = np.sign(gradients(layers, best, row))
    for step in STEPS:
        moving = np.arange(len(best))
        for _ in range(3):
            here = np.clip(best[moving] + step * (upper - lower) * uphill[moving], lower, upper)
            if inside is not None:
                here = _back_inside(best[moving], here, inside)
            fresh = outputs(layers, here) @ row
            better = fresh > values[moving]
            moving = moving[better]  # the others would try the same point again
            if not len(moving):
                break
            best[moving], values[moving] = here[better], fresh[better]
            uphill[moving] = np.sign(gradients(layers, best[moving], row))
    return np.asarray(best[np.argsort(-values)])


def _back_inside(feasible: Array, wanted: Array, facets: Array) -> Array:
    """Points on the way from a feasible point to the wanted one, as far as every half-space allows."""
    normals, bounds = facets[:, :-1], facets[:, -1]
    slack, rise = bounds - feasible @ normals.T, (wanted - feasible) @ normals.T
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(rise > 0, np.maximum(slack, 0.0) / rise, 1.0)
    way = np.minimum(share.min(axis=1, initial=1.0), 1.0)[:, None]
    return np.asarray(feasible + way * (wanted - feasible))


def starts(lower: Array, upper: Array, count: int, seed: int) -> Array:
    """The centre, random points and random corners of a box, shape (count, inputs)."""
    generator = np.random.default_rng(seed)
    shares = generator.random((count, len(lower)))
    shares[0] = 0.5
    shares[1::2] = shares[1::2].round()
    return lower + shares * (upper - lower)


def exact_points(domain: Domain, point: Array, centre: Sequence[fmpq] | None) -> Iterator[Row]:
    """The exact point behind a float one, put into the box exactly, then pushed towards an inner point."""
    exact = [fmpq(*map(int, float(v).as_integer_ratio())) for v in point]
    inside = [min(max(v, a), b) for v, a, b in zip(exact, domain.lower, domain.upper)]
    for push in PUSHES if centre is not None else PUSHES[:1]:
        share = fmpq(*map(int, float(push).as_integer_ratio()))
        yield inside if push == 0 else [v + share * (c - v) for v, c in zip(inside, centre or inside)]


def float_points(domain: Domain, point: Sequence[fmpq]) -> Iterator[Row]:
    """Float64 points around an exact one: the nearest, the nearest in the box, and random neighbours in the box."""
    nearest = [_float64(v) for v in point]
    yield _exactly(nearest)
    inside = [_moved_in(v, a, b) for v, a, b in zip(nearest, domain.lower, domain.upper)]
    yield _exactly(inside)
    generator = np.random.default_rng(0)
    for _ in range(NEIGHBOURS):
        aims = generator.choice([-np.inf, 0.0, np.inf], len(inside))
        steps = [v if aim == 0 else float(np.nextafter(v, aim)) for v, aim in zip(inside, aims)]
        yield _exactly([_moved_in(v, a, b) for v, a, b in zip(steps, domain.lower, domain.upper)])


def _float64(value: fmpq) -> float:
    return int(value.p) / int(value.q)


def _moved_in(value: float, lower: fmpq, upper: fmpq) -> float:
    """The value, or a float64 next to the bound that it breaks; a box may be too thin to hold one."""
    exact = fmpq(*map(int, value.as_integer_ratio()))
    if exact < lower:
        return float(np.nextafter(value, np.inf))
    return float(np.nextafter(value, -np.inf)) if exact > upper else value


def _exactly(values: Sequence[float]) -> Row:
    return [fmpq(*map(int, v.as_integer_ratio())) for v in values]


def between_classes(first: Network, second: Network, one: Row, other: Row) -> Row | None:
    """An exact point between the decision borders of f and of g on a segment, if they cross it apart.

    f's class differs at the two ends. The segment is halved around the change until both networks are affine
    on it; then both borders are solved for, and the middle is taken.
    """
    for _ in range(200):
        middle = [(a + b) / 2 for a, b in zip(one, other)]
        pattern = [_pattern(n, p) for n in (first, second) for p in (one, other)]
        i, j = _leader(first(one)), _leader(first(other))
        if i == j:
            return None
        if pattern[0] == pattern[1] and pattern[2] == pattern[3]:
            shares = [_crossing(n, one, other, i, j) for n in (first, second)]
            if shares[0] is None or shares[1] is None or shares[0] == shares[1]:
                return None
            share = min(max((shares[0] + shares[1]) / 2, fmpq(0)), fmpq(1))
            return [a + share * (b - a) for a, b in zip(one, other)]
        one, other = (middle, other) if _leader(first(middle)) == i else (one, middle)
    return None


def _pattern(network: Network, point: Row) -> list[list[int]]:
    return network.activation_pattern(point)


def _leader(values: Sequence[fmpq]) -> int:
    return max(range(len(values)), key=lambda k: values[k])


def _crossing(network: Network, one: Row, other: Row, i: int, j: int) -> fmpq | None:
    """Where on the segment (0 to 1) outputs i and j are equal, for a network that is affine on it."""
    (a, b), (c, d) = ((v[i], v[j]) for v in (network(one), network(other)))
    return (a - b) / ((a - b) - (c - d)) if a - b != c - d else None


def _states(values: Array, blocks: int) -> Array:
    z, d = values[:, :blocks], values[:, blocks:]
    g = z + d
    e = np.where(z >= 0, np.where(d >= -z, d, -z), np.where(g >= 0, g, 0.0))
    return np.concatenate([np.maximum(z, 0.0), e], axis=1)
