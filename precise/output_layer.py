"""The output layer, and with it the signs of the last hidden layer.

Every region gives exact linear equations for an output's coefficients of relu(eta_j) and relu(-eta_j): its gradient and
its constant. Points on both sides of every neuron make them complete (cf. Carlini, Jagielski and Mironov, CRYPTO 2020,
section 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq

from precise.aim import random_line
from precise.corners import sides
from precise.hyperplane import Hyperplane
from precise.local_map import Known, Pattern
from precise.probe import FRACTION_BITS, Piece, Point, Probe
from precise.row_system import RowSystem
from precise.signs.below import LayerBelow

FRESH_POINTS = 24  # random points whose equations must hold as well; they also meet regions that witnesses do not


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


def solve_outputs(
    probe: Probe, known: Known, below: LayerBelow, witnesses: Sequence[Point], random: Random
) -> OutputResult:
    """Solve every output from regions on both sides of every last-layer neuron and from fresh random regions.

    Decides the signs of the last hidden layer, which may gain rows for neurons that never change state.

    Args:
        below: the last known layer.
        witnesses: a point on the surface of each neuron of it.
    """
    generator = np.random.default_rng(random.getrandbits(64))
    points = [p for n, w in enumerate(witnesses) for p in both_sides(known, n, w)]
    points += [_random_point(known, generator) for _ in range(FRESH_POINTS)]
    patterns = known.patterns(points)
    axes = [[int(i == j) for j in range(known.inputs)] for i in range(known.inputs)]
    systems = []
    for number in range(probe.oracle.output_width):
        system = RowSystem(len(known.layers[-1]) * (2 if below.separate else 1) + 1, random)
        pieces = probe.output(number).pieces(points, axes)
        for point, pattern, piece in zip(points, patterns, pieces, strict=True):
            system.add(equations(known, point, pattern, piece, below.separate))
            if not system.consistent:
                reason = f"output {number + 1}: the recovered neurons do not explain the oracle"
                return OutputResult((), system.redundant, reason, contradicted=point)
        systems.append(system)
    return _solved(systems, below)


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
    return OutputResult(tuple(OutputRow(tuple(v[:-1]), v[-1]) for v in vectors), redundant)


def equations(known: Known, point: Point, pattern: Pattern, piece: Piece, separate: bool) -> list[list[fmpq | int]]:
    """(coefficients . local map = gradient and constant) at one point.

    Args:
        separate: are there unknowns for the negative sides as well?
    """
    below = known.affine(len(known.layers) - 1, pattern).tolist()
    active = pattern[-1]
    moved = sum((g * c for g, c in zip(piece.slopes, point, strict=True)), fmpq(0)) / (1 << FRACTION_BITS)
    right = [*piece.slopes, piece.value - moved]
    found: list[list[fmpq | int]] = []
    for number, value in enumerate(right):
        column = [int(entries[number]) for entries in below]
        plus = [c if a else 0 for c, a in zip(column, active, strict=True)]
        minus = [-c if not a else 0 for c, a in zip(column, active, strict=True)]
        found.append([*plus, *(minus if separate else ()), int(number == len(right) - 1), value])
    return found


def both_sides(known: Known, neuron: int, witness: Point) -> list[Point]:
    """Points just beside a neuron's surface, on either side."""
    layer = len(known.layers) - 1
    entries = known.affine(layer, known.patterns([witness])[0]).tolist()[neuron]
    plane = Hyperplane(tuple(int(v) for v in entries[:-1]), int(entries[-1]))
    return sides(witness, plane) if plane.length else []


def _random_point(known: Known, generator: np.random.Generator) -> Point:
    return random_line(known, generator)[0].origin
