"""The same questions to `verify equivalent` and to its peers, in one run: solved, processor time, false answers.

A question is a pair of networks, a box and an epsilon. Some pairs keep to epsilon, others break it. The truth is
what is proved with a certificate that the checker accepts, or shown at a point that is replayed exactly. An answer
is false if it contradicts that. The product MILP and Marabou get floats, as their users give them, and both work
to tolerances of about 1e-6; Z3 is exact. Marabou is asked if `maraboupy` is there, in a process of its own whose
start (0.3 s) counts too. Every method has a process of its own, which is ended after so many processor seconds.
In brackets: processor seconds, and whether the point that a method gives for `differs` breaks the claim in exact
arithmetic.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from flint import fmpq

from benchmarks import marabou
from benchmarks.equivalence import processor_seconds
from benchmarks.equivalence_peers import plain_z3, product_milp
from benchmarks.equivalence_questions import Question, questions
from benchmarks.processor_clock import PATIENCE, processor_clock, within_processor_seconds
from precise.arithmetic import rational, to_float
from precise.formats.atomic_file import write_whole
from verify.checker import check
from verify.equivalence import Decision, Effort, Engine, decide
from verify.smt_decision import decide_by_z3
from verify.verdict import Outcome

HOLDS = {Outcome.EQUAL.value: True, Outcome.EQUIVALENT.value: True, Outcome.DIFFERENT.value: False}


@dataclass(frozen=True)
class Line:
    """What one method answered to one question."""

    question: str
    epsilon: str
    method: str
    holds: bool | None  # None: no answer in time
    processor: float  # seconds of all its processes
    false: bool | None  # the answer contradicts the truth; None: no answer, or the truth is not known
    replays: bool | None  # the point that it gives breaks the claim in exact arithmetic; None: it gives none


Answer = tuple[bool | None, list[float] | tuple[fmpq, ...] | None]


def by_bounds(question: Question, seconds: float) -> Answer:
    """`verify equivalent --engine bounds`; a certificate that the checker refuses is no proof."""
    effort = Effort(seconds=seconds, engine=Engine.BOUNDS)
    with processor_clock():
        decision = decide(question.first, question.second, question.domain, question.claim, effort)
    if decision.certificate is not None:
        check(decision.certificate, question.first, question.second)
    return _answer(decision)


def by_engine_z3(question: Question, seconds: float) -> Answer:
    """`verify equivalent --engine z3`, before it grows a certificate."""
    effort = Effort(seconds=PATIENCE * seconds)
    return _answer(
        decide_by_z3(question.first, question.second, question.domain, question.claim, effort, certify=False)
    )


def _answer(decision: Decision) -> Answer:
    witness = decision.verdict.witness
    return HOLDS.get(decision.verdict.outcome.value), None if witness is None else witness.point


def by_milp(question: Question, seconds: float) -> Answer:
    """The product MILP's maximum against epsilon."""
    found = product_milp(question.first, question.second, question.domain, PATIENCE * seconds).largest
    return None if found is None else found <= to_float(rational(question.epsilon)), None


def by_plain_z3(question: Question, seconds: float) -> Answer:
    """Z3 on the exported script."""
    answer = plain_z3(question.first, question.second, question.domain, question.claim, PATIENCE * seconds)
    return answer.holds, None


def by_marabou(question: Question, seconds: float) -> Answer:
    """Marabou, with the point that it calls a counterexample."""
    holds, point = marabou.ask(question.first, question.second, question.domain, question.claim, PATIENCE * seconds)
    return holds, point if holds is False else None


def methods() -> dict[str, Callable[[Question, float], Answer]]:
    """Name: method; `bounds` comes first, for it finds the truth."""
    found: dict[str, Callable[[Question, float], Answer]] = {
        "bounds": by_bounds,
        "engine z3": by_engine_z3,
        "plain Z3": by_plain_z3,
        "product MILP": by_milp,
    }
    return found | ({"Marabou": by_marabou} if marabou.is_there() else {})


def asked(question: Question, seconds: int) -> Iterator[Line]:
    """One question to every method."""
    truth: bool | None = None
    for name, method in methods().items():
        begun = processor_seconds()
        holds, point = within_processor_seconds(partial(method, question, seconds), seconds) or (None, None)
        spent = processor_seconds() - begun
        if name == "bounds":
            truth = holds
        false = None if holds is None or truth is None else holds is not truth
        replays = None if point is None else _replays(question, point)
        yield Line(question.name, question.epsilon, name, holds, spent, false, replays)


def _replays(question: Question, point: list[float] | tuple[fmpq, ...]) -> bool:
    exact = [rational(v) for v in point]
    outputs = question.first(exact), question.second(exact)
    return question.domain.contains(exact) and question.claim.refuted_by(*outputs)


def table(lines: list[Line]) -> str:
    """Answers and processor seconds, a row a question, a column a method; and what each method solved."""
    names = list(dict.fromkeys(line.method for line in lines))
    text = ["| Pair | epsilon | " + " | ".join(names) + " |", "| --- | --- |" + " --- |" * len(names)]
    for question in dict.fromkeys(line.question for line in lines):
        own = [line for line in lines if line.question == question]
        text.append(f"| {question} | {own[0].epsilon} | " + " | ".join(map(_cell, own)) + " |")
    return "\n".join([*text, "", *(summary(lines, name) for name in names)])


def _cell(line: Line) -> str:
    if line.holds is None:
        return f"no answer ({line.processor:.3g} s)"
    wrong = " **false**" if line.false else ""
    replays = ", no replay" if line.replays is False else ""
    return f"{'holds' if line.holds else 'differs'}{wrong} ({line.processor:.3g} s{replays})"


def summary(lines: list[Line], method: str) -> str:
    """One sentence on a method: solved, false answers, points that replay, and processor time beside `bounds`."""
    own = {line.question: line for line in lines if line.method == method}
    ours = {line.question: line for line in lines if line.method == "bounds"}
    right = [q for q, line in own.items() if line.false is False]
    both = [q for q in right if ours[q].holds is not None]
    points = [line.replays for line in own.values() if line.replays is not None]
    text = f"- {method}: {len(right)} of {len(own)} solved, {sum(line.false is True for line in own.values())} false"
    if points:
        text += f", {sum(points)} of {len(points)} points replay"
    if method != "bounds" and both:
        ratio = sum(own[q].processor for q in both) / sum(ours[q].processor for q in both)
        text += f"; processor time {ratio:.3g} times that of bounds, on the {len(both)} that both solve"
    return text


def main() -> None:
    """Ask what the file lacks, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only the pairs whose names contain one of these")
    parser.add_argument("--seconds", type=int, default=10, help="of a processor, for each question and method")
    parser.add_argument("--json", type=Path, help="keep the answers in this file as they come, and go on from them")
    options = parser.parse_args()
    kept = options.json is not None and options.json.exists()
    lines = [Line(**line) for line in json.loads(options.json.read_text())] if kept else []
    done = {line.question for line in lines}
    for question in questions():
        if question.name in done or (options.names and not any(name in question.name for name in options.names)):
            continue
        for line in asked(question, options.seconds):
            lines.append(line)
            print(f"{line.question}: {line.method}: {_cell(line)}", flush=True)
        if options.json:
            write_whole(options.json, (json.dumps([asdict(line) for line in lines], indent=1) + "\n").encode())
    print("\n" + table(lines))
    if not marabou.is_there():
        print("maraboupy is not installed: Marabou was not asked")


if __name__ == "__main__":
    main()
