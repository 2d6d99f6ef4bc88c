"""Best-first branch and bound over parts of the domain, on all cores, with an answer at any time.

Every node that was looked at keeps the proof of its bound, so the trees are a certificate whenever the search
stops: closed, out of time, or interrupted.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from precise.executors import Crew, Done, Workers, working
from verify.differential.bounds import ROUNDING, Array, Part, revived
from verify.differential.branching import Branching, Candidate, Split
from verify.differential.kept import Kept, key
from verify.differential.problem import Looker, Problem, Step, by_rule_alone, tightened_from

AHEAD = 8  # parts under way at once; a fixed number, so that the result does not depend on how many workers there are
FIRST_DIVES = 8  # so many before best-first begins in earnest: what they attain closes parts all the way
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
    bounds: list[float]  # per target, the greatest bound of a leaf: the search's own figures
    nodes: int  # parts looked at
    open: int  # leaves that do not meet the limit
    interrupted: bool = False  # by the user
    history: list[tuple[float, float]] = field(default_factory=list)  # (seconds, greatest bound)
    stopped: bool = False  # by the goal, to which points were offered
    cut_off: bool = False  # after as many parts as were allowed


class Stop(Exception):
    """The offered points decided the question: no bound is needed any more."""


def search(
    problem: Problem,
    root: Part,
    goal: Goal,
    deadline: float,
    workers: Workers,
    attack: Callable[[], None] = lambda: None,
    kept: Kept | None = None,
    diving: bool = False,
    most: float = math.inf,
) -> Search:
    """Bound every target until all leaves meet their limits, a counterexample is found, or time is up.

    As long as time is not up, the result does not depend on the workers.

    Args:
        problem: what to bound.
        root: the whole domain.
        goal: gives the limits and takes candidate points as they come up.
        deadline: on the clock of `time.monotonic`.
        workers: where parts are looked at; they start when the whole domain has to be split.
        attack: is called before that, to offer points to the goal.
        kept: of an earlier run, whose looks are not done again; takes those of this one.
        diving: some of the parts under way, at first all, are on the way down to where nothing is left to split.
            Best-first hardly ever gets there, and the points that it meets attain less.
        most: parts to look at, or hardly more.
    """
    run = _Run(problem, goal, kept, diving, most)
    try:
        run.begin(root, deadline)
        if run.unfinished():
            attack()
        if run.unfinished():
            start = partial(_looking, problem, replace(run.looker.root, vertices=()))
            with working(start, workers, fresh=True) as crew:
                run.work(crew, deadline)
    except KeyboardInterrupt:
        run.interrupted = True
    except Stop:
        return replace(run.result(), stopped=True)
    return run.result()


@dataclass(frozen=True)
class _Expansion:
    """A leaf to split, with all that a worker needs."""

    part: Part  # without its vertices
    split: Split
    target: int
    limit: float
    basis: bytes  # of the leaf's linear program


def _looking(problem: Problem, root: Part) -> Callable[[_Expansion], tuple[Step, Step]]:
    """What a worker does: look at both halves."""
    threadpool_limits(1)
    looker = Looker(problem, revived(root))

    def look(item: _Expansion) -> tuple[Step, Step]:
        low, high = looker.expand(item.part, item.split, item.target, item.limit, item.basis)
        return _bare(low), _bare(high)

    return look


def _bare(step: Step) -> Step:
    return replace(step, part=replace(step.part, vertices=()))


@dataclass(order=True)
class _Leaf:
    priority: float  # minus the excess of the bound over the limit: the worst leaf comes first
    order: int
    target: int = field(compare=False)
    step: Step = field(compare=False)
    place: int = field(compare=False)  # of its node in the tree
    dives: bool = field(compare=False, default=False)  # its better half is split next
    chosen: Candidate | None = field(compare=False, default=None)  # the split that is under way


class _Run:
    def __init__(self, problem: Problem, goal: Goal, kept: Kept | None, diving: bool, most: float) -> None:
        self.problem, self.goal, self.kept, self.diving, self.most = problem, goal, kept, diving, most
        self.dives, self.begun_dives = 0, 0  # that go on, and all
        self.ahead: list[_Leaf] = []  # where they go on, not in the queue
        self.tighten: list[Node] = []
        self.branching = Branching()
        self.trees: list[list[Node]] = [[{"leaf": {}}] for _ in problem.targets]
        self.queue: list[_Leaf] = []
        self.stuck: list[_Leaf] = []
        self.best = [-np.inf] * len(problem.targets)  # the greatest bounds of leaves that were closed
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
            step = self.first(root, t, last, math.inf if late else self.goal.limit(t))
            self.trees[t][0] = step.node
            self.keep(t, step, 0)
            self.offer(t, step)

    def keep(self, target: int, step: Step, place: int) -> None:
        """Keep a looked-at part as a leaf."""
        heapq.heappush(self.queue, self.leaf(target, step, place))

    def leaf(self, target: int, step: Step, place: int) -> _Leaf:
        """A looked-at part as a leaf."""
        self.nodes += 1
        return _Leaf(self.goal.limit(target) - step.bound, next(self.numbers), target, step, place)

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

    def first(self, root: Part, target: int, last: int, limit: float) -> Step:
        """The look at the whole domain."""
        place = key(root, None, target, limit)
        steps = None if self.kept is None else self.kept.steps(place, root)
        if steps is not None and len(steps) == 1:
            return steps[0]
        step = self.looker.look(root, target, last, limit)
        if self.kept is not None and limit < math.inf:
            self.kept.keep(place, root, (step,))
        return step

    def work(self, crew: Crew, deadline: float) -> None:
        """Split leaf after leaf; where it is interrupted, those that are under way stay leaves."""
        begun: deque[_Leaf] = deque()
        try:
            for steps in crew.in_order(lambda: self.item(begun, deadline), lambda: AHEAD, self.finished, deadline):
                self.settle(begun[0], steps)
                begun.popleft()
                self.note(begun)
        finally:
            for leaf in begun:
                heapq.heappush(self.queue, leaf)

    def item(self, begun: deque[_Leaf], deadline: float) -> _Expansion | Done | None:
        """The next leaf to split, or its halves where they are kept; None: there is none now, or it is enough."""
        if time.monotonic() >= deadline or self.nodes >= self.most or (leaf := self.next()) is None:
            return None
        limit = self.goal.limit(leaf.target)
        chosen = self.branching.best(leaf.target, leaf.step.splits, leaf.step.bound - limit)
        begun.append(replace(leaf, chosen=chosen))
        part = replace(leaf.step.part, vertices=())
        item = _Expansion(part, chosen.split, leaf.target, limit, leaf.step.basis)
        steps = None if self.kept is None else self.kept.steps(_key(item), part)
        return item if steps is None or len(steps) != 2 else Done(steps)

    def finished(self, item: _Expansion, steps: tuple[Step, Step]) -> None:
        """Keep what a look gave."""
        if self.kept is not None:
            self.kept.keep(_key(item), item.part, steps)

    def next(self) -> _Leaf | None:
        """Where a dive goes on; else the open leaf with the greatest excess that can be split."""
        while self.ahead:
            leaf = self.ahead.pop(0)
            if self.splittable(leaf):
                return leaf
            heapq.heappush(self.queue, replace(leaf, dives=False))
            self.dives -= 1
        while self.queue:
            leaf = heapq.heappop(self.queue)
            if not self.open(leaf):
                self.best[leaf.target] = max(self.best[leaf.target], leaf.step.bound)
            elif not leaf.step.splits:
                self.stuck.append(leaf)
            else:
                if self.diving and self.dives < (AHEAD if self.begun_dives < FIRST_DIVES else 1):
                    self.dives, self.begun_dives = self.dives + 1, self.begun_dives + 1
                    return replace(leaf, dives=True)
                return leaf
        return None

    def splittable(self, leaf: _Leaf) -> bool:
        """Whether a leaf is open and something is left to split."""
        return bool(leaf.step.splits) and self.open(leaf)

    def settle(self, leaf: _Leaf, steps: tuple[Step, Step]) -> None:
        """Replace a leaf by its two halves: the tree first, so that it is whole whenever the user interrupts."""
        assert leaf.chosen is not None
        steps = _no_worse(steps[0], leaf.step), _no_worse(steps[1], leaf.step)
        tree = self.trees[leaf.target]
        first = len(tree)
        kept = {key: value for key, value in leaf.step.node.items() if key == "tighten"}
        tree += [step.node for step in steps]
        tree[leaf.place] = kept | {"split": _written(leaf.chosen.split), "children": [first, first + 1]}
        limit = self.goal.limit(leaf.target)
        self.branching.learn(leaf.target, leaf.chosen, [leaf.step.bound - max(s.bound, limit) for s in steps])
        halves = [self.leaf(leaf.target, step, place) for place, step in enumerate(steps, first)]
        if leaf.dives:
            better, *halves = sorted(halves)  # the one with the greater bound
            self.ahead.append(replace(better, dives=True))
        for half in halves:
            heapq.heappush(self.queue, half)
        for step in steps:
            self.offer(leaf.target, step)

    def note(self, running: Iterable[_Leaf]) -> None:
        bounds = [leaf.step.bound for leaf in (*self.queue[:1], *self.stuck, *self.ahead, *running)]
        if bounds and (not self.history or max(bounds) < self.history[-1][1]):
            self.history.append((time.monotonic() - self.begun, max(bounds)))

    def result(self) -> Search:
        leaves = [*self.queue, *self.stuck, *self.ahead]
        left = [leaf for leaf in leaves if self.open(leaf)]
        bounds = list(self.best)
        for leaf in leaves:
            bounds[leaf.target] = max(bounds[leaf.target], leaf.step.bound)
        return Search(
            self.tighten,
            self.trees,
            closed=not left,
            bounds=bounds,
            nodes=self.nodes,
            open=len(left),
            interrupted=self.interrupted,
            history=self.history,
            cut_off=bool(left) and self.nodes >= self.most,
        )


def _no_worse(half: Step, whole: Step) -> Step:
    """The half, with the whole's multipliers where it has none as good: they bound every part of the whole."""
    if half.bound <= whole.bound or "duals" not in _leaf_of(whole):
        return half
    return replace(half, bound=whole.bound, size=whole.size, node=half.node | {"leaf": _leaf_of(whole)})


def _leaf_of(step: Step) -> Mapping[str, object]:
    leaf = step.node["leaf"]
    assert isinstance(leaf, dict)
    return leaf


def _written(split: Split) -> list[object]:
    if split[0] == "input":
        numerator, denominator = float(str(split[2])).as_integer_ratio()
        return ["input", split[1], f"{numerator}/{denominator}"]
    return list(split)


def _key(item: _Expansion) -> bytes:
    return key(item.part, item.split, item.target, item.limit)
