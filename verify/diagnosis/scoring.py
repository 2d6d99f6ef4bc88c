"""What a tool said about a planted case, and how well that names what was planted.

A case is named *exactly* if the named faults are the planted ones, kind, layer and neurons; *as one of several* if the
planted ones are among the explanations that the tool calls equally good (a factor that one weight could have as well);
*partly* if some planted fault is named; else *missed*. A fault that was not planted and is claimed as certain counts as
*wrong with certainty*, whatever else is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from precise.network import Network
from verify.diagnosis.planting import Place


@dataclass(frozen=True)
class Answer:
    """What a tool says about a case."""

    named: tuple[Place, ...]
    certain: tuple[bool, ...]  # by named fault: is it claimed as certain?
    alternatives: tuple[frozenset[Place], ...] = ()  # other explanations that it calls equally good
    proved: bool | None = None  # is the network that it repaired proved equal? None: it repairs none


Tool = Callable[[Network, Network], Answer]


class Score(Enum):
    """How well the planted faults were named; the value is the word for reports."""

    EXACT = "exactly"
    AMONG = "as one of several"
    PARTLY = "partly"
    MISSED = "missed"


@dataclass(frozen=True)
class Result:
    """One case and what became of it."""

    run: int
    shape: str
    seed: int  # of the planting: shape, kinds and seed give the same case again
    rewritten: bool
    planted: tuple[Place, ...]
    answer: Answer
    score: Score
    wrong: tuple[Place, ...]  # named with certainty and not planted
    seconds: float  # of processor time

    def to_json(self) -> dict[str, object]:
        """The case for programs."""
        return {
            "run": self.run,
            "shape": self.shape,
            "seed": self.seed,
            "rewritten": self.rewritten,
            "planted": [list(place) for place in self.planted],
            "named": [list(place) for place in self.answer.named],
            "certain": list(self.answer.certain),
            "alternatives": [sorted(map(list, other)) for other in self.answer.alternatives],
            "repair_proved": self.answer.proved,
            "score": self.score.value,
            "wrong_with_certainty": [list(place) for place in self.wrong],
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, case: dict[str, Any]) -> Result:
        """The case that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        answer = Answer(
            _places(case["named"]),
            tuple(map(bool, case["certain"])),
            tuple(frozenset(_places(other)) for other in case["alternatives"]),
            case["repair_proved"],
        )
        return cls(
            int(case["run"]),
            str(case["shape"]),
            int(case["seed"]),
            bool(case["rewritten"]),
            _places(case["planted"]),
            answer,
            Score(case["score"]),
            _places(case["wrong_with_certainty"]),
            float(case["seconds"]),
        )


def score(planted: set[Place], answer: Answer) -> Score:
    """How well the planted faults were named."""
    named = set(answer.named)
    if named == planted:
        return Score.EXACT
    if planted in [set(other) for other in answer.alternatives]:
        return Score.AMONG
    return Score.PARTLY if named & planted else Score.MISSED


def totals(results: Iterable[Result]) -> dict[str, int]:
    """The cases by score, and those with a fault that is claimed and was not planted."""
    listed = list(results)
    counts = Counter(result.score for result in listed)
    found = {kind.value: counts[kind] for kind in Score}
    return {"cases": len(listed), **found, "wrong with certainty": sum(bool(result.wrong) for result in listed)}


def _places(listed: Sequence[Sequence[Any]]) -> tuple[Place, ...]:
    return tuple((str(kind), int(layer), tuple(int(n) for n in neurons)) for kind, layer, neurons in listed)
