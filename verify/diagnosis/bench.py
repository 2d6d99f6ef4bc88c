"""Faults planted in many networks, and what a tool says of each: this project's diagnosis, or any other tool.

A case depends on the bench's seed and on its own number alone, and is kept in the journal when it is scored: so a bench
that was killed goes on, and the number of processes changes nothing but the time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np

from precise.executors import Workers, working
from precise.journal.file import Journal
from precise.network import Network
from precise.random_networks import random_network
from verify.diagnosis.fault import Certainty, Fault, Kind
from verify.diagnosis.planting import KINDS, Case, Place, plant
from verify.diagnosis.scoring import Answer, Result, Tool, score
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
    kinds: Sequence[Kind] = KINDS,
    shapes: Sequence[str] = SHAPES,
    runs: int = 100,
    seed: int = 0,
    jobs: int = 1,
    journal: Journal | None = None,
) -> Iterator[Result]:
    """Plant one or two faults, ask the tool, score; the shapes and kinds come in turn.

    Args:
        tool: what is measured.
        kinds: of the faults.
        shapes: widths of random networks, with a hidden layer each.
        runs: how many cases.
        seed: of everything.
        jobs: processes; with several, cases come in the order in which they are finished.
        journal: keeps every scored case; those of an earlier run come first and are not worked on again.

    Raises:
        InputError: a shape is none, no fault of these kinds changes its function, or the journal cannot be used.
    """
    waiting = []
    for run in range(runs):
        kept = None if journal is None else _kept(journal, run)
        if kept is None:
            waiting.append(run)
        else:
            yield kept
    if not waiting:
        return
    work = partial(_case, tool=tool, kinds=tuple(kinds), shapes=tuple(shapes), seed=seed)
    with working(lambda: work, Workers(jobs)) as map_cases:
        for number, result in map_cases(waiting):
            if journal is not None:
                journal.keep_outcome(_key(waiting[number]), json.dumps(result.to_json()))
            yield result


def _key(run: int) -> bytes:
    return sha256(f"case {run}".encode()).digest()


def _kept(journal: Journal, run: int) -> Result | None:
    text = journal.outcome(_key(run))
    if text is None:
        return None
    try:
        return Result.from_json(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise journal.unreadable() from error


def _case(run: int, tool: Tool, kinds: Sequence[Kind], shapes: Sequence[str], seed: int) -> Result:
    """One case, planted and scored."""
    generator = np.random.default_rng((seed, run))
    shape, round_ = shapes[run % len(shapes)], run // len(shapes)
    chosen = [kinds[(run + round_) % len(kinds)]]
    if round_ % 2:
        chosen.append(kinds[0])
    return _result(run, shape, _planted(shape, chosen, kinds, generator), tool)


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
