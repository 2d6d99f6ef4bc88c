"""What shares the rows of a layer have in the oracle's gradient: these tell deeper neurons' surfaces from its rows.

A deeper neuron's surface lies on one plane as long as the neurons between keep their states, and may pass for a row. It
is a combination then of the rows that are on, without their biases, and in a layer with no more neurons than features
rows are independent otherwise. Behind the layer the gradient is a combination of the rows that are on. Without the
surface that is none of them, every row has a share on one of its sides only.

A deeper neuron a relu(p) + b that a single neuron p feeds, as others are off wherever it is seen, bends where p has a
certain value. Its surface is p's, moved aside, and the gradient has the direction of both. Where p is off nothing
depends on p: there the gradient has no share of it, and the deeper one's surface lies on the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, islice

import numpy as np
from flint import fmpq

from precise.equations.row_system import RowSystem, rank_modulo_prime
from precise.regions.aim import random_points, to_point
from precise.regions.float_layers import FloatLayers
from precise.regions.local_map import Known, Pattern, Row
from precise.regions.probe import Piece, Point, Probe

POINTS = 128  # at which it is looked which rows have a share in the gradient
POOL = 8192  # from which these are taken: where few features are on, the rows are not independent
IDLE = 4  # points, at least, on a side where the rows have no share
MOST = 64  # choices of rows that are left out

Measured = tuple[Sequence[int], Pattern, Piece]  # at one point: the rows' preactivations, the pattern, the gradient


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
    measured = _measured(probe, known, generator) if pairs else []
    for i, j in pairs:
        if i not in found and j not in found:
            deeper = _deeper(known, i, j, measured)
            found |= {} if deeper is None else {deeper: i + j - deeper}
    return found


def independent(rows: Sequence[Row]) -> bool:
    """Is none of the rows, without its bias, a combination of the others? (Modulo a prime.)"""
    return rank_modulo_prime([[*row.plus, *row.minus] for row in rows]) == len(rows)


def spurious(probe: Probe, known: Known, generator: np.random.Generator) -> list[int]:
    """Which rows of the last known layer, by their numbers from 0, are deeper surfaces, as far as gradients tell.

    Nothing is asked as long as the rows are independent, or more than there are features.

    Raises:
        BudgetExceeded, OracleError, PrecisionError: from the oracle.
    """
    rows = known.layers[-1]
    more = len(rows) - rank_modulo_prime([[*row.plus, *row.minus] for row in rows])
    features = len(known.layers[-2]) if len(known.layers) > 1 else known.inputs
    choices = list(islice(combinations(range(len(rows)), more), MOST + 1))
    if not more or len(rows) > features or len(choices) > MOST:
        return []
    measured = _measured(probe, known, generator)
    kept = [[n for n in range(len(rows)) if n not in choice] for choice in choices]
    possible = [
        choice
        for choice, numbers in zip(choices, kept, strict=True)
        if independent([rows[n] for n in numbers]) and _on_one_side(known, numbers, measured)
    ]
    return list(possible[0]) if len(possible) == 1 else []


def _on_one_side(known: Known, numbers: Sequence[int], measured: Sequence[Measured]) -> bool:
    """Have these rows shares in gradients on one of their sides each? False as well if too few gradients tell."""
    acting, told = {(n, side): False for n in numbers for side in (False, True)}, 0
    for values, pattern, piece in measured:
        shares = _shares(known, pattern, numbers, piece) if any(piece.slopes) else None
        told += shares is not None
        for n, share in zip(numbers, shares or [], strict=bool(shares)):
            acting[n, values[n] > 0] |= bool(share)
    return told >= IDLE and not any(acting[n, False] and acting[n, True] for n in numbers)


def _measured(probe: Probe, known: Known, generator: np.random.Generator) -> list[Measured]:
    points = _telling(known, generator)
    values, patterns = known.preactivations(points)[-1], known.patterns(points)
    return list(zip(values, patterns, probe.pieces(points, probe.axes), strict=True))


def _telling(known: Known, generator: np.random.Generator) -> list[Point]:
    """Random points on both sides of every row at which as many of the features are on as can be."""
    pool = random_points(known, generator, POOL)
    values = FloatLayers(known).preactivations(pool)
    on = (values[-2] > 0).sum(axis=1) if len(values) > 1 else np.zeros(len(pool))
    order = np.argsort(-on, kind="stable")
    positive = values[-1][order] > 0
    groups = [order[side] for side in (*positive.T, *~positive.T)]
    chosen = [group[: -(-POINTS // len(groups))] for group in groups]
    return [to_point(point) for point in pool[np.unique(np.concatenate(chosen))]]


def _deeper(known: Known, first: int, second: int, measured: Sequence[Measured]) -> int | None:
    """Which one of two parallel rows is behind the other, if exactly one may be."""
    rows = known.layers[-1]
    factor = _factor(rows[first], rows[second])
    assert factor is not None
    # The lower one has its surface where the first is negative.
    lower, upper = (second, first) if factor * rows[second].bias > rows[first].bias else (first, second)
    others = [n for n, row in enumerate(rows) if n != first and _factor(row, rows[first]) is None]
    shares: dict[bool, list[bool]] = {False: [], True: []}
    for values, pattern, piece in measured:
        above = values[first] > 0
        if above != ((values[second] > 0) == (factor > 0)):
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
    shares = _shares(known, pattern, rows, piece)
    return None if shares is None else shares[0]


def _shares(known: Known, pattern: Pattern, rows: Sequence[int], piece: Piece) -> list[fmpq] | None:
    """The shares of these rows of the last layer in a gradient; None if it does not tell them."""
    table = known.affine(len(known.layers) - 1, pattern).tolist()
    system = RowSystem(len(rows))
    system.add([[*(int(table[n][i]) for n in rows), slope] for i, slope in enumerate(piece.slopes)])
    return system.solve()
