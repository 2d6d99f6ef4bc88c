"""Where a recovered network answers like the oracle: at fresh points in boxes, and how near the origin it does not.

Agreement is evidence, not proof: `verify` proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq, fmpz, fmpz_mat

from precise.arithmetic import Batch, to_float
from precise.assemble import DOMAIN
from precise.network import Network
from precise.oracle import Oracle
from precise.regions.hyperplane import Vector

SCALES = (1, 8, 64, DOMAIN)  # boxes in which the result is compared with the oracle
FRESH_POINTS = 32  # in all inputs at once; one wrong weight shows wherever its neuron is active
MORE_POINTS = 512  # where neurons are missing, which may act in a part of the box only
FRESH_BITS = 12  # fractional, on the box of size 1
FINE_BITS = 48  # fractional, of points that are moved

ROUNDS = 60  # of moving a point that differs nearer to the origin
STARTS = 8  # points that are drawn in along their rays
CHAINS = 4  # of them, the nearest ones, that are moved: one alone ends where another difference is nearer
TRIED = 24  # points a round
STEPS = (1e-3, 0.3, 1.0)  # the least, first and largest scale of a step, of the point's size
GAIN, LOSS = 1.3, 0.7  # of the scale after a round: did more than a fifth of its points differ, or none?
TURN = 8  # rounds between steps along gradients
HALVINGS = 12  # of the way to the origin
PART = 2.0**-3  # boxes smaller than 1 are multiples of this
MARGIN = 2  # no box is stated beyond this part of the way to the nearest difference: a nearer one may not be found
STEERED = 512  # queries for gradients of the difference, unless one alone takes more
BEYOND = (8, 4, 2, 0)  # 2^-8 to 1 of the way to where a difference should begin, further on than that
FARTHER = 8 * DOMAIN  # the box in which points are looked for that differ, when none did in the others
FARTHER_POINTS = 96
BROUGHT = 32  # points that are looked at in the slice
MOST_ROWS = 4  # of the first layer, that a corner is outermost for

Row = list[int]  # a point in all inputs, in units of 2^-FINE_BITS


@dataclass(frozen=True)
class Agreement:
    """What comparing a network with its oracle has shown."""

    scale: float  # the largest scale up to which no fresh point showed a difference; 0: none
    differing: list[Row]  # fresh points beyond it that do


def agreement(
    network: Network, oracle: Oracle, random: Random, points: int, scales: Sequence[float] = SCALES
) -> Agreement:
    """Compare a network with the oracle at fresh points with |x_i| <= s, for the scales s; exact answers, exactly.

    Costs up to `points` queries, in all inputs at once.

    Args:
        scales: in rising order, multiples of PART.

    Raises:
        BudgetExceeded, OracleError: from the oracle.
    """
    agreed: float = 0
    first = _first_rows(network)
    for scale in scales:
        rows = [_fresh(first, scale, number, random) for number in range(points // len(scales))]
        if found := _differing(network, oracle, rows):
            return Agreement(agreed, found)
        agreed = scale
    return Agreement(agreed, [])


def farther(network: Network, oracle: Oracle, random: Random) -> list[Row]:
    """Fresh points beyond all SCALES that show a difference, from which one within them may be found.

    Raises:
        BudgetExceeded, OracleError: from the oracle.
    """
    first = _first_rows(network)
    rows = [_fresh(first, FARTHER, number, random) for number in range(FARTHER_POINTS)]
    return _differing(network, oracle, rows)


def nearest_difference(network: Network, oracle: Oracle, differing: Sequence[Row], random: Random) -> float:
    """The smallest max |x_i| at which a difference was found, from points that show one; infinite without such points.

    Where neurons are missing that are rarely on, hardly any random point shows it. The points nearest to the origin
    that do are drawn in along their rays, and each is moved by random steps into ever smaller boxes, as long as these
    after a step show it too (a (1 + lambda) evolution strategy), and to the corner of a box at which the difference
    begins if it is as linear as it is nearby. Costs some 1,600 queries a point. All may end where another difference
    is nearer, with an upper bound.

    Raises:
        BudgetExceeded, OracleError: from the oracle.
    """
    found = _differing(network, oracle, differing)
    if not found:
        return float("inf")
    begun = sorted(_drawn_in(network, oracle, sorted(found, key=_size)[:STARTS]), key=_size)[:CHAINS]
    return min(_size(_moved_in(network, oracle, row, random)) for row in begun) / 2.0**FINE_BITS


def _moved_in(network: Network, oracle: Oracle, row: Row, random: Random) -> Row:
    """A point that shows a difference in as small a box as is found from this one."""
    gradients, best = max(1, STEERED // oracle.input_width), row
    least, scale, largest = STEPS
    for number in range(ROUNDS):
        tried = [_stepped(best, scale, random) for _ in range(TRIED)]
        if number % TURN == 0 and number < gradients * TURN:
            tried += _corners(network, oracle, best)
        shown = _differing(network, oracle, tried)
        best = min([best, *shown], key=_size)
        if 5 * len(shown) > TRIED:
            scale = min(largest, scale * GAIN)
        elif not shown:
            scale = scale * LOSS if scale > least else STEPS[1]
    return best


def _differing(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[Row]:
    return [row for row, shown in zip(rows, _shown(network, oracle, rows), strict=True) if shown]


def _shown(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[bool]:
    """Does each of these points show a difference?"""
    return [any(difference) for difference in _differences(network, oracle, rows)]


def _differences(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[list[fmpq]]:
    """The copy's outputs less the oracle's, shape (points, outputs)."""
    if not rows:
        return []
    batch = Batch(fmpz_mat([list(row) for row in rows]), fmpz(1) << FINE_BITS)
    pairs = zip(oracle.query(batch).rows(), network.evaluate(batch).rows(), strict=True)
    return [[a - b for a, b in zip(found, true, strict=True)] for true, found in pairs]


def _corners(network: Network, oracle: Oracle, row: Row) -> list[Row]:
    """Corners just beyond the smallest box that meets the plane at which the difference at a point would begin.

    Around the point the difference is d + g . (x - point), with g from one query an input. Of all x at which that is 0
    the corners with the signs of g have the smallest max |x_i|: |g . point - d| over the sum of all |g_i|.
    """
    moved = [[c + (i == n) for i, c in enumerate(row)] for n in range(len(row))]
    start, *others = _differences(network, oracle, [row, *moved])
    chosen = next((n for n, d in enumerate(start) if d), None)
    if chosen is None:
        return []
    gradient = [other[chosen] - start[chosen] for other in others]
    total = sum(map(abs, gradient), fmpq(0))
    if not total:
        return []
    needed = sum((g * c for g, c in zip(gradient, row, strict=True)), fmpq(0)) - start[chosen]
    signs = [(g * needed > 0) - (g * needed < 0) for g in gradient]
    return [[int(sign * abs(needed / total) * (1 + fmpq(1, 1 << part))) for sign in signs] for part in BEYOND]


def _drawn_in(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[Row]:
    """The points, moved along their rays as near to the origin as they still show a difference there."""
    lows, highs = [0] * len(rows), [1 << HALVINGS] * len(rows)
    for _ in range(HALVINGS):
        middles = [(low + high) >> 1 for low, high in zip(lows, highs, strict=True)]
        tried = [[c * t >> HALVINGS for c in row] for row, t in zip(rows, middles, strict=True)]
        for number, shown in enumerate(_shown(network, oracle, tried)):
            (highs if shown else lows)[number] = middles[number]
    return [[c * t >> HALVINGS for c in row] for row, t in zip(rows, highs, strict=True)]


def _stepped(row: Row, scale: float, random: Random) -> Row:
    """A point in a smaller box: the given one with normal steps in a random share of its coordinates, then cut off."""
    size, share = _size(row), random.random()
    most = int(size * (1 - scale * random.uniform(0.0, 0.3)))
    steps = (int(size * scale * random.gauss(0.0, 1.0)) if random.random() < share else 0 for _ in row)
    return [max(-most, min(most, c + step)) for c, step in zip(row, steps, strict=True)]


def _size(row: Row) -> int:
    return max(map(abs, row))


def in_slice(network: Network, coordinates: Sequence[int], rows: Sequence[Row]) -> Vector:
    """Points at which the first layer does what it does at some of these, though all other inputs are 0; in float64.

    Args:
        coordinates: the inputs that are not 0, as many as the first layer has neurons.

    Returns:
        Shape (points, coordinates): what is seen at the rows is seen there as well.
    """
    first = _first_rows(network)
    inputs = np.array([[c / 2.0**FINE_BITS for c in row] for row in rows[:BROUGHT]]).reshape(-1, first.shape[1])
    points: Vector = np.linalg.lstsq(first[:, list(coordinates)], first @ inputs.T, rcond=None)[0].T
    return points


def stated_box(agreed: float, nearest: float) -> float:
    """The largest box to state, |x_i| <= this: a multiple of PART, whole from 1 on; 0: none.

    Args:
        agreed: no fresh point in this box showed a difference.
        nearest: max |x_i| of the nearest point that was found to show one.
    """
    box = min(agreed, nearest / MARGIN)
    return int(box) if box >= 1 else int(box / PART) * PART


def _fresh(first: Vector, scale: float, number: int, random: Random) -> Row:
    """A point in |x_i| <= scale: inside it, on a face of a random dimension, at any corner or one that is outermost."""
    inputs, end = first.shape[1], int(scale * 2.0**FRESH_BITS)
    kind = number % 5
    if kind >= 3:
        row = [end if w > 0 else -end for w in _direction(first, random)]
    else:
        signs = random.getrandbits(inputs)
        inner = [((random.getrandbits(FRESH_BITS + 1) - (1 << FRESH_BITS)) * end) >> FRESH_BITS for _ in range(inputs)]
        share = (0.0, 1.0, random.random())[kind]
        row = [(end if signs >> i & 1 else -end) if random.random() < share else v for i, v in enumerate(inner)]
    return [v << (FINE_BITS - FRESH_BITS) for v in row]


def _direction(first: Vector, random: Random) -> Vector:
    """A random combination of some rows of the first layer: at its corner these neurons are as far on or off as can be.

    Neurons behind them that hardly ever change state do so where few are on, and these far.
    """
    chosen = random.sample(range(len(first)), min(random.randint(1, MOST_ROWS), len(first)))
    factors = [random.choice((-1, 1)) * random.randint(1, 8) for _ in chosen]
    direction: Vector = np.array(factors, dtype=float) @ first[chosen]
    return direction


def _first_rows(network: Network) -> Vector:
    """The rows of the first layer over the sums of their absolute weights, in float64, shape (neurons, inputs)."""
    rows = np.array([[to_float(w) for w in row] for row in network.layers[0].weights])
    sizes = np.abs(rows).sum(axis=1, keepdims=True)
    normalised: Vector = rows / np.where(sizes > 0, sizes, 1.0)
    return normalised
