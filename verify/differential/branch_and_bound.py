"""Best-first branch and bound over parts of the domain, on all cores, with an answer at any time.

Every node that was looked at keeps the proof of its bound, so the trees are a certificate whenever the search
stops: closed, out of time, or interrupted.
"""

from __future__ import annotations

import heapq
import math
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from verify.differential.bounds import ROUNDING, Array, Part, revived
from verify.differential.problem import Looker, Problem, Split, Step, by_rule_alone, tightened_from

Node = dict[str, object]


class Goal(Protocol):
    """What the search is for."""

    def limit(self, target: int) -> float:
        """What the bounds of a target have to meet, as of now."""

    def offer(self, points: Array, target: int) -> None:
        """Take candidate points, shape (points, inputs); may raise `Stop`."""


@dataclass(frozen=True)
class Search:
    """Where a search stopped."""

    tighten: list[Node]  # at the root, for all targets
    trees: list[list[Node]]  # per target, the root first
    closed: bool  # every leaf meets the limit
    upper: float  # the greatest bound of a leaf above its limit's zero: the search's own figure
    nodes: int  # parts looked at
    open: int  # leaves that do not meet the limit
    interrupted: bool = False  # by the user
    history: list[tuple[float, float]] = field(default_factory=list)  # (seconds, greatest bound)


class Stop(Exception):
    """The offered points decided the question: no bound is needed any more."""


def search(
    problem: Problem, root: Part, goal: Goal, deadline: float, jobs: int, attack: Callable[[], None] = lambda: None
) -> Search:
    """Bound every target until all leaves meet their limits, a counterexample is found, or time is up.

    Args:
        problem: what to bound.
        root: the whole domain.
        goal: gives the limits and takes candidate points as they come up.
        deadline: on the clock of `time.monotonic`.
        jobs: processes; they start when the whole domain has to be split.
        attack: is called before that, to offer points to the goal.
    """
    run = _Run(problem, goal)
    try:
        run.begin(root, deadline)
        if run.unfinished():
            attack()
        if run.unfinished():
            with _executor(run.looker, jobs) as executor:
                run.work(executor, deadline, 2 * jobs if jobs > 1 else 1)
    except KeyboardInterrupt:
        run.interrupted = True
    except Stop:
        pass
    return run.result()


@dataclass(order=True)
class _Leaf:
    priority: float  # minus the excess of the bound over the limit: the worst leaf comes first
    order: int
    target: int = field(compare=False)
    step: Step = field(compare=False)
    place: int = field(compare=False)  # of its node in the tree


class _Run:
    def __init__(self, problem: Problem, goal: Goal) -> None:
        self.problem, self.goal = problem, goal
        self.tighten: list[Node] = []
        self.trees: list[list[Node]] = [[{"leaf": {}}] for _ in problem.targets]
        self.queue: list[_Leaf] = []
        self.stuck: list[_Leaf] = []
        self.best: list[float] = []  # bounds of leaves that were closed
        self.numbers, self.nodes, self.begun = count(), 0, time.monotonic()
        self.history: list[tuple[float, float]] = []
        self.interrupted = False
        self.looker: Looker

    def begin(self, root: Part, deadline: float) -> None:
        """Look at the whole domain: by intervals, and if that is not enough with every neuron tightened.

        Once the deadline is over, targets get the rule's bound and no linear program.
        """
        targets = range(len(self.problem.targets))
        last = len(self.problem.layers)
        quick = [by_rule_alone(self.problem, root, t, self.goal.limit(t)) for t in targets]
        if not all(quick):
            root, self.tighten = tightened_from(self.problem, root, 1)
        self.looker = Looker(self.problem, root)
        for t in targets:
            late = time.monotonic() > deadline
            step = self.looker.look(root, t, last, math.inf if late else self.goal.limit(t))
            self.trees[t][0] = step.node
            self.keep(t, step, 0)
            self.offer(t, step)

    def keep(self, target: int, step: Step, place: int) -> None:
        """Keep a looked-at part as a leaf."""
        self.nodes += 1
        excess = step.bound - self.goal.limit(target)
        heapq.heappush(self.queue, _Leaf(-excess, next(self.numbers), target, step, place))

    def offer(self, target: int, step: Step) -> None:
        """Offer the points that a look has met."""
        if len(step.points):
            self.goal.offer(step.points, target)

    def unfinished(self) -> bool:
        """Whether a leaf is open."""
        return any(self.open(leaf) for leaf in self.queue)

    def open(self, leaf: _Leaf) -> bool:
        spare = ROUNDING * leaf.step.size
        return bool(leaf.step.bound + (-spare if self.problem.exact else spare) > self.goal.limit(leaf.target))

    def work(self, executor: Executor | None, deadline: float, width: int) -> None:
        running: dict[Future[tuple[Step, Step]], _Leaf] = {}
        try:
            while time.monotonic() < deadline:
                while self.queue and len(running) < width and (leaf := self.next()):
                    if executor is None:
                        self.expand(leaf)
                        break
                    running[_submit(executor, leaf, self.goal.limit(leaf.target))] = leaf
                self.note(running.values())
                if not running and (not self.queue or executor is not None):
                    return
                if running:
                    done, _ = wait(running, max(deadline - time.monotonic(), 0), FIRST_COMPLETED)
                    for future in done:
                        self.settle(running.pop(future), future.result())
        finally:
            for leaf in running.values():
                heapq.heappush(self.queue, leaf)

    def expand(self, leaf: _Leaf) -> None:
        """Split a leaf in this process; interrupted, it stays a leaf."""
        try:
            assert leaf.step.split is not None
            steps = self.looker.expand(leaf.step.part, leaf.step.split, leaf.target, self.goal.limit(leaf.target))
        except BaseException:
            heapq.heappush(self.queue, leaf)
            raise
        self.settle(leaf, steps)

    def next(self) -> _Leaf | None:
        """The open leaf with the greatest excess that can be split."""
        while self.queue:
            leaf = heapq.heappop(self.queue)
            if not self.open(leaf):
                self.best.append(leaf.step.bound)
            elif leaf.step.split is None:
                self.stuck.append(leaf)
            else:
                return leaf
        return None

    def settle(self, leaf: _Leaf, steps: tuple[Step, Step]) -> None:
        """Replace a leaf by its two halves: the tree first, so that it is whole whenever the user interrupts."""
        tree = self.trees[leaf.target]
        first = len(tree)
        kept = {key: value for key, value in leaf.step.node.items() if key == "tighten"}
        tree += [step.node for step in steps]
        tree[leaf.place] = kept | {"split": _written(leaf.step.split), "children": [first, first + 1]}
        for place, step in enumerate(steps, first):
            self.keep(leaf.target, step, place)
        for step in steps:
            self.offer(leaf.target, step)

    def note(self, running: Iterable[_Leaf]) -> None:
        bounds = [leaf.step.bound for leaf in (*self.queue[:1], *self.stuck, *running)]
        if bounds and (not self.history or max(bounds) < self.history[-1][1]):
            self.history.append((time.monotonic() - self.begun, max(bounds)))

    def result(self) -> Search:
        leaves = [*self.queue, *self.stuck]
        left = [leaf for leaf in leaves if self.open(leaf)]
        upper = max([*self.best, *(leaf.step.bound for leaf in leaves)], default=-np.inf)
        return Search(self.tighten, self.trees, not left, upper, self.nodes, len(left), self.interrupted, self.history)


def _written(split: Split | None) -> list[object]:
    assert split is not None
    if split[0] == "input":
        numerator, denominator = float(str(split[2])).as_integer_ratio()
        return ["input", split[1], f"{numerator}/{denominator}"]
    return list(split)


def _submit(executor: Executor, leaf: _Leaf, limit: float) -> Future[tuple[Step, Step]]:
    assert leaf.step.split is not None
    part = replace(leaf.step.part, vertices=())
    return executor.submit(_expand_there, part, leaf.step.split, leaf.target, limit)


_LOOKER: list[Looker] = []  # of a worker process


def _receive(problem: Problem, root: Part) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process hears of it and ends the search
    threadpool_limits(1)
    _LOOKER[:] = [Looker(problem, revived(root))]


def _expand_there(part: Part, split: Split, target: int, limit: float) -> tuple[Step, Step]:
    low, high = _LOOKER[0].expand(part, split, target, limit)
    return replace(low, part=replace(low.part, vertices=())), replace(high, part=replace(high.part, vertices=()))


@contextmanager
def _executor(looker: Looker, jobs: int) -> Iterator[Executor | None]:
    if jobs <= 1:
        yield None
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit the threads of numerical libraries
    executor = ProcessPoolExecutor(
        jobs, context, initializer=_receive, initargs=(looker.problem, replace(looker.root, vertices=()))
    )
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
