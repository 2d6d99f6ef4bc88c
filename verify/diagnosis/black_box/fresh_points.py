"""Do a network and an oracle agree at fresh points, exactly within the promised errors?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq

from precise.network import Network
from verify.diagnosis.black_box.answers import Answers, Questions
from verify.verdict import Witness

FRESH = 24
SCALES = (0.25, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Agreement:
    """Fresh points and where the network is refuted there."""

    answers: Answers
    predicted: list[list[fmpq]]
    refuted: list[int]  # points at which an output is farther from the answer than the promise allows

    @property
    def agree(self) -> bool:
        """Is the network refuted nowhere?"""
        return not self.refuted

    def witness(self, questions: Questions) -> Witness | None:
        """The point with the largest disagreement: the oracle's answer first."""
        if not self.refuted:
            return None
        worst = max(self.refuted, key=lambda n: _gap(self.predicted[n], self.answers.exact[n]))
        point = tuple(fmpq(int(c), 1 << questions.grid) for c in self.answers.points[worst])
        return Witness(point, tuple(self.answers.exact[worst]), tuple(self.predicted[worst]))


def fresh_answers(questions: Questions, generator: np.random.Generator, count: int = FRESH) -> Answers:
    """The oracle's answers at random points in all inputs.

    Raises:
        BudgetExceeded, OracleError: from the oracle.
    """
    width = questions.oracle.input_width
    scales = np.resize(np.array(SCALES), count)[:, None]
    points = questions.to_grid(scales * generator.standard_normal((count, width)))
    return questions.ask(points, range(width))


def agreement(network: Network, questions: Questions, answers: Answers) -> Agreement:
    """Compare the network's exact outputs with answers in all inputs."""
    predicted = network.evaluate(questions.batch(answers.points)).rows()
    return Agreement(answers, predicted, disagreeing(predicted, answers))


def disagreeing(predicted: list[list[fmpq]], answers: Answers) -> list[int]:
    """The points at which some output is proved to be another one."""
    rows = zip(predicted, answers.exact, answers.radii, strict=True)
    return [
        n
        for n, (mine, theirs, radii) in enumerate(rows)
        if any(abs(a - b) > r for a, b, r in zip(mine, theirs, radii, strict=True))
    ]


def _gap(mine: list[fmpq], theirs: list[fmpq]) -> fmpq:
    return max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
