"""The weights that a neuron feeds on, of a neuron so rarely on that no walk on the next layer's surfaces saw it act.

They were taken as 0 until everything behind the neuron was known. Where the neuron begins to be on, the gradient of the
network jumps by a multiple of the neuron's own gradient, and that multiple is linear in its weights: sum over the next
layer's active neurons i of C_i w_i, with C the known gradient behind that layer. Places on the neuron's surface with
different activation patterns behind it give the equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from flint import fmpq, fmpq_mat

from precise.arithmetic import common_denominator, primitive
from precise.equations.row_system import RowSystem
from precise.layers.expansion import downstream
from precise.layers.output_layer import OutputRow
from precise.regions.aim import random_points, to_point
from precise.regions.climb import climb, highest
from precise.regions.corners import along, directions, jump, ratio, sides
from precise.regions.float_layers import FloatLayers
from precise.regions.hyperplane import Hyperplane, Vector, onto
from precise.regions.local_map import Known, Pattern
from precise.regions.probe import Point, Probe
from precise.signatures.reach import LARGE_BITS, halved

POOL = 4096  # random points, from the best of which it is climbed to where the neuron is on
CLIMBERS, ROUNDS = 32, 48
SEGMENTS = 512  # from there to other points
HALVINGS = 53  # of a segment: to float64 accuracy
PLACES = 128  # asked at most
REDUNDANT = 3  # equations beyond full rank; each holds by chance once in 2^60


@dataclass(frozen=True)
class Solved:
    """The outputs over the known part as it is now, and what could not be seen."""

    outputs: tuple[OutputRow, ...]
    unseen: tuple[int, ...]  # neurons of the next layer whose weight is not known


@dataclass(frozen=True)
class _Place:
    """A place on the neuron's surface: a point on either side of it, and the pattern of all layers where it is off."""

    positive: Point
    negative: Point
    pattern: Pattern
    normal: tuple[int, ...]  # the neuron's gradient


def solve_postponed(
    probe: Probe, known: Known, outputs: Sequence[OutputRow], layer: int, neuron: int, random: Random
) -> Solved:
    """Solve the weights of `neuron` of layer `layer` (from 0) in the next one, and write them into the known part.

    A next-layer neuron that is off at all places is given a weight so far below 0 that it stays off.

    Args:
        known: all hidden layers, with 0 for these weights; changed in place.

    Raises:
        BudgetExceeded, OracleError, PrecisionError: from the oracle.
    """
    generator = np.random.default_rng(random.getrandbits(64))
    tests = directions(known.inputs, random)
    scalar = _combined(outputs, probe.choice)
    following = known.layers[layer + 1]
    weights = {i: fmpq(row.plus[neuron]) for i, row in enumerate(following) if row.plus[neuron]}  # walks saw these
    system, ever_on, asked = RowSystem(len(following)), set[int](), 0
    if weights:
        system.add([[*(int(c == i) for c in range(len(following))), fmpq(0)] for i in weights])
    for place in _places(known, layer, neuron, generator):
        if asked == PLACES or (system.complete and system.redundant >= REDUNDANT):
            break
        behind = downstream(known, place.pattern, scalar, layer + 1)
        told = sum((behind[i] * weight for i, weight in weights.items()), fmpq(0))
        behind = [fmpq(0) if i in weights else share for i, share in enumerate(behind)]
        on = {i for i, share in enumerate(behind) if share}
        asked += 1
        high, low = probe.pieces([place.positive, place.negative], tests)
        step = ratio(jump(high, low), along(place.normal, tests))
        if step is None:
            continue
        scale = common_denominator([*behind, step - told])
        equation: list[fmpq | int] = [*(int((share * scale).p) for share in behind), (step - told) * scale]
        if system.accepts([equation]):
            ever_on |= on
            system.add([equation])
    found, unseen = _weights(system)
    large = max((abs(w) for row in following for w in (*row.plus, row.bias)), default=1) << LARGE_BITS
    found = [fmpq(-large) if i in unseen and i not in ever_on else w for i, w in enumerate(found)]
    found = [weights.get(i, w) for i, w in enumerate(found)]
    return Solved(_written(known, outputs, layer + 1, neuron, found), tuple(unseen))


def _weights(system: RowSystem) -> tuple[list[fmpq], list[int]]:
    """A solution, with 0 for the loose unknowns, and which unknowns it does not determine."""
    table, pivots = system.reduced()
    loose = [c for c in range(system.unknowns) if c not in pivots]
    unseen = loose + [p for p, row in zip(pivots, table, strict=True) if any(row[c] for c in loose)]
    full = RowSystem(system.unknowns)
    full.add([*system.equations, *([int(c == n) for c in range(system.unknowns)] + [0] for n in loose)])
    return full.solve() or [fmpq(0)] * system.unknowns, sorted(unseen)


def _combined(outputs: Sequence[OutputRow], choice: Sequence[int]) -> OutputRow:
    """The scalar that the probe reads."""
    both = fmpq_mat([list(choice)]) * fmpq_mat([[*row.weights, row.bias] for row in outputs])
    *weights, bias = both.tolist()[0]
    return OutputRow(tuple(weights), bias)


def _written(
    known: Known, outputs: Sequence[OutputRow], layer: int, neuron: int, weights: Sequence[fmpq]
) -> tuple[OutputRow, ...]:
    """Put the weights into the layer's rows; rows stay integers, so that their scales change from there on."""
    factors = [fmpq(1)] * len(known.layers[layer - 1])
    for number in range(layer, len(known.layers)):
        rows = [[*map(fmpq, row.plus), fmpq(row.bias)] for row in known.layers[number]]
        if number == layer:
            for row, weight in zip(rows, weights, strict=True):
                row[neuron] = weight
        rows = [[*(w / f for w, f in zip(row, factors, strict=False)), row[-1]] for row in rows]
        whole = [[int(v.p) for v in primitive(row)] for row in rows]
        factors = [_factor(new, old) for new, old in zip(whole, rows, strict=True)]
        known.layers[number] = [
            replace(row, plus=tuple(new[:-1]), bias=new[-1])
            for row, new in zip(known.layers[number], whole, strict=True)
        ]
    known.changed()
    return tuple(
        OutputRow(tuple(w / f for w, f in zip(row.weights, factors, strict=True)), row.bias) for row in outputs
    )


def _factor(new: Sequence[int], old: Sequence[fmpq]) -> fmpq:
    """new / old, which is positive."""
    lead = next((n for n, v in enumerate(old) if v), None)
    return fmpq(1) if lead is None else fmpq(new[lead]) / old[lead]


# -- places ------------------------------------------------------------------------------------------------------------


def _places(known: Known, layer: int, neuron: int, generator: np.random.Generator) -> Iterator[_Place]:
    """Places on the neuron's surface, one a pattern of all layers, in random order; nothing is asked."""
    seen: set[Pattern] = set()
    upto = Known(known.inputs, known.layers[: layer + 1])
    for point in _surface_points(upto, neuron, generator):
        place = _beside(known, layer, neuron, to_point(point))
        if place is not None and place.pattern not in seen:
            seen.add(place.pattern)
            yield place


def _surface_points(known: Known, neuron: int, generator: np.random.Generator) -> Vector:
    """Where segments cross the surface of a neuron of the last layer, to float64 accuracy, shape (points, inputs)."""
    floats = FloatLayers(known)

    def values(points: Vector) -> Vector:
        found: Vector = floats.preactivations(points)[-1][:, neuron]
        return found

    def score(tried: Vector) -> Vector:
        flat = tried.reshape(-1, tried.shape[2])
        relative: Vector = (values(flat) / (np.linalg.norm(flat, axis=1) + 1.0)).reshape(tried.shape[:2])
        return relative

    pool = random_points(known, generator, POOL)
    points = highest(pool, score, CLIMBERS)
    for _ in range(ROUNDS):
        points = climb(points, score, pool, generator)
    on, off = points[values(points) > 0], pool[values(pool) <= 0]
    if not len(on) or not len(off):
        return pool[:0]
    high, low = generator.choice(on, SEGMENTS), generator.choice(off, SEGMENTS)
    low, high = halved(low, high, lambda middle: values(middle) <= 0, HALVINGS)
    middles: Vector = (low + high) / 2
    return middles


def _beside(known: Known, layer: int, neuron: int, point: Point) -> _Place | None:
    """The place at a point near the surface, if no other known neuron changes state there."""
    (pattern,) = known.patterns([point])
    row = [int(v) for v in known.affine(layer, pattern).tolist()[neuron]]
    if not any(row[:-1]):
        return None
    plane = Hyperplane.through([fmpq(v) for v in row])
    at = onto(point, [plane])
    if at is None:
        return None
    both = sides(at, plane)
    positive, negative = known.patterns(both)
    turned = [*positive[layer]]
    turned[neuron] = not turned[neuron]
    alone = (*positive[:layer], tuple(turned), *positive[layer + 1 :]) == negative and positive[layer][neuron]
    return _Place(both[0], both[1], negative, tuple(row[:-1])) if alone else None


__all__ = ["Solved", "solve_postponed"]
