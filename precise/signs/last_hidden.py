"""The last hidden layer's signs from values of the output [CCHRSS24, section 4.5, "Last Hidden Layer"].

Above the last hidden layer the output is affine, f(x) = sum_j v_j max(0, s_j z_j(x)) + b with z_j the recovered
preactivation. As max(0, s z) = (s z + |z|) / 2, and as the jump at a critical point gives v_j whatever s_j is, the
unknowns s_j and b satisfy linear equations, one a point. The s_j come out as balls around +1 or -1.

`both_sides` solves for the coefficients of max(0, z_j) and max(0, -z_j) together, without the jumps: neuron j acts on
the side whose coefficient is proved not to be 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb

from precise.rounding.balls import Ball, Vector, dot, middle, solve_consistent, surely_not_zero
from precise.rounding.regions import Region
from precise.rounding.view import GridPoint
from precise.signs.places import triple
from precise.signs.question import UNDECIDED, SignDecision, SignQuestion

EQUATIONS = 4  # an unknown
PLACES = 12  # critical points that are tried for one neuron's jump


def last_hidden(question: SignQuestion) -> list[SignDecision]:
    """Signs of the last hidden layer; UNDECIDED for others."""
    neurons = len(question.known.layers[-1])
    weights = _jumps(question) if question.last else None
    if weights is None:
        return [UNDECIDED] * neurons
    matrix, right = [], []
    for region in question.regions[: EQUATIONS * (neurons + 1)]:
        local = question.known.local(question.view.balls(region.centre))
        if local is not None:
            matrix.append([*(v * z / 2 for v, z in zip(weights, local.values, strict=True)), arb(1)])
            folded = sum((v * abs(z) / 2 for v, z in zip(weights, local.values, strict=True)), arb(0))
            right.append(region.value - folded)
    found = solve_consistent(matrix, right)
    return [UNDECIDED] * neurons if found is None else [_read(s) for s in found[:neurons]]


def _read(sign: Ball) -> SignDecision:
    """Of +1 and -1, what the ball allows."""
    plus, minus = sign.contains(1), sign.contains(-1)
    if plus == minus:
        return UNDECIDED
    return SignDecision(1 if plus else -1, True, 1.0, 1)


def _jumps(question: SignQuestion) -> Vector | None:
    """v_j of every neuron, from the second difference at one of its critical points.

    If only neuron j changes its state between x - d and x + d, then on either active side
    f(x - d) - 2 f(x) + f(x + d) = v_j (|M_j d| - |z_j(x)|).
    """
    generator = np.random.default_rng(question.random.getrandbits(63))
    points: list[GridPoint] = []
    widths: Vector = []
    for j in range(len(question.known.layers[-1])):
        found = _crossed(question, j, generator)
        if found is None:
            return None
        points += found[0]
        widths.append(found[1])
    answers = question.view.ask(points)
    second = [answers[i] - 2 * answers[i + 1] + answers[i + 2] for i in range(0, len(answers), 3)]
    return [difference / width for difference, width in zip(second, widths, strict=True)]


def _crossed(
    question: SignQuestion, neuron: int, generator: np.random.Generator
) -> tuple[list[GridPoint], Ball] | None:
    """(x - d, x, x + d) and |M_j d| - |z_j(x)|, where that is proved to be the only change.

    The jump's error is divided by it, so the widest place is taken: a rare neuron's may have hardly any room.
    """
    found: list[tuple[list[GridPoint], Ball]] = []
    for _ in range(PLACES):
        place = triple(question, neuron, generator)
        width = _width(question, place, neuron) if place is not None else None
        if place is not None and width is not None:
            found.append((list(place), width))
    return max(found, key=lambda each: middle(each[1]), default=None)


def _width(question: SignQuestion, points: Sequence[GridPoint], neuron: int) -> Ball | None:
    """|M_j d| - |z_j(x)|, if it is proved that nothing known but the neuron changes its state, and that it does."""
    places = [question.view.balls(point) for point in points]
    maps = [question.known.local(place) for place in places]
    patterns = [question.known.pattern(place) for place in (places[0], places[2])]
    changed = [j for j, (a, b) in enumerate(zip(patterns[0][-1], patterns[1][-1], strict=True)) if a * b <= 0]
    if maps[1] is None or changed != [neuron] or patterns[0][:-1] != patterns[1][:-1]:
        return None
    if any(m is None for m in maps) or any(0 in sides for sides in patterns[0]):
        return None
    step = [b - a for a, b in zip(places[1], places[2], strict=True)]
    width = abs(dot(maps[1].rows[neuron], step)) - abs(maps[1].values[neuron])
    return width if width > 0 else None


def both_sides(question: SignQuestion) -> list[SignDecision]:
    """Signs of the last hidden layer from coefficients of both sides."""
    neurons = len(question.known.layers[-1])
    if not question.last:
        return [UNDECIDED] * neurons
    chosen = _spread(question.regions, EQUATIONS * (2 * neurons + 1))
    matrix, right = [], []
    for region in chosen:
        local = question.known.local(question.view.balls(region.centre))
        if local is not None:
            plus = [z.max(arb(0)) for z in local.values]
            minus = [(-z).max(arb(0)) for z in local.values]
            matrix.append([*plus, *minus, arb(1)])
            right.append(region.value)
    found = solve_consistent(matrix, right)
    if found is None:
        return [UNDECIDED] * neurons
    return [_acts(found[j], found[neurons + j]) for j in range(neurons)]


def _spread(regions: Sequence[Region], count: int) -> list[Region]:
    """So many regions, taken evenly from all lines."""
    stride = max(1, len(regions) // count)
    return list(regions[::stride])


def _acts(plus: Ball, minus: Ball) -> SignDecision:
    if surely_not_zero(plus) == surely_not_zero(minus):
        return UNDECIDED
    return SignDecision(1 if surely_not_zero(plus) else -1, True, 1.0, 1)
