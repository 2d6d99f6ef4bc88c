"""The output layer, and with it the signs of the last hidden layer.

Every region gives exact linear equations for an output's coefficients of relu(eta_j) and relu(-eta_j): its gradient and
its constant. Points on both sides of every neuron make them complete (cf. Carlini, Jagielski and Mironov, CRYPTO 2020,
section 4.5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product
from random import Random

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from precise.arithmetic import common_denominator
from precise.equations.row_system import RowSystem
from precise.equations.superfluous import superfluous
from precise.layers.open_weights import OpenWeights, Weights, WeightsBesideLinear
from precise.regions.aim import random_line, to_point
from precise.regions.corners import ACROSS, directions, sides
from precise.regions.extremes import Extremes
from precise.regions.hyperplane import Hyperplane, displaced
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import FRACTION_BITS, Direction, Piece, Point, Probe
from precise.signs.below import LayerBelow

SLOPES = 12  # random directions along which a region's gradient is compared; many regions make up for the rest
FRESH_POINTS = (
    24,
    48,
    96,
    192,
)  # random points whose equations must hold as well: the next while coefficients are open


@dataclass(frozen=True)
class OutputRow:
    """One output: sum of weights[j] relu(eta_j), plus bias."""

    weights: tuple[fmpq, ...]
    bias: fmpq


@dataclass(frozen=True)
class OutputResult:
    """The rows of the output layer, or the reason why there are none."""

    rows: tuple[OutputRow, ...]
    redundant: int  # equations that held beyond full rank
    reason: str = ""
    contradicted: Point | None = None  # a point whose region the known neurons cannot explain
    accounted: frozenset[tuple[int, int]] = frozenset()  # (row, feature) that are lacking, with which it is right
    together: frozenset[tuple[int, int]] = frozenset()  # those of them that act, which others can do as well


@dataclass(frozen=True)
class _Region:
    """What is known around a point: one entry a test direction, and one for the value at the point."""

    point: Point
    pattern: Pattern
    own: list[list[int]]  # preactivations of the last layer, without weights that it lacks
    features: list[list[int]]  # those of the layer below
    outputs: list[list[fmpq | int]]  # what every output does

    def told(self, weights: Weights, separate: bool) -> _Told:
        silent = weights.silent(self.pattern)
        more = weights.columns(self.own, self.features, self.pattern) if weights.pairs else None
        blocks = [_equations(self.own, self.pattern, right, separate, silent, more) for right in self.outputs]
        return _Told(self.point, blocks)


@dataclass(frozen=True)
class _Told:
    """The equations of every output that the region around a point gives."""

    point: Point
    blocks: list[list[list[fmpq | int]]]

    @cached_property
    def acting(self) -> set[int]:
        """The unknowns, the same ones for every output, that act there."""
        return {unknown for *entries, _ in self.blocks[0] for unknown, v in enumerate(entries) if v}


def solve_outputs(
    probe: Probe,
    known: Known,
    below: LayerBelow,
    witnesses: Sequence[Point],
    random: Random,
    left_out: float = 0.0,
    lacking: Set[tuple[int, int, int]] = frozenset(),
    orders: int = 1,
    leave_open: bool = False,
    near: float | None = None,
) -> OutputResult:
    """Solve every output from regions on both sides of every last-layer neuron and from fresh random regions.

    Decides the signs of the last hidden layer, which may gain rows for neurons that never change state.

    Args:
        below: the last known layer.
        witnesses: a point on the surface of each neuron of it.
        left_out: share of the points, at most, that may contradict the others: where something is on that is missing;
            coefficients that act at none of the points are then 0.
        lacking: (layer, neuron, feature) of weights that are not known. Where those of the last layer act for which a
            number stands, see OpenWeights; where others act, nothing is asked.
        orders: in which points are taken where some may contradict: those that come first count as right.
        leave_open: beside a free linear part, take coefficients that nothing tells as 0: the points avoid lacking
            weights, so that perhaps none has their sides.
        near: the largest coordinate of points; None: they are wherever the known part changes.
    """
    generator = np.random.default_rng(random.getrandbits(64))
    tests = directions(known.inputs, random, SLOPES)
    guesses: list[Weights]
    if below.free:
        guesses = list(WeightsBesideLinear.guesses(known, lacking))
    else:
        guesses = list(OpenWeights.guesses(known, lacking, below.separate))
    if orders > 1:
        del guesses[1:-1]  # each of them would be tried in all orders
    avoided = lacking - {(len(known.layers) - 1, i, p) for i, p in guesses[0].pairs}
    points = [p for n, w in enumerate(witnesses) for p in both_sides(known, n, w)] if near is None else []
    base = len(known.layers[-1]) * (2 if below.separate else 1) + 1
    zero = superfluous(known, len(known.layers) - 1) if below.free else []
    rounds: list[list[_Region]] = []
    failed: OutputResult | None = None
    # At first nothing is left out, which might hide a wrong guess.
    shares = (0.0, left_out) if left_out and len(guesses) > 1 and not below.free else (left_out,)
    for share, weights in product(shares, guesses):
        unknowns = base + len(weights.unknowns)
        told: list[_Told] = []
        for number, count in enumerate(FRESH_POINTS):
            if number == len(rounds):
                points += _random_points(known, generator, count, near)
                rounds.append(_regions(probe, known, points, tests, avoided, guesses[0]))
                points = _unusual(known, generator, count) if near is None else []
            regions = [at for at in rounds[number] if not weights.left_alone(at.pattern)]
            told += [region.told(weights, below.separate) for region in regions]
            systems, used, refused = _agreeing(told, probe.oracle.output_width, unknowns, share, orders, random, zero)
            if refused is not None or not any(system.open_unknowns() for system in systems):
                break
        if refused is not None:
            failed = failed or _contradicted(systems, refused)
            continue
        idle = _leave_idle(systems, used, base) if (left_out or lacking or near is not None) and used else set[int]()
        unknown = {n for system in systems for n, determined in enumerate(system.determined()) if not determined}
        checked = all(system.redundant for system in systems)
        answers = _answers(systems, base, 0 if leave_open and below.free and checked else base)
        if isinstance(answers, OutputResult) or not weights.fits(answers, unknown):
            failed = failed or (answers if isinstance(answers, OutputResult) else None)
            continue
        decided = _decided(known, systems, below, weights, answers, idle, unknown)
        unasked = {p for layer, _, p in avoided if layer == len(known.layers) - 1}
        right = [(i, p) for i, p in weights.pairs if p not in unasked and not weights.aside]
        acting = below.unknown_weights.intersection(_rows(below, weights.unknowns)) if below.free else ()
        return replace(decided, accounted=frozenset(_rows(below, right)), together=frozenset(acting))
    reason = "the outputs would need both sides of neurons that lack weights"
    return failed or OutputResult((), 0, reason)


def _rows(below: LayerBelow, pairs: Iterable[tuple[int, int | None]]) -> Iterator[tuple[int, int]]:
    """(row of the layer as it is now, feature) for every (neuron, feature)."""
    return ((row, p) for i, p in pairs if p is not None for row in below.features[i])


def _contradicted(systems: Sequence[RowSystem], refused: _Told) -> OutputResult:
    pairs = zip(systems, refused.blocks, strict=True)
    number = next(n for n, (system, block) in enumerate(pairs) if not system.accepts(block))
    reason = f"output {number + 1}: the recovered neurons do not explain the oracle, which may have others"
    return OutputResult((), systems[number].redundant, reason, contradicted=refused.point)


def _leave_idle(systems: Sequence[RowSystem], told: Sequence[_Told], base: int) -> set[int]:
    """Take coefficients as 0 that act in no region, and say which; the sign of a neuron of which both do stays open."""
    idle = set(range(base)).difference(*(at.acting for at in told))
    for unknown, system in product(sorted(idle), systems):
        system.add([_single(unknown, system.unknowns)])
    return idle


def _regions(
    probe: Probe,
    known: Known,
    points: Sequence[Point],
    tests: Sequence[Direction],
    lacking: Set[tuple[int, int, int]],
    weights: Weights,
) -> list[_Region]:
    """The regions around these points, but for those where a weight acts that is neither known nor an unknown."""
    patterns, last = known.patterns(points), len(known.layers) - 1
    told = [n for n, pattern in enumerate(patterns) if not any(_acts(known, pattern, *at) for at in lacking)]
    chosen = [points[n] for n in told]
    pieces = probe.of_every_output(chosen, tests)
    found = []
    for n, of_outputs in zip(told, zip(*pieces, strict=True), strict=True):
        own = _local(weights.bare, last, patterns[n], points[n], tests)
        features = _local(known, last - 1, patterns[n], points[n], tests) if weights.pairs else [[] for _ in own]
        found.append(_Region(points[n], patterns[n], own, features, [_right(piece) for piece in of_outputs]))
    return found


def _acts(known: Known, pattern: Pattern, layer: int, neuron: int, feature: int) -> bool:
    """Does what a neuron hands on depend on a weight there for which another number stands, or 0?"""
    stands = known.layers[layer][neuron].plus[feature]
    return known.acts(layer - 1, feature, pattern) and (bool(pattern[layer][neuron]) or not stands)


def _usual_first(told: Sequence[_Told]) -> list[_Told]:
    """Regions in which an unknown acts that hardly ever does come last: what is missing may be on there as well."""
    acting = [at.acting for at in told]
    often = Counter(chain.from_iterable(acting))
    rarest = [min((often[unknown] for unknown in unknowns), default=0) for unknowns in acting]
    return [told[n] for n in sorted(range(len(told)), key=lambda n: -rarest[n])]


def _agreeing(
    told: Sequence[_Told],
    outputs: int,
    unknowns: int,
    left_out: float,
    orders: int,
    random: Random,
    zero: Sequence[int],
) -> tuple[list[RowSystem], list[_Told], _Told | None]:
    """Equations that agree, their regions, and one that contradicts them if more than the share of `left_out` do.

    Args:
        zero: coefficients that are 0.
    """
    order = list(told)
    most = int(left_out * len(order))
    for number in range(orders):
        if left_out:
            random.shuffle(order)
            order = _usual_first(order) if not number else order
        systems = [RowSystem(unknowns) for _ in range(outputs)]
        for unknown, system in product(zero, systems):
            system.add([_single(unknown, unknowns)])
        used, refused = list[_Told](), list[_Told]()
        for at in order:
            pairs = list(zip(systems, at.blocks, strict=True))
            fits = not most or all(system.accepts(block) for system, block in pairs)  # if any may be left out
            if fits:
                for system, block in pairs:
                    system.add(block)
            agrees = fits and all(system.consistent for system in systems)
            (used if agrees else refused).append(at)
            if len(refused) > most:
                break
        if len(refused) <= most:
            return systems, used, None
    return systems, used, refused[-1]


def _answers(systems: Sequence[RowSystem], base: int, first: int) -> list[list[fmpq]] | OutputResult:
    """What the equations of every output tell; unknowns from `first` on that they leave open are 0, last ones first."""
    answers = []
    for number, system in enumerate(systems, 1):
        told = system.determined()
        for unknown in reversed(range(first, system.unknowns)):
            if not told[unknown]:
                system.add([_single(unknown, system.unknowns)])
                told = system.determined()
        answer = system.solve()
        if answer is None:
            reason = f"output {number}: {told[:base].count(False)} of {base} coefficients are left open"
            return OutputResult((), min(system.redundant for system in systems), reason)
        answers.append(answer)
    return answers


def _decided(
    known: Known,
    systems: Sequence[RowSystem],
    below: LayerBelow,
    weights: Weights,
    answers: Sequence[list[fmpq]],
    idle: Set[int],
    unknown: Set[int],
) -> OutputResult:
    """Decide the signs of the last layer by what its outputs are.

    Args:
        idle: coefficients that acted nowhere.
        unknown: coefficients that nothing tells.
    """
    base = systems[0].unknowns - len(weights.unknowns)
    if isinstance(weights, WeightsBesideLinear):
        weights.put_in(known, below, answers, unknown)
    vectors = [answer[:base] for answer in answers]
    linear = [n for n, row in enumerate(known.layers[-1]) if row.linear] if below.free else []
    decision = below.decide(vectors, final=True, untold={p for p, n in enumerate(linear) if n in idle})
    if decision is not None:
        vectors = decision.vectors
    elif below.free:
        vectors = _linear_together(known, vectors)
    if isinstance(weights, OpenWeights) and weights.pairs:
        weights.put_in(known, below, answers, vectors)
    redundant = min(system.redundant for system in systems)
    return OutputResult(tuple(OutputRow(tuple(v[:-1]), v[-1]) for v in vectors), redundant)


def handed_on(rows: Sequence[Row], weights: Sequence[fmpq]) -> list[fmpq]:
    """What an output with these weights of the last layer's rows gets linearly of every feature below."""
    linear = [(row, weight) for row, weight in zip(rows, weights, strict=False) if row.linear]
    return [sum((weight * row.plus[p] for row, weight in linear), fmpq(0)) for p in range(len(rows[0].plus))]


def _linear_together(known: Known, vectors: Sequence[list[fmpq]]) -> list[list[fmpq]]:
    """Outputs over the last layer with one linear row an output, which hands on all that it gets linearly."""
    rows = known.layers[-1]
    linear = [n for n, row in enumerate(rows) if row.linear]
    others = [n for n, row in enumerate(rows) if not row.linear]
    if len(linear) <= len(vectors):
        return list(vectors)
    together, shares = [], []
    for vector in vectors:
        handed = handed_on(rows, vector)
        scale = common_denominator(handed)
        whole = tuple(int((w * scale).p) for w in handed)
        together.append(Row(whole, (0,) * len(whole), 0, linear=True))
        shares.append(fmpq(1, scale))
    known.replace_last([*(rows[n] for n in others), *together])
    return [
        [*(vector[n] for n in others), *(share * (m == number) for m, share in enumerate(shares)), vector[-1]]
        for number, vector in enumerate(vectors)
    ]


def _single(unknown: int, unknowns: int) -> list[fmpq | int]:
    """The equation that an unknown is 0."""
    return [*(int(c == unknown) for c in range(unknowns)), 0]


def equations(
    known: Known, point: Point, pattern: Pattern, piece: Piece, tests: Sequence[Direction], separate: bool
) -> list[list[fmpq | int]]:
    """coefficients . local map = slope along every test direction, and the same for the value at the point.

    Args:
        piece: the oracle's value and its slopes along the test directions.
        separate: are there unknowns for the negative sides as well?
    """
    own = _local(known, len(known.layers) - 1, pattern, point, tests)
    return _equations(own, pattern, _right(piece), separate)


def _equations(
    own: Sequence[Sequence[int]],
    pattern: Pattern,
    right: Sequence[fmpq | int],
    separate: bool,
    silent: Set[int] = frozenset(),
    more: Sequence[Sequence[int]] | None = None,
) -> list[list[fmpq | int]]:
    """One equation for each of the own preactivations: (plus ..., minus ..., bias, more ..., right-hand side)."""
    found: list[list[fmpq | int]] = []
    sides = [(bool(a), j in silent) for j, a in enumerate(pattern[-1])]
    for number, (column, value) in enumerate(zip(own, right, strict=True)):
        plus = [c if a and not off else 0 for c, (a, off) in zip(column, sides, strict=True)]
        minus = [-c if not a and not off else 0 for c, (a, off) in zip(column, sides, strict=True)]
        bias = (1 << FRACTION_BITS) if number == len(own) - 1 else 0
        found.append([*plus, *(minus if separate else ()), bias, *(more[number] if more else ()), value])
    return found


def _local(known: Known, layer: int, pattern: Pattern, point: Point, tests: Sequence[Direction]) -> list[list[int]]:
    """A layer's preactivations along every test direction, then at the point, in units of 2^-FRACTION_BITS."""
    below = known.affine(layer, pattern)
    steps = fmpz_mat([[*test, 0] for test in tests]).transpose()
    place = fmpz_mat([[*point, 1 << FRACTION_BITS]]).transpose()
    columns = [*(below * steps).transpose().tolist(), (below * place).transpose().tolist()[0]]
    return [[int(c) for c in column] for column in columns]


def _right(piece: Piece) -> list[fmpq | int]:
    return [*piece.slopes, piece.value * (1 << FRACTION_BITS)]


def both_sides(known: Known, neuron: int, witness: Point) -> list[Point]:
    """Points just beside a neuron's surface, on either side."""
    plane, *_ = _planes(known, neuron, [witness])
    if not plane.length:
        return []
    points = sides(witness, plane)
    if not _parted(known, neuron, points):  # the witness is a corner, behind which the surface goes on at an angle
        for other in _planes(known, neuron, points):
            between = plane.unit + other.unit if other.length else plane.unit
            turned = [displaced(witness, between, ACROSS), displaced(witness, between, -ACROSS)]
            if _parted(known, neuron, turned):
                return turned
    return points


def _planes(known: Known, neuron: int, points: Sequence[Point]) -> list[Hyperplane]:
    """The hyperplane of a neuron of the last layer in the region of each point."""
    layer = len(known.layers) - 1
    found = (known.affine(layer, pattern).tolist()[neuron] for pattern in known.patterns(points))
    return [Hyperplane(tuple(int(v) for v in entries[:-1]), int(entries[-1])) for entries in found]


def _parted(known: Known, neuron: int, points: Sequence[Point]) -> bool:
    """Is a neuron of the last layer in different states at two points?"""
    first, second = (pattern[-1][neuron] for pattern in known.patterns(points))
    return first != second


def _unusual(known: Known, generator: np.random.Generator, count: int) -> list[Point]:
    """Points at which neurons are on that random ones do not meet."""
    return [to_point(point) for point in Extremes(known, True, generator).points(count)]


def _random_points(known: Known, generator: np.random.Generator, count: int, near: float | None) -> list[Point]:
    """Half of those near the origin are nearer still: there fewer neurons that are not known change their state."""
    if near is None:
        return [random_line(known, generator)[0].origin for _ in range(count)]
    inside = near * generator.uniform(-1.0, 1.0, size=(count, known.inputs))
    inside[::2] *= generator.uniform(0.0, 1.0, size=(len(inside[::2]), 1))
    return [to_point(point) for point in inside]


def combined(outputs: Sequence[OutputRow], choice: Sequence[int]) -> OutputRow:
    """The outputs' combination with these factors, such as a probe reads."""
    both = fmpq_mat([list(choice)]) * fmpq_mat([[*row.weights, row.bias] for row in outputs])
    *weights, bias = both.tolist()[0]
    return OutputRow(tuple(weights), bias)
