"""Neuron wiggle [CCHRSS24, section 4.4]: which side of a critical point moves the output more.

At a critical point of neuron j, move along +d and -d, with d chosen so that the layer's preactivations change by as
little as possible except that of j: d is column j of the pseudo-inverse of the local map. On the active side the
neuron's output changes as well, on the other only the rest; |f(x + d) - f(x)| and |f(x - d) - f(x)| are compared.
Where the map has full rank the rest does not move at all. Otherwise the larger side may be the wrong one, and points
vote.

A vote counts only if the balls of both changes do not overlap. Its weight is [FMSH24]'s confidence, | |R| - |L| | /
max(|R|, |L|). Neurons whose first EASY_POINTS votes are unanimous and confident are *easy*; hard ones get MOST_POINTS,
after which [FMSH24] found that further points change little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from precise.rounding.balls import Ball, Floats, middle
from precise.rounding.view import GridPoint
from precise.signs.question import UNDECIDED, SignDecision, SignQuestion

EASY_POINTS = 5
MOST_POINTS = 15  # [FMSH24]: s = 15
EASY_CONFIDENCE = 0.5
STARTS, STEPS = 6, 12  # random starts for one critical point; Newton steps
ROOM = 0.5  # of the way to the next known border is walked


@dataclass
class Ballot:
    """The votes on one neuron: +confidence for the positive side, -confidence for the other."""

    votes: list[float] = field(default_factory=list)
    asked: int = 0  # critical points, also those that could not be told

    @property
    def confidence(self) -> float:
        """Of the majority, in [0, 1]: 1 if all votes are one-sided and agree."""
        return abs(sum(self.votes)) / len(self.votes) if self.votes else 0.0

    @property
    def easy(self) -> bool:
        """Are the votes so far unanimous and confident?"""
        return len({v > 0 for v in self.votes}) == 1 and self.confidence >= EASY_CONFIDENCE

    def decision(self) -> SignDecision:
        """The majority, weighted by confidence; never certain."""
        total = sum(self.votes)
        if not total:
            return UNDECIDED
        return SignDecision(1 if total > 0 else -1, False, self.confidence, self.asked)


def wiggle(question: SignQuestion) -> list[SignDecision]:
    """Votes of EASY_POINTS critical points a neuron, of MOST_POINTS for hard ones."""
    return [ballot.decision() for ballot in ballots(question, EASY_POINTS, MOST_POINTS)]


def ballots(question: SignQuestion, easy: int, most: int) -> list[Ballot]:
    """The votes themselves; `easy` = `most` asks so many points of every neuron."""
    found = [Ballot() for _ in question.known.layers[-1]]
    _poll(question, found, list(range(len(found))), easy)
    hard = [j for j, ballot in enumerate(found) if not ballot.easy]
    if hard and most > easy:
        _poll(question, found, hard, most - easy)
    return found


def _poll(question: SignQuestion, found: list[Ballot], neurons: Sequence[int], points: int) -> None:
    generator = np.random.default_rng(question.random.getrandbits(63))
    places: list[tuple[int, GridPoint, GridPoint, GridPoint]] = []
    for j in neurons:
        for _ in range(points):
            place = _place(question, j, generator)
            if place is not None:
                places.append((j, *place))
    answers = question.view.ask([point for _, *triple in places for point in triple])
    for number, (j, *_) in enumerate(places):
        left, at, right = answers[3 * number : 3 * number + 3]
        found[j].asked += 1
        vote = _vote(abs(left - at), abs(right - at))
        if vote is not None:
            found[j].votes.append(vote)


def _vote(left: Ball, right: Ball) -> float | None:
    if left.overlaps(right):
        return None
    largest = max(middle(left), middle(right))
    return (middle(right) - middle(left)) / largest


def _place(
    question: SignQuestion, neuron: int, generator: np.random.Generator
) -> tuple[GridPoint, GridPoint, GridPoint] | None:
    """(x - d, x, x + d) for a random critical point x of a neuron."""
    for _ in range(STARTS):
        start = generator.standard_normal(question.view.width) * 2.0 ** generator.integers(0, 4)
        point = _critical(question, start, neuron)
        if point is None:
            continue
        maps = question.known.float_local(point)
        direction: Floats = np.asarray(np.linalg.pinv(maps[-1][0])[:, neuron], dtype=np.float64)
        if not maps[-1][0][neuron] @ direction > 0:
            continue
        length = ROOM * _room(maps, direction, neuron)
        at, moved = question.view.nearest(point), question.view.nearest(direction * length)
        if any(moved):
            return [a - m for a, m in zip(at, moved)], at, [a + m for a, m in zip(at, moved)]
    return None


def _critical(question: SignQuestion, start: Floats, neuron: int) -> Floats | None:
    point = start
    for _ in range(STEPS):
        rows, values = question.known.float_local(point)[-1]
        row, value = rows[neuron], float(values[neuron])
        steep = float(row @ row)
        if steep == 0 or np.abs(point).max() > 2**8:
            return None
        if abs(value) <= 2.0**-40 * max(1.0, float(np.abs(row) @ np.abs(point))):
            return point
        point = point - row * (value / steep)
    return None


def _room(maps: Sequence[tuple[Floats, Floats]], direction: Floats, neuron: int) -> float:
    """How far along +-direction no other known neuron changes its state; at most the direction's length times 8."""
    shortest = 8.0
    for number, (rows, values) in enumerate(maps):
        speed = np.abs(rows @ direction)
        gap = np.abs(values)
        if number == len(maps) - 1:
            speed[neuron] = 0.0
        moving = speed > 1e-9
        if moving.any():
            shortest = min(shortest, float((gap[moving] / speed[moving]).min()))
    return shortest
