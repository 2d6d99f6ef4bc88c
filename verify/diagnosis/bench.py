"""How well a diagnosis names what was planted: this project's own, or any other tool's.

A case is named *exactly* if the named faults are the planted ones, kind, layer and neurons; *as one of several* if the
planted ones are among the explanations that the tool calls equally good (a factor that one weight could have as well);
*partly* if some planted fault is named; else *missed*. A fault that was not planted and is claimed as certain counts as
*wrong with certainty*, whatever else is right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from precise.network import Network
from precise.random_networks import random_network
from verify.diagnosis.fault import Certainty, Fault, Kind
from verify.diagnosis.planting import Case, Place, plant
from verify.diagnosis.white_box import diagnose
from verify.errors import InputError

SHAPES = (
    "10-5x2-1",
    "10-15x2-1",
    "20-10x2-3",
    "8-6x3-2",
    "6-4x3-1",
    "16-8x4-1",
    "30-8x2-1",
    "12-12x3-4",
    "5-20-1",
    "40-20-5",
    "4-8x2-2",
    "20-16x2-10",
    "64-16x2-10",
    "100-30x2-1",
    "10-10x6-1",
    "784-8x2-1",
    "784-16x2-1",
    "784-16x3-1",
    "784-32x2-1",
    "784-16x8-1",
)

ATTEMPTS = 10  # to plant a case, the second half of them in copies that are as they were


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


def own_tool(original: Network, recovered: Network) -> Answer:
    """This project's diagnosis with the original at hand; inputs that show the faults are not looked for."""
    found = diagnose(original, recovered, seconds=0)
    return Answer(
        tuple(place_of(fault) for fault in found.faults),
        tuple(fault.certainty is Certainty.PROVED for fault in found.faults),
        tuple(frozenset(place_of(fault) for fault in other) for other in found.alternatives),
        found.repaired is not None,
    )


def foreign_tool(function: Callable[[Network, Network], Iterable[Any]], name: str) -> Tool:
    """Someone else's function as a tool: it returns (kind, layer, neurons) for every fault, and stands by all of them.

    Args:
        function: takes the original and the recovered network.
        name: for messages.
    """
    words = {kind.value for kind in Kind}

    def tool(original: Network, recovered: Network) -> Answer:
        named = []
        for item in function(original, recovered):
            try:
                word, layer, neurons = item
                place = (str(getattr(word, "value", word)), int(layer), tuple(sorted(int(n) for n in neurons)))
            except (TypeError, ValueError) as error:
                raise InputError(f"{name}: expected faults (kind, layer, neurons), not {item!r}") from error
            if place[0] not in words:
                raise InputError(f"{name}: expected one of {', '.join(sorted(words))}, not {place[0]!r}")
            named.append(place)
        return Answer(tuple(named), (True,) * len(named))

    return tool


def place_of(fault: Fault) -> Place:
    """What of a fault is compared."""
    return fault.kind.value, fault.layer, tuple(sorted(fault.neurons))


def run_bench(
    tool: Tool,
    kinds: Sequence[Kind] = tuple(Kind),
    shapes: Sequence[str] = SHAPES,
    runs: int = 100,
    seed: int = 0,
) -> Iterator[Result]:
    """Plant one or two faults, ask the tool, score; the shapes and kinds come in turn.

    Args:
        tool: what is measured.
        kinds: of the faults.
        shapes: widths of random networks, with a hidden layer each.
        runs: how many cases.
        seed: of everything.

    Raises:
        InputError: a shape is none, or no fault of these kinds changes its function.
    """
    for run in range(runs):
        generator = np.random.default_rng((seed, run))
        shape = shapes[run % len(shapes)]
        round_ = run // len(shapes)
        chosen = [kinds[(run + round_) % len(kinds)]]
        if round_ % 2:
            chosen.append(kinds[0])
        yield _result(run, shape, _planted(shape, chosen, kinds, generator), tool)


def _planted(
    shape: str, chosen: list[Kind], kinds: Sequence[Kind], generator: np.random.Generator
) -> tuple[Case, int, bool]:
    """A case with the first of the chosen kinds; a second one is drawn, as some pairs have no room in some shapes.

    The same goes for copies on other scales, of which some faults cannot be told (see `verify.diagnosis.planting`).
    """
    rewritten = bool(generator.integers(2))
    for attempt in range(ATTEMPTS):
        rewritten = rewritten and attempt < ATTEMPTS // 2
        number = int(generator.integers(2**31))
        drawn = [*chosen[:1], *(kinds[int(generator.integers(len(kinds)))] for _ in chosen[1:])]
        case = plant(random_network(shape, number), drawn, number, rewritten)
        if case is not None:
            return case, number, rewritten
    raise InputError(f"{shape}: expected a network whose function changes by {len(chosen)} of the kinds of faults")


def _result(run: int, shape: str, planted: tuple[Case, int, bool], tool: Tool) -> Result:
    case, number, rewritten = planted
    started = time.process_time()
    answer = tool(case.original, case.recovered)
    seconds = time.process_time() - started
    places = case.places
    wrong = tuple(p for p, sure in zip(answer.named, answer.certain, strict=True) if sure and p not in places)
    return Result(
        run,
        shape,
        number,
        rewritten,
        tuple(sorted(places)),
        answer,
        score(places, answer),
        wrong,
        seconds,
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
