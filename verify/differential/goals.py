"""What a search is for: to decide a claim, or to close in on a maximum. Points count only by exact replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from verify.differential import attack
from verify.differential.bounds import Array
from verify.differential.branch_and_bound import Stop
from verify.differential.problem import Problem, to_near
from verify.differential.question import Question
from verify.properties.claim import Claim
from verify.verdict import Witness

POLISH = 16  # of so many points that the search meets, one is a start for the attack


class Refuter:
    """The goal of deciding a claim: candidate points are replayed, the thresholds are the limits."""

    def __init__(self, question: Question, claim: Claim, problem: Problem) -> None:
        self.question, self.claim, self.problem = question, claim, problem
        self.witness: Witness | None = None

    def limit(self, target: int) -> float:
        """What the bounds of a target have to meet."""
        return self.problem.targets[target].threshold

    def offer(self, points: Array, target: int) -> None:
        """Replay what floats find promising; the first point that refutes the claim is the witness.

        Raises:
            Stop: there is one.
        """
        wanted = self.problem.targets[target]
        found = attack.outputs(self.problem.layers, points)
        promising = found @ wanted.row >= wanted.threshold - abs(wanted.threshold) * 2.0**-40
        for point in points[promising][:4]:
            self.witness = self.question.replayed(self.claim, point)
            if self.witness is not None:
                raise Stop


class Climber:
    """The goal of the maximum: candidate points raise what is attained, and with it the limits."""

    def __init__(self, question: Question, problem: Problem, gap: float) -> None:
        self.question, self.problem, self.gap = question, problem, gap
        self.attained, self.near = fmpq(0), 0.0  # exactly, and in float64
        self.point: tuple[fmpq, ...] | None = None  # where that is attained
        self.offers = 0

    def limit(self, target: int) -> float:
        """What the bounds of a target have to meet."""
        return self.near * (1 + self.gap / 2)  # half of the gap is left for rounding

    def offer(self, points: Array, target: int) -> None:
        """Take candidate points, shape (points, inputs)."""
        row = self.problem.targets[target].row
        if self.offers % POLISH == 0:
            points = np.concatenate([points, self.question.climbed(row, points)[:1]])
        self.offers += 1
        values = attack.outputs(self.problem.layers, points) @ row
        for i in np.argsort(-values)[:2]:
            if values[i] > self.near:
                self.try_point(points[i])

    def try_point(self, point: Array) -> None:
        """Try the exact points behind a float one."""
        for exact in attack.exact_points(self.question.domain, point, self.question.inner):
            self.try_exact(exact)

    def try_exact(self, point: Sequence[fmpq]) -> None:
        """What a point of the domain attains counts if it is more than what is known."""
        if self.question.domain.contains(point):
            outputs = zip(self.question.first(point), self.question.second(point), strict=True)
            value = max(abs(b - a) for a, b in outputs)
            if value > self.attained:
                self.attained, self.point, self.near = value, tuple(point), to_near(value)
