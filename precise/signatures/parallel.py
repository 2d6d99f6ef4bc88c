"""Rows of one layer with the same weights up to a factor and other biases: one may be a deeper neuron's surface.

A deeper neuron a relu(p) + b that a single neuron p feeds, as others are off wherever it is seen, bends where p has a
certain value. Its surface is p's, moved aside, and passes for a row of p's layer. Where p is off nothing depends on p:
there the gradient, in terms of the layer's rows, has no share of it. The deeper one's surface lies on the other side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from precise.equations.row_system import RowSystem, rank_modulo_prime
from precise.regions.aim import random_points, to_point
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import Piece, Point, Probe

POINTS = 128  # at which it is looked which rows have a share in the gradient
IDLE = 4  # points, at least, on a side where the rows have no share


def parallel(row: Row, other: Row) -> bool:
    """Do the rows differ in nothing but a factor and their biases?"""
    factor = _factor(row, other)
    return factor is not None and row.bias != factor * other.bias


def _factor(row: Row, other: Row) -> fmpq | None:
    """The number by which the other's weights are these, if it is not 0 and there is one."""
    pairs = list(zip([*row.plus, *row.minus], [*other.plus, *other.minus], strict=True))
    lead = next((fmpq(v, w) for v, w in pairs if v and w), None)
    return lead if lead is not None and all(v == lead * w for v, w in pairs) else None


def behind(probe: Probe, known: Known, generator: np.random.Generator) -> dict[int, int]:
    """Which rows of the last known layer are surfaces behind a parallel one; nothing is asked unless some are parallel.

    Returns:
        The row that feeds each of them, by their numbers from 0; a pair of which the gradients do not tell is left out.

    Raises:
        BudgetExceeded, OracleError, PrecisionError: from the oracle.
    """
    rows = known.layers[-1]
    numbers = [n for n, row in enumerate(rows) if not row.linear]
    pairs = [(i, j) for i in numbers for j in numbers if i < j and parallel(rows[i], rows[j])]
    found: dict[int, int] = {}
    if pairs:
        points = [to_point(point) for point in random_points(known, generator, POINTS)[:POINTS]]
        pieces = probe.pieces(points, probe.axes)
    for i, j in pairs:
        if i not in found and j not in found:
            deeper = _deeper(known, i, j, points, pieces)
            found |= {} if deeper is None else {deeper: i + j - deeper}
    return found


def _deeper(known: Known, first: int, second: int, points: Sequence[Point], pieces: Sequence[Piece]) -> int | None:
    """Which one of two parallel rows is behind the other, if exactly one may be."""
    rows = known.layers[-1]
    factor = _factor(rows[first], rows[second])
    assert factor is not None
    # The lower one has its surface where the first is negative.
    lower, upper = (second, first) if factor * rows[second].bias > rows[first].bias else (first, second)
    others = [n for n, row in enumerate(rows) if n != first and _factor(row, rows[first]) is None]
    shares: dict[bool, list[bool]] = {False: [], True: []}
    values = known.preactivations(points)[-1]
    for point_values, pattern, piece in zip(values, known.patterns(points), pieces, strict=True):
        above = point_values[first] > 0
        if above != ((point_values[second] > 0) == (factor > 0)):
            continue  # between the two
        share = _share(known, pattern, (first, *others), piece) if any(piece.slopes) else fmpq(0)
        if share is not None:
            shares[above].append(bool(share))
    if any(shares[True]) and not any(shares[False]) and len(shares[False]) >= IDLE:
        return upper  # below both, where the lower one is off
    if any(shares[False]) and not any(shares[True]) and len(shares[True]) >= IDLE:
        return lower
    return None


def _share(known: Known, pattern: Pattern, rows: Sequence[int], piece: Piece) -> fmpq | None:
    """The share of the first of these rows of the last layer in a gradient; None if they do not tell."""
    layer = len(known.layers) - 1
    below = known.affine(layer - 1, pattern).tolist()
    varying = [[int(v) for v in line[:-1]] for j, line in enumerate(below) if layer == 0 or pattern[layer - 1][j]]
    if not varying or rank_modulo_prime(varying) <= len(rows):
        return None  # any gradient is a combination of as many rows
    table = known.affine(layer, pattern).tolist()
    system = RowSystem(len(rows))
    system.add([[*(int(table[n][i]) for n in rows), slope] for i, slope in enumerate(piece.slopes)])
    answer = system.solve()
    return None if answer is None else answer[0]
