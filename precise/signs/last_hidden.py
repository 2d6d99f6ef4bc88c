"""The last hidden layer's signs from values of the output [CCHRSS24, section 4.5, "Last Hidden Layer"].

Above the last hidden layer the output is affine, f(x) = sum_j v_j max(0, s_j z_j(x)) + b with z_j the recovered
preactivation. As max(0, s z) = (s z + |z|) / 2, and as the jump at a critical point gives v_j whatever s_j is, the
unknowns s_j and b satisfy linear equations, one a point. The s_j come out as balls around +1 or -1.

`both_sides` solves for the coefficients of max(0, z_j) and max(0, -z_j) together, without the jumps: neuron j acts on
the side whose coefficient is proved not to be 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from precise.rounding.balls import Ball, Vector, middle, solve_consistent, surely_not_zero
from precise.rounding.regions import Region
from precise.signs.question import UNDECIDED, SignDecision, SignQuestion

EQUATIONS = 4  # an unknown


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
    """v_j of every neuron: the factor between the output's jump and the neuron's local map, where only it changes."""
    found: dict[int, Ball] = {}
    known, view = question.known, question.view
    places = [(region, view.balls(region.centre)) for region in question.regions]
    patterns = [known.pattern(place) for _, place in places]
    for (a, place), (b, _), pa, pb in zip(places, places[1:], patterns, patterns[1:]):
        changed = [j for j, (s, t) in enumerate(zip(pa[-1], pb[-1], strict=True)) if s * t < 0]
        if pa[:-1] != pb[:-1] or len(changed) != 1 or 0 in pa[-1] or 0 in pb[-1] or changed[0] in found:
            continue
        j = changed[0]
        local = known.local(place)
        if local is None:
            continue
        c = max(range(view.width), key=lambda c: abs(middle(local.rows[j][c])))
        if surely_not_zero(local.rows[j][c]):
            found[j] = (b.gradient[c] - a.gradient[c]) / local.rows[j][c] * pb[-1][j]
    return [found[j] for j in range(len(known.layers[-1]))] if len(found) == len(known.layers[-1]) else None


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
