"""Neuron wiggle [CCHRSS24, section 4.4]: which side of a critical point moves the output more.

At a critical point of neuron j, move along +d and -d, with d chosen so that the layer's preactivations change by as
little as possible except that of j: see `places`. On the active side the neuron's output changes as well, on the other
only the rest; |f(x + d) - f(x)| and |f(x - d) - f(x)| are compared. Where the map has full rank the rest does not move
at all. Otherwise the larger side may be the wrong one, and points vote.

A vote counts only if the balls of both changes do not overlap. Its weight is [FMSH24]'s confidence, | |R| - |L| | /
max(|R|, |L|). Neurons whose first EASY_POINTS votes are unanimous and confident are *easy*; hard ones get MOST_POINTS,
after which [FMSH24] found that further points change little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from precise.rounding.balls import Ball, middle
from precise.rounding.view import GridPoint
from precise.signs.places import triple
from precise.signs.question import UNDECIDED, SignDecision, SignQuestion

EASY_POINTS = 5
MOST_POINTS = 15  # [FMSH24]: s = 15
EASY_CONFIDENCE = 0.5


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
            place = triple(question, j, generator)
            if place is not None:
                places.append((j, *place))
    answers = question.view.ask([point for _, *triple in places for point in triple])
    for number, (j, *_) in enumerate(places):
        left, at, right = answers[3 * number : 3 * number + 3]
        found[j].asked += 1
        told = vote(abs(left - at), abs(right - at))
        if told is not None:
            found[j].votes.append(told)


def vote(left: Ball, right: Ball) -> float | None:
    """+confidence or -confidence from the sizes of both changes; None if they cannot be told apart."""
    if left.overlaps(right):
        return None
    largest = max(middle(left), middle(right))
    return (middle(right) - middle(left)) / largest
