"""The output layer, and with it the signs of the last hidden layer.

Every region gives exact linear equations for an output's coefficients of relu(eta_j) and relu(-eta_j): its gradient and
its constant. Points on both sides of every neuron make them complete (cf. Carlini, Jagielski and Mironov, CRYPTO 2020,
section 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from precise.equations.row_system import RowSystem
from precise.regions.aim import random_line
from precise.regions.corners import ACROSS, directions, sides
from precise.regions.hyperplane import Hyperplane, displaced
from precise.regions.local_map import Known, Pattern
from precise.regions.probe import FRACTION_BITS, Direction, Piece, Point, Probe
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign

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


@dataclass(frozen=True)
class _Region:
    """What the region around a point says of every output."""

    point: Point
    equations: list[list[list[fmpq | int]]]  # of each output


def solve_outputs(
    probe: Probe,
    known: Known,
    below: LayerBelow,
    witnesses: Sequence[Point],
    random: Random,
    left_out: float = 0.0,
    lacking: Set[tuple[int, int, int]] = frozenset(),
    orders: int = 1,
) -> OutputResult:
    """Solve every output from regions on both sides of every last-layer neuron and from fresh random regions.

    Decides the signs of the last hidden layer, which may gain rows for neurons that never change state.

    Args:
        below: the last known layer.
        witnesses: a point on the surface of each neuron of it.
        left_out: share of the points, at most, that may contradict the others: where something is on that is missing;
            coefficients that act at none of the points are then 0.
        lacking: (layer, neuron, feature) of weights that are not known; where these act, nothing is asked.
        orders: in which points are taken where some may contradict: those that come first count as right.
    """
    generator = np.random.default_rng(random.getrandbits(64))
    tests = directions(known.inputs, random, SLOPES)
    unknowns = len(known.layers[-1]) * (2 if below.separate else 1) + 1
    points = [p for n, w in enumerate(witnesses) for p in both_sides(known, n, w)]
    regions: list[_Region] = []
    systems: list[RowSystem] = []
    for count in FRESH_POINTS:
        points += [_random_point(known, generator) for _ in range(count)]
        regions += _regions(probe, known, points, tests, below.separate, lacking)
        systems, refused = _agreeing(regions, probe.oracle.output_width, unknowns, left_out, orders, random)
        if refused is not None:
            number = next(n for n, block in enumerate(refused.equations) if not systems[n].accepts(block))
            reason = f"output {number + 1}: the recovered neurons do not explain the oracle, which may have others"
            return OutputResult((), systems[number].redundant, reason, contradicted=refused.point)
        if not any(system.open_unknowns() for system in systems):
            break
        points = []
    if left_out:
        _leave_idle(systems, regions)
    return _solved(systems, below)


def _leave_idle(systems: Sequence[RowSystem], regions: Sequence[_Region]) -> None:
    """Take coefficients as 0 that act in no region; the sign of a neuron of which both sides do stays open."""
    for number, system in enumerate(systems):
        columns = zip(*(equation[:-1] for region in regions for equation in region.equations[number]), strict=True)
        idle = [unknown for unknown, column in enumerate(columns) if not any(column)]
        for unknown in idle:
            system.add([[*(int(c == unknown) for c in range(system.unknowns)), 0]])


def _regions(
    probe: Probe,
    known: Known,
    points: Sequence[Point],
    tests: Sequence[Direction],
    separate: bool,
    lacking: Set[tuple[int, int, int]],
) -> list[_Region]:
    """The regions around these points, but for those where a weight acts that is not known."""
    patterns = known.patterns(points)
    told = [n for n, pattern in enumerate(patterns) if not any(_acts(known, pattern, *at) for at in lacking)]
    chosen, patterns = [points[n] for n in told], [patterns[n] for n in told]
    pieces = [probe.output(number).pieces(chosen, tests) for number in range(probe.oracle.output_width)]
    return [
        _Region(point, [equations(known, point, pattern, piece, tests, separate) for piece in of_outputs])
        for point, pattern, of_outputs in zip(chosen, patterns, zip(*pieces, strict=True), strict=True)
    ]


def _acts(known: Known, pattern: Pattern, layer: int, neuron: int, feature: int) -> bool:
    """Does what a neuron hands on depend on a weight there for which another number stands, or 0?"""
    stands = known.layers[layer][neuron].plus[feature]
    return bool(pattern[layer - 1][feature]) and (bool(pattern[layer][neuron]) or not stands)


def _agreeing(
    regions: Sequence[_Region], outputs: int, unknowns: int, left_out: float, orders: int, random: Random
) -> tuple[list[RowSystem], _Region | None]:
    """Equations that agree, and a region that contradicts them if more than the share of `left_out` do."""
    order = list(regions)
    most = int(left_out * len(order))
    for _ in range(orders):
        if left_out:
            random.shuffle(order)
        systems = [RowSystem(unknowns) for _ in range(outputs)]
        refused: list[_Region] = []
        for region in order:
            pairs = list(zip(systems, region.equations, strict=True))
            if all(system.accepts(block) for system, block in pairs):
                for system, block in pairs:
                    system.add(block)
            else:
                refused.append(region)
            if len(refused) > most:
                break
        if len(refused) <= most:
            return systems, None
    return systems, refused[-1]


def _solved(systems: Sequence[RowSystem], below: LayerBelow) -> OutputResult:
    vectors = []
    redundant = min(system.redundant for system in systems)
    for number, system in enumerate(systems, 1):
        answer = system.solve()
        if answer is None:
            open_ones = system.open_unknowns()
            reason = f"output {number}: {open_ones} of {system.unknowns} coefficients are left open"
            return OutputResult((), redundant, reason)
        vectors.append(answer)
    decision = below.decide(vectors, final=True)
    if decision is not None:
        vectors = decision.vectors
        doubtful = sorted({i for i, _ in below.lacking | below.ignored_lacking})
        if below.signs and Sign.BOTH in (below.signs[i] for i in doubtful):  # equations of places where they are wrong
            return OutputResult((), redundant, "the outputs would need both sides of neurons that lack weights")
    return OutputResult(tuple(OutputRow(tuple(v[:-1]), v[-1]) for v in vectors), redundant)


def equations(
    known: Known, point: Point, pattern: Pattern, piece: Piece, tests: Sequence[Direction], separate: bool
) -> list[list[fmpq | int]]:
    """coefficients . local map = slope along every test direction, and the same for the value at the point.

    Args:
        piece: the oracle's value and its slopes along the test directions.
        separate: are there unknowns for the negative sides as well?
    """
    below = known.affine(len(known.layers) - 1, pattern)
    steps = fmpz_mat([[*test, 0] for test in tests]).transpose()
    columns = (below * steps).transpose().tolist()
    place = fmpz_mat([[*point, 1 << FRACTION_BITS]]).transpose()  # the value, in units of 2^-FRACTION_BITS
    columns.append((below * place).transpose().tolist()[0])
    right = [*piece.slopes, piece.value * (1 << FRACTION_BITS)]
    found: list[list[fmpq | int]] = []
    for number, (column, value) in enumerate(zip(columns, right, strict=True)):
        plus = [int(c) if a else 0 for c, a in zip(column, pattern[-1], strict=True)]
        minus = [-int(c) if not a else 0 for c, a in zip(column, pattern[-1], strict=True)]
        bias = (1 << FRACTION_BITS) if number == len(tests) else 0
        found.append([*plus, *(minus if separate else ()), bias, value])
    return found


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


def _random_point(known: Known, generator: np.random.Generator) -> Point:
    return random_line(known, generator)[0].origin


def combined(outputs: Sequence[OutputRow], choice: Sequence[int]) -> OutputRow:
    """The outputs' combination with these factors, such as a probe reads."""
    both = fmpq_mat([list(choice)]) * fmpq_mat([[*row.weights, row.bias] for row in outputs])
    *weights, bias = both.tolist()[0]
    return OutputRow(tuple(weights), bias)
