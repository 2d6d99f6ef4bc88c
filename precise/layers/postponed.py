"""The weights that a neuron feeds on, of a neuron so rarely on that no walk on the next layer's surfaces saw it act.

They were taken as 0 until everything behind the neuron was known. Where the neuron begins to be on, the gradient of the
network jumps by a multiple of the neuron's own gradient, and that multiple is linear in its weights: sum over the next
layer's active neurons i of C_i w_i, with C the known gradient behind that layer. Places on the neuron's surface with
different activation patterns behind it give the equations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from random import Random

import numpy as np
from flint import fmpq, fmpz_mat

from precise.arithmetic import common_denominator, primitive
from precise.equations.row_system import RowSystem
from precise.layers.expansion import downstream
from precise.layers.output_layer import OutputRow
from precise.regions.aim import random_points, to_point
from precise.regions.climb import climb, highest, steps
from precise.regions.corners import along, directions, ratio, sides
from precise.regions.float_layers import FloatLayers, relative
from precise.regions.hyperplane import Hyperplane, Vector, onto
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import Direction, Point, Probe
from precise.regions.walk import flipped
from precise.signatures.reach import halved

POOL = 4096  # random points, from the best of which it is climbed to where the neuron is on
CLIMBERS, ROUNDS = 32, 48
ARRIVED = 0.75  # of the climbers, after which the others are not waited for
SEGMENTS = 512  # from there to other points
HALVINGS = 53  # of a segment: to float64 accuracy
PLACES = 128  # asked at most
MORE_PLACES = 8  # and for each neuron of the next layer that was off at all of these
NEAR = 16  # segments from each point where both are on
REDUNDANT = 3  # equations beyond full rank; each holds by chance once in 2^60
LARGE_BITS = 80  # a weight this much larger than all others decides the side of its row


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
    apart: Pattern  # the same, but that another side of the same neuron is off there as well
    normal: tuple[int, ...]  # the neuron's gradient


def solve_postponed(
    probe: Probe,
    known: Known,
    outputs: Sequence[OutputRow],
    layer: int,
    neuron: int,
    random: Random,
    near: Sequence[Point] = (),
) -> Solved:
    """Solve the weights of `neuron` of layer `layer` (from 0) in the next one, and write them into the known part.

    A next-layer neuron that is off at all places is given a weight so far below 0 that it stays off.

    Args:
        known: all hidden layers, with 0 for these weights; changed in place.
        near: points by the neuron's surface that are looked at before others.

    Raises:
        BudgetExceeded, OracleError, PrecisionError: from the oracle.
    """
    generator = np.random.default_rng(random.getrandbits(64))
    tests = directions(known.inputs, random)
    following = known.layers[layer + 1]
    weights = {i: fmpq(row.plus[neuron]) for i, row in enumerate(following) if row.plus[neuron]}  # walks saw these
    system, ever_on = RowSystem(len(following)), set[int]()
    if weights:
        system.add([[*(int(c == i) for c in range(len(following))), fmpq(0)] for i in weights])

    calm: list[list[list[fmpq | int]]] = []

    def take(equations: list[list[fmpq | int]]) -> None:
        ever_on.update(i for equation in equations for i, share in enumerate(equation[:-1]) if share)
        system.add(equations)

    def learn(places: Iterator[_Place], most: int) -> None:
        for place in islice(places, most):
            if system.complete and system.redundant >= REDUNDANT:
                break
            told = _jump(probe, known, outputs, place, layer + 1, tests)
            if told is None:  # more is missing there
                continue
            equations = [_without(weights, behind, step) for behind, step in told]
            if not any(step for _, step in told):  # nothing bends there, perhaps for want of what keeps it off
                calm.append(equations)
            elif system.accepts(equations):
                take(equations)

    learn(_beside_all(known, layer, neuron, near), PLACES)
    learn(_places(known, layer, neuron, generator), PLACES)
    for number in _weights(system)[1]:
        if number not in ever_on:
            learn(_places(known, layer, neuron, generator, number), MORE_PLACES)
    for equations in calm:
        if system.accepts(equations):
            take(equations)
    found, unseen = _weights(system)
    large = max((abs(w) for row in following for w in (*row.plus, row.bias)), default=1) << LARGE_BITS
    found = [fmpq(-large) if i in unseen and i not in ever_on else w for i, w in enumerate(found)]
    found = [weights.get(i, w) for i, w in enumerate(found)]
    return Solved(with_weights(known, outputs, layer + 1, neuron, found), tuple(unseen))


def _jump(
    probe: Probe,
    known: Known,
    outputs: Sequence[OutputRow],
    place: _Place,
    layer: int,
    tests: Sequence[Direction],
) -> list[tuple[list[fmpq], fmpq]] | None:
    """(gradient behind a layer, how many times the neuron's own gradient it jumps by) of every output; None if
    an output is not as known where the neuron is off, or does not jump by a multiple."""
    found = []
    pieces = probe.of_every_output([place.positive, place.negative], tests)
    for output, (high, low) in zip(outputs, pieces, strict=True):
        behind = downstream(known, place.pattern, output, layer)
        apart = _slopes(known, place.pattern, behind, layer, tests)
        if list(low.slopes) != apart:
            return None
        if place.apart != place.pattern:
            apart = _slopes(known, place.apart, downstream(known, place.apart, output, layer), layer, tests)
        step = ratio([a - b for a, b in zip(high.slopes, apart, strict=True)], along(place.normal, tests))
        if step is None:
            return None
        found.append((behind, step))
    return found


def _without(weights: Mapping[int, fmpq], behind: Sequence[fmpq], step: fmpq) -> list[fmpq | int]:
    """The equation sum of behind_i w_i = step for the unknown w, in integers; some are known already."""
    right = step - sum((behind[i] * weight for i, weight in weights.items()), fmpq(0))
    left = [fmpq(0) if i in weights else share for i, share in enumerate(behind)]
    scale = common_denominator([*left, right])
    return [*(int((share * scale).p) for share in left), right * scale]


def solve_last(
    probe: Probe, known: Known, outputs: Sequence[OutputRow], neuron: int, random: Random, near: Sequence[Point] = ()
) -> tuple[OutputRow, ...] | None:
    """Every output's weight of a neuron of the last hidden layer as most places show it; None when none shows it.

    Args:
        outputs: with any weight for the neuron; right where it is off.
        near: points by the neuron's surface that are looked at before others.

    Raises:
        BudgetExceeded, OracleError, PrecisionError: from the oracle.
    """
    generator = np.random.default_rng(random.getrandbits(64))
    tests = directions(known.inputs, random)
    last = len(known.layers) - 1
    told: list[tuple[fmpq, ...]] = []
    for place in islice(chain(_beside_all(known, last, neuron, near), _places(known, last, neuron, generator)), PLACES):
        jumps = _jump(probe, known, outputs, place, last, tests)
        if jumps is not None:
            told.append(tuple(step for _, step in jumps))
        if len(told) > REDUNDANT:
            break
    if not told:
        return None
    ((most, _),) = Counter(told).most_common(1)
    return tuple(
        OutputRow(tuple(step if n == neuron else w for n, w in enumerate(row.weights)), row.bias)
        for row, step in zip(outputs, most, strict=True)
    )


def _slopes(
    known: Known, pattern: Pattern, behind: Sequence[fmpq], layer: int, tests: Sequence[Direction]
) -> list[fmpq]:
    """The known part's slopes in a region, from the gradient with respect to a layer's preactivations."""
    scale = common_denominator(behind)
    gradient = fmpz_mat([[int((v * scale).p) for v in behind]]) * known.affine(layer, pattern)
    return [fmpq(v, scale) for v in along([int(g) for g in gradient.tolist()[0][:-1]], tests)]


def _weights(system: RowSystem) -> tuple[list[fmpq], list[int]]:
    """A solution, with 0 for the loose unknowns, and which unknowns it does not determine."""
    table, pivots = system.reduced()
    loose = [c for c in range(system.unknowns) if c not in pivots]
    unseen = loose + [p for p, row in zip(pivots, table, strict=True) if any(row[c] for c in loose)]
    full = RowSystem(system.unknowns)
    full.add([*system.equations, *([int(c == n) for c in range(system.unknowns)] + [0] for n in loose)])
    return full.solve() or [fmpq(0)] * system.unknowns, sorted(unseen)


def with_weights(
    known: Known, outputs: Sequence[OutputRow], layer: int, neuron: int, weights: Sequence[fmpq]
) -> tuple[OutputRow, ...]:
    """Put the weights for a neuron below into a layer's rows; these stay integers, so that scales change from there on.

    Args:
        known: changed in place.

    Returns:
        The outputs over the known part as it is then.
    """
    rows = vectors(known, outputs, layer)
    for row, weight in zip(rows, weights, strict=True):
        row[neuron] = weight
    return with_rows(known, outputs, layer, rows)


def vectors(known: Known, outputs: Sequence[OutputRow], layer: int) -> list[list[fmpq]]:
    """(weights ..., bias) of every neuron of a layer, or of the outputs behind the last one."""
    if layer == len(known.layers):
        return [[*output.weights, output.bias] for output in outputs]
    return [[*map(fmpq, row.plus), fmpq(row.bias)] for row in known.layers[layer]]


def with_rows(
    known: Known, outputs: Sequence[OutputRow], layer: int, rows: Sequence[Sequence[fmpq]]
) -> tuple[OutputRow, ...]:
    """Put (weights ..., bias) in the place of a layer's rows, or of the outputs; see `with_weights`."""
    for number in range(layer, len(known.layers)):
        whole = [[int(v.p) for v in primitive(row)] for row in rows]
        factors = [_factor(new, old) for new, old in zip(whole, rows, strict=True)]
        known.layers[number] = [
            replace(row, plus=tuple(new[:-1]), minus=row.minus[: len(new) - 1], bias=new[-1])
            for row, new in zip(known.layers[number], whole, strict=True)
        ]
        rows = [
            [*(w / f for w, f in zip(row, factors, strict=False)), row[-1]]
            for row in vectors(known, outputs, number + 1)
        ]
    known.changed()
    return tuple(OutputRow(tuple(row[:-1]), row[-1]) for row in rows)


def _factor(new: Sequence[int], old: Sequence[fmpq]) -> fmpq:
    """new / old, which is positive."""
    lead = next((n for n, v in enumerate(old) if v), None)
    return fmpq(1) if lead is None else fmpq(new[lead]) / old[lead]


# -- places ------------------------------------------------------------------------------------------------------------


def _places(
    known: Known, layer: int, neuron: int, generator: np.random.Generator, behind: int | None = None
) -> Iterator[_Place]:
    """Places on the neuron's surface, one a pattern of all layers, in random order; nothing is asked.

    Args:
        behind: a neuron of the next layer that is to be on there.
    """
    seen: set[Pattern] = set()
    if behind is None:
        points = _surface_points(known, layer, neuron, generator)
    else:
        points = _points_before(known, layer, neuron, behind, generator)
    for point in points:
        place = _beside(known, layer, neuron, to_point(point))
        if place is not None and place.pattern not in seen:
            seen.add(place.pattern)
            yield place


def _surface_points(known: Known, layer: int, neuron: int, generator: np.random.Generator) -> Vector:
    """Where segments cross the neuron's surface, to float64 accuracy, shape (points, inputs)."""
    values = _values(known, layer, neuron)
    pool = random_points(known, generator, POOL)
    points = _climbed(pool, values, generator)
    on, off = points[values(points) > 0], pool[values(pool) <= 0]
    if not len(on) or not len(off):
        return pool[:0]
    return _crossings(generator.choice(on, SEGMENTS), generator.choice(off, SEGMENTS), values)


def _points_before(known: Known, layer: int, neuron: int, behind: int, generator: np.random.Generator) -> Vector:
    """The same where a neuron of the next layer is on, near points where both are."""
    on = on_together(known, layer, neuron, known.layers[layer + 1][behind], generator)
    if not len(on):
        return on
    first, second = _values(known, layer, neuron), _values(known, layer + 1, behind)
    on = np.repeat(on, NEAR, axis=0)
    off = on + steps(on, random_points(known, generator, POOL), generator, 1)[:, 0]
    beside = first(off) <= 0
    found = _crossings(on[beside], off[beside], first)
    return found[second(found) > 0] if len(found) else found


def on_together(known: Known, layer: int, neuron: int, row: Row, generator: np.random.Generator) -> Vector:
    """Points climbed to at which a neuron and a row over its layer are on, if there are any; nothing is asked."""
    pool = random_points(known, generator, POOL)
    floats = FloatLayers(Known(known.inputs, [*known.layers[: layer + 1], [row]]))

    def values(points: Vector) -> Vector:
        below, last = floats.topmost(points, 2)
        return np.stack([below[:, neuron], last[:, 0]], axis=1)

    sizes = np.median(np.abs(values(pool)), axis=0)
    sizes[sizes == 0] = 1.0
    single = [
        _climbed(pool, lambda points: values(points)[:, 0], generator),
        _climbed(pool, lambda points: values(points)[:, 1], generator),
    ]
    points = _climbed(
        np.concatenate([pool, *single]), lambda points: relative(values(points), sizes).min(axis=1), generator
    )
    return points[(values(points) > 0).all(axis=1)]


def _values(known: Known, layer: int, neuron: int) -> Callable[[Vector], Vector]:
    """The neuron's preactivation."""
    floats = FloatLayers(Known(known.inputs, known.layers[: layer + 1]))

    def values(points: Vector) -> Vector:
        found: Vector = floats.topmost(points)[0][:, neuron]
        return found

    return values


def _climbed(pool: Vector, values: Callable[[Vector], Vector], generator: np.random.Generator) -> Vector:
    """Points with high values, over their sizes."""

    def score(tried: Vector) -> Vector:
        flat = tried.reshape(-1, tried.shape[2])
        relative: Vector = (values(flat) / (np.linalg.norm(flat, axis=1) + 1.0)).reshape(tried.shape[:2])
        return relative

    points = highest(pool, score, CLIMBERS)
    for _ in range(ROUNDS):
        if (values(points) > 0).mean() >= ARRIVED:
            break
        points = climb(points, score, pool, generator)
    return points


def _crossings(on: Vector, off: Vector, values: Callable[[Vector], Vector]) -> Vector:
    """Where segments cross to where these values are not positive."""
    low, high = halved(off, on, lambda middle: values(middle) <= 0, HALVINGS)
    middles: Vector = (low + high) / 2
    return middles


def _beside_all(known: Known, layer: int, neuron: int, points: Sequence[Point]) -> Iterator[_Place]:
    """The places at these points, where there is one."""
    return filter(None, (_beside(known, layer, neuron, point) for point in points))


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
    crossing = known.crossing(layer, neuron)
    alone = flipped(positive, layer, crossing) == negative and positive[layer][neuron]
    apart = flipped(negative, layer, [n for n in crossing if negative[layer][n]])
    return _Place(both[0], both[1], negative, apart, tuple(row[:-1])) if alone else None


__all__ = ["Solved", "on_together", "solve_last", "solve_postponed", "vectors", "with_rows", "with_weights"]
