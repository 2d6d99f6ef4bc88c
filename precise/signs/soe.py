"""SOE: signs from one system of equations [CCHRSS24, section 4.3, "System of Equations"; FMSH24 calls it so as well].

Around a point, the gradient of the output is g = sum_j y_j M_j over the layer's neurons j, with M_j their local maps
and y_j = 0 for inactive ones. If the M_j are independent (the layer is no wider than its input space there), the y_j
follow from one gradient: neurons with y_j != 0 are active, the others inactive.

With balls, y_j != 0 is proved if the gradient is right; y_j = 0 is not, and a neuron that is cut off above looks
inactive. One gradient may be wrong (`regions`), so no sign of this method is certain. `all_regions` asks the same of
every region that was measured, and takes y_j != 0 only: a neuron is active where it acts, for sure if LEAST_REGIONS
regions say so and none contradicts.

In layer 2 both are asked where all of layer 1 is active (`places.all_active`): there the M_j are independent. The
published method, which needs one such point, uses the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precise.rounding.balls import Vector, sign_of, solve_consistent, surely_not_zero
from precise.rounding.regions import LEAST_REGIONS, Region, measure
from precise.signs.places import all_active
from precise.signs.question import UNDECIDED, SignDecision, SignQuestion

TRIES = 8  # points, until one has independent local maps
FIRST_STEP = 2.0**-4  # of a slope, in units of the point's size
ROUNDS = 10  # of points where all of layer 1 is active, two a neuron that is open


def soe(question: SignQuestion) -> list[SignDecision]:
    """One point decides every neuron of the layer."""
    view = question.view
    generator = np.random.default_rng(question.random.getrandbits(63))
    for _ in range(TRIES):
        if question.known.depth == 2:
            regions = all_active(question, [question.random.randrange(len(question.known.layers[-1]))], generator)
        else:
            centre = view.nearest([question.random.gauss(0, 4) for _ in range(view.width)])
            step = max(1, int(FIRST_STEP * max(map(abs, centre))))
            regions = [region for region in measure(view, [centre], [step]) if region is not None]
        acting = _acting(question, regions[0]) if regions else None
        if acting is not None:
            sides, coefficients = acting
            return [_decision(s, surely_not_zero(y)) for s, y in zip(sides, coefficients, strict=True)]
    return [UNDECIDED] * len(question.known.layers[-1])


def _decision(side: int, active: bool) -> SignDecision:
    if not side:
        return UNDECIDED
    return SignDecision(side if active else -side, False, 1.0 if active else 0.5, 1)


def all_regions(question: SignQuestion) -> list[SignDecision]:
    """What every measured region proves; a neuron that acts on both of its sides is left open."""
    votes = [[0, 0] for _ in question.known.layers[-1]]
    _count(question, question.regions, votes)
    if question.known.depth == 2:
        generator = np.random.default_rng(question.random.getrandbits(63))
        for _ in range(ROUNDS):
            open_ones = [j for j, vote in enumerate(votes) if max(vote) < LEAST_REGIONS]
            if not open_ones:
                break
            _count(question, all_active(question, open_ones, generator), votes)
    return [_voted(plus, minus) for plus, minus in votes]


def _count(question: SignQuestion, regions: Sequence[Region], votes: list[list[int]]) -> None:
    for region in regions:
        acting = _acting(question, region)
        if acting is None:
            continue
        for j, (side, coefficient) in enumerate(zip(*acting, strict=True)):
            if side and surely_not_zero(coefficient):
                votes[j][side < 0] += 1


def _voted(plus: int, minus: int) -> SignDecision:
    if bool(plus) == bool(minus):
        return UNDECIDED
    return SignDecision(1 if plus else -1, plus + minus >= LEAST_REGIONS, 1.0, plus + minus)


def _acting(question: SignQuestion, region: Region) -> tuple[list[int], Vector] | None:
    """(side of every neuron, its coefficient in the gradient) around a region's centre."""
    local = question.known.local(question.view.balls(region.centre))
    if local is None:
        return None
    columns = [list(column) for column in zip(*local.rows, strict=True)]
    found = solve_consistent(columns, list(region.gradient))
    return None if found is None else ([sign_of(v) for v in local.values], found)
