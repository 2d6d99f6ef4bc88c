"""Exhaustive signs for small layers [CJM20, section 4.4]: every assignment is tried, wrong ones are refuted.

With the right signs, the gradient of the output at every point is a combination of the local maps of the active
neurons. An assignment is refuted when at LEAST_REGIONS measured regions no such combination exists, which balls prove.
The layer is decided if one assignment survives, or for every neuron on whose sign all survivors agree. In layer 2,
places where all of layer 1 is active come first (`places.all_active`): elsewhere dependent maps explain nearly every
gradient.
"""

from __future__ import annotations

from itertools import islice, product

import numpy as np

from precise.rounding.balls import Vector, inconsistent, sign_of
from precise.rounding.regions import LEAST_REGIONS, Region
from precise.signs.places import all_active
from precise.signs.question import UNDECIDED, SignDecision, SignQuestion

MOST_NEURONS = 12  # 4096 assignments
MOST_REGIONS = 40


def exhaustive(question: SignQuestion) -> list[SignDecision]:
    """Try all assignments; UNDECIDED for all neurons of a layer that is too wide."""
    neurons = len(question.known.layers[-1])
    if neurons > MOST_NEURONS:
        return [UNDECIDED] * neurons
    places = _places(question)
    kept: dict[tuple[int, tuple[int, ...]], bool] = {}
    survivors = [signs for signs in product((1, -1), repeat=neurons) if not _refuted_often(signs, places, kept)]
    return [_agreed([signs[j] for signs in survivors], len(places)) for j in range(neurons)]


def _agreed(signs: list[int], places: int) -> SignDecision:
    if len(set(signs)) != 1:
        return UNDECIDED
    return SignDecision(signs[0], True, 1.0, places)


def _places(question: SignQuestion) -> list[tuple[list[int], list[Vector], Vector]]:
    """(sides of the neurons, their local maps, the gradient) at regions."""
    found = []
    for region in [*_first(question), *question.regions[:MOST_REGIONS]]:
        local = question.known.local(question.view.balls(region.centre))
        if local is not None:
            sides = [sign_of(v) for v in local.values]
            if 0 not in sides:
                found.append((sides, local.rows, list(region.gradient)))
    return found


def _first(question: SignQuestion) -> list[Region]:
    if question.known.depth != 2:
        return []
    generator = np.random.default_rng(question.random.getrandbits(63))
    neurons = list(range(len(question.known.layers[-1])))
    return [region for _ in range(LEAST_REGIONS) for region in all_active(question, neurons, generator)]


def _refuted_often(
    signs: tuple[int, ...],
    places: list[tuple[list[int], list[Vector], Vector]],
    kept: dict[tuple[int, tuple[int, ...]], bool],
) -> bool:
    against = (1 for number, place in enumerate(places) if not _possible(place, number, signs, kept))
    return len(list(islice(against, LEAST_REGIONS))) == LEAST_REGIONS


def _possible(
    place: tuple[list[int], list[Vector], Vector],
    number: int,
    signs: tuple[int, ...],
    kept: dict[tuple[int, tuple[int, ...]], bool],
) -> bool:
    """May the gradient be a combination of the active neurons' maps?"""
    sides, rows, gradient = place
    active = tuple(j for j, side in enumerate(sides) if side == signs[j])
    if (number, active) not in kept:
        kept[number, active] = not _refuted([rows[j] for j in active], gradient)
    return kept[number, active]


def _refuted(rows: list[Vector], gradient: Vector) -> bool:
    """Is it proved that the gradient is no combination of the rows?"""
    return inconsistent(
        [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in gradient], gradient
    )
