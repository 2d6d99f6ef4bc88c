"""Where a recovered network answers like the oracle: at fresh points in boxes, and how near the origin it does not.

Agreement is evidence, not proof: `verify` proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from flint import fmpz, fmpz_mat

from precise.arithmetic import Batch
from precise.assemble import DOMAIN
from precise.network import Network
from precise.oracle import Oracle

SCALES = (1, 8, 64, DOMAIN)  # boxes in which the result is compared with the oracle
FRESH_POINTS = 32  # in all inputs at once; one wrong weight shows wherever its neuron is active
MORE_POINTS = 512  # where neurons are missing, which may act in a part of the box only
FRESH_BITS = 12  # fractional, on the box of size 1
FINE_BITS = 48  # fractional, of points that are moved

NEAREST = 8  # points that are moved on
ROUNDS = 8  # of moving them
HALVINGS = 12  # of the way to the origin

Row = list[int]  # a point in all inputs, in units of 2^-FINE_BITS


@dataclass(frozen=True)
class Agreement:
    """What comparing a network with its oracle has shown."""

    scale: int  # the largest of SCALES up to which no fresh point showed a difference; 0: none
    differing: list[Row]  # fresh points beyond it that do


def agreement(network: Network, oracle: Oracle, random: Random, points: int) -> Agreement:
    """Compare a network with the oracle at fresh points with |x_i| <= s, for s in SCALES; exact answers, exactly.

    Costs up to `points` queries, in all inputs at once.

    Raises:
        BudgetExceeded, OracleError: from the oracle.
    """
    agreed = 0
    for scale in SCALES:
        rows = [_fresh(oracle.input_width, scale, number, random) for number in range(points // len(SCALES))]
        if found := _differing(network, oracle, rows):
            return Agreement(agreed, found)
        agreed = scale
    return Agreement(agreed, [])


def nearest_difference(network: Network, oracle: Oracle, differing: Sequence[Row], random: Random) -> float:
    """The smallest max |x_i| at which a difference was found, from points that show one; infinite without such points.

    Where neurons are missing that are rarely on, hardly any random point shows it. Points that do are moved towards the
    origin: along their rays, into smaller boxes by what exceeds these, and to the middle between two of them. Costs
    some hundred queries.

    Raises:
        BudgetExceeded, OracleError: from the oracle.
    """
    found = _differing(network, oracle, differing)
    if not found:
        return float("inf")
    for _ in range(ROUNDS):
        pairs = [(random.choice(found), random.choice(found)) for _ in range(NEAREST)]
        tried = [_within_less(random.choice(found), random) for _ in range(2 * NEAREST)]
        tried += [[(a + b) >> 1 for a, b in zip(*pair, strict=True)] for pair in pairs]
        found = sorted([*found, *_differing(network, oracle, tried)], key=_size)[:NEAREST]
        found = _drawn_in(network, oracle, found)
    return min(map(_size, found)) / 2.0**FINE_BITS


def _differing(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[Row]:
    return [row for row, shown in zip(rows, _shown(network, oracle, rows), strict=True) if shown]


def _shown(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[bool]:
    """Does each of these points show a difference?"""
    if not rows:
        return []
    batch = Batch(fmpz_mat([list(row) for row in rows]), fmpz(1) << FINE_BITS)
    pairs = zip(oracle.query(batch).rows(), network.evaluate(batch).rows(), strict=True)
    return [true != found for true, found in pairs]


def _drawn_in(network: Network, oracle: Oracle, rows: Sequence[Row]) -> list[Row]:
    """The points, moved along their rays as near to the origin as they still show a difference there."""
    lows, highs = [0] * len(rows), [1 << HALVINGS] * len(rows)
    for _ in range(HALVINGS):
        middles = [(low + high) >> 1 for low, high in zip(lows, highs, strict=True)]
        tried = [[c * t >> HALVINGS for c in row] for row, t in zip(rows, middles, strict=True)]
        for number, shown in enumerate(_shown(network, oracle, tried)):
            (highs if shown else lows)[number] = middles[number]
    return [[c * t >> HALVINGS for c in row] for row, t in zip(rows, highs, strict=True)]


def _within_less(row: Row, random: Random) -> Row:
    """The point, cut off where it exceeds a smaller box, and with some coordinates anywhere in that."""
    most, share = int(_size(row) * random.uniform(0.25, 1.0)), random.choice((0.0, random.random()))
    return [random.randint(-most, most) if random.random() < share else max(-most, min(most, c)) for c in row]


def _size(row: Row) -> int:
    return max(map(abs, row))


def _fresh(inputs: int, scale: int, number: int, random: Random) -> Row:
    """A point in |x_i| <= scale: in turn inside it, at a corner, and on one of its faces of a random dimension."""
    end, signs = scale << FRESH_BITS, random.getrandbits(inputs)
    inner = [(random.getrandbits(FRESH_BITS + 1) - (1 << FRESH_BITS)) * scale for _ in range(inputs)]
    share = (0.0, 1.0, random.random())[number % 3]
    row = [(end if signs >> i & 1 else -end) if random.random() < share else v for i, v in enumerate(inner)]
    return [v << (FINE_BITS - FRESH_BITS) for v in row]
