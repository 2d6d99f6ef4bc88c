"""Claims decided by bounds: attack, branch and bound, a certificate, and what is left settled exactly."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import inf

import numpy as np
from flint import fmpq

from precise.arithmetic import to_text
from precise.executors import Workers
from precise.network import Network
from verify.certificate import MANTISSA, Certificate, assemble, sealed
from verify.checker.check import Proved, evaluate
from verify.decision import Decision, Effort, Engine, refuted
from verify.differential import attack
from verify.differential.bounds import Part
from verify.differential.branch_and_bound import Search, Stop, search
from verify.differential.finish import MOST_INPUTS, finish
from verify.differential.goals import Climber, Refuter
from verify.differential.kept import Kept
from verify.differential.problem import Problem, by_rule_alone, split_by_phase, to_near
from verify.differential.question import Question
from verify.differential.ranges import narrowed
from verify.properties.claim import Claim, SameTop1, Within, is_equality, replay, short, within
from verify.properties.domain import Domain
from verify.verdict import Outcome, Verdict, Witness

FIRST_STARTS, STARTS = 4, 32  # of the attack, per target: before and after the first bounds
FIRST_ATTACK, BORDERS, ATTACK = 0.1, 0.2, 0.35  # shares of the time after which these give way to what follows
RANGES = 0.25  # share of the time for the ranges of inner differences, at most
LINEAR_PROGRAM = 20.0  # seconds for one at most
SHORT = 200  # parts of a search by values, before one by phase with its ranges is worth its beginning
CHECKING = 0.6  # share of the time for the search; the rest is for the exact check of what it found


def decide_by_bounds(
    first: Network,
    second: Network,
    domain: Domain,
    claim: Claim,
    effort: Effort,
    before: tuple[int, int] | None = None,
) -> Decision:
    """Decide a claim about f and g on a domain.

    Args:
        first: f.
        second: g.
        domain: of the inputs.
        claim: any of the claims.
        effort: how long and how hard to try.
        before: the neuron of f that is split before all others, (layer from 1, neuron from 0).

    Raises:
        InputError: as in `verify.equivalence.decide`.
    """
    begun = time.monotonic()
    return _Run(Question(first, second, domain), effort, begun, before).decide(claim)


def maximum_by_bounds(
    first: Network, second: Network, domain: Domain, effort: Effort, gap: float, by_phase: bool
) -> Decision:
    """The maximum of |g - f| on a domain, attained and proved, as `verify.equivalence.maximum` says it.

    Raises:
        InputError: as there.
    """
    begun = time.monotonic()
    return _Run(Question(first, second, domain), effort, begun).maximum(gap, by_phase)


class _TimeOver(Exception):
    """The exact check would take longer than the user wants to wait."""


class _Run:
    def __init__(self, question: Question, effort: Effort, begun: float, before: tuple[int, int] | None = None) -> None:
        self.question, self.effort = question, effort
        self.before = None if before is None else question.block(*before)
        self.first, self.second, self.domain = question.first, question.second, question.domain
        self.begun = self.searching = begun  # on the clock of `time.monotonic`

    def problem(self, claim: Claim) -> Problem:
        problem = self.question.problem(claim, min(LINEAR_PROGRAM, self.effort.seconds / 10))
        return replace(problem, before=self.before)

    def decide(self, claim: Claim) -> Decision:
        problem = self.problem(claim)
        goal = Refuter(self.question, claim, problem)
        root = self.question.whole()
        numbers = range(len(problem.targets))
        executions = None
        if not all(by_rule_alone(problem, root, t, goal.limit(t)) for t in numbers):  # else a proof is near
            try:
                self.attack(problem, goal, FIRST_STARTS)
                if isinstance(claim, SameTop1):
                    self.attack_borders(problem, goal)
            except Stop:
                return self.different(claim, goal.witness)
            # side conditions may fail in executions that stand for an input
            executions = self.question.executions() if isinstance(claim, Within) and not problem.exact else None
        found, by_phase = self.search(problem, root, goal, inf if executions is None else SHORT), False
        if executions is not None and found.cut_off and time.monotonic() < self.deadline():
            found, by_phase = self.by_phase_first(problem, executions, root, goal)
        if goal.witness is not None:
            return self.different(claim, goal.witness)
        return self.proved(claim, problem, found, by_phase)

    def maximum(self, gap: float, by_phase: bool) -> Decision:
        zero = within(0, self.first.output_width)
        problem = replace(self.problem(zero), exact=False)
        goal = Climber(self.question, problem, gap)
        self.attack(problem, goal, FIRST_STARTS)
        root, executions = self.question.whole(), self.question.executions() if by_phase else None
        if executions is None:
            found, phases = self.search(problem, root, goal), False
        else:
            found, phases = self.by_phase_first(problem, executions, root, goal)
        certificate, proved = self.certified(zero, None if goal.near == 0.0 else MANTISSA, found, phases)
        close = goal.attained * (1 + _exact(gap))
        while (upper := _greatest(proved)) > close and self.finishable(found) and not phases:
            near = within(close, self.first.output_width)
            fresh = _copied(certificate) | {"claim": near.to_json()}
            point = finish(fresh, self.first, self.second, self.end())
            if point is None:
                certificate, proved = self.better(certificate, fresh, found, proved)
                upper = _greatest(proved)
                break
            goal.try_exact(point)
            close = goal.attained * (1 + _exact(gap))
        claim = Within((max(upper, fmpq(0)),) * self.first.output_width)
        certificate = sealed(certificate, claim, proved)
        details: dict[str, object] = {
            "attained": to_text(goal.attained),
            "proved": to_text(claim.epsilon[0]),
            "point": [to_text(v) for v in goal.point or ()],
            **self.figures(found, proved),
        }
        text = f"attained {short(goal.attained)}, proved at most {short(claim.epsilon[0])}"
        closed = upper <= close
        outcome = Outcome.UNKNOWN if not closed else Outcome.EQUIVALENT if upper > 0 else Outcome.EQUAL
        verdict = Verdict(outcome, self.domain.describe(), claim.describe(), text, None, details)
        history = [*found.history, (time.monotonic() - self.searching, to_near(upper))] if found.history else []
        return Decision(verdict, certificate, history, found.interrupted)

    def by_phase_first(
        self, problem: Problem, executions: Part, root: Part, goal: Refuter | Climber
    ) -> tuple[Search, bool]:
        """The search by phase, or by values if that one ends early without a proof; and whether it was by phase."""
        found = self.by_phase(problem, executions, goal)
        if found.closed or found.interrupted or found.stopped or self.left() <= self.effort.seconds / 2:
            return found, True
        # every phase is decided somewhere, and executions still reach further than inputs
        return self.search(problem, root, goal), False

    def by_phase(self, problem: Problem, root: Part, goal: Refuter | Climber) -> Search:
        """The search by phase, after one for the ranges of inner differences."""
        self.effort.tracer("ranges of the differences within")
        workers = Workers(self.effort.jobs, self.effort.scheduler)
        end = self.begun + RANGES * self.effort.seconds
        ranges = narrowed(problem, root, end, workers, self.kept())
        found = self.search(problem, ranges.root, goal, over=ranges.interrupted)
        interrupted = found.interrupted or ranges.interrupted
        return replace(found, tighten=ranges.tighten + found.tighten, interrupted=interrupted)

    def search(
        self, problem: Problem, root: Part, goal: Refuter | Climber, most: float = inf, over: bool = False
    ) -> Search:
        self.effort.tracer("branch and bound")
        self.searching = time.monotonic()
        again = partial(self.attack, problem, goal, STARTS)
        workers = Workers(self.effort.jobs, self.effort.scheduler)
        deadline = self.begun if over else self.deadline()
        diving = isinstance(goal, Climber) and split_by_phase(root)
        found = search(problem, root, goal, deadline, workers, again, self.kept(), diving, most)
        # parts without an input have a bound of minus infinity, which neither a plot nor JSON can show
        return replace(found, history=[entry for entry in found.history if np.isfinite(entry[1])])

    def kept(self) -> Kept | None:
        """The looks in the checkpoint, if there is one."""
        return None if self.effort.journal is None else Kept(self.effort.journal)

    def attack(self, problem: Problem, goal: Refuter | Climber, count: int) -> None:
        points = self.question.starts(count, self.effort.seed)
        share = FIRST_ATTACK if count == FIRST_STARTS else ATTACK
        for number, target in enumerate(problem.targets):
            if number > 0 and self.used() > share:
                return
            goal.offer(self.question.climbed(target.row, points)[:4], number)

    def attack_borders(self, problem: Problem, goal: Refuter) -> None:
        """Points between the two networks' decision borders, however close these are."""
        points = self.question.starts(FIRST_STARTS, self.effort.seed)
        count = self.first.output_width
        rows = count * np.eye(count, 2 * count)
        rows[:, :count] -= 1.0  # one output against the mean of all
        ends = [next(attack.exact_points(self.domain, self.question.climbed(r, points)[0], None)) for r in rows]
        for one, other in combinations(ends, 2):
            if self.used() > BORDERS:
                return
            point = attack.between_classes(self.first, self.second, one, other)
            if point is not None:
                goal.witness = replay(goal.claim, self.domain, self.first, self.second, point)
                if goal.witness is not None:
                    raise Stop

    def different(self, claim: Claim, witness: Witness | None) -> Decision:
        assert witness is not None
        seconds = time.monotonic() - self.begun
        return refuted(claim, self.domain, self.first, self.second, witness, Engine.BOUNDS, seconds)

    def proved(self, claim: Claim, problem: Problem, found: Search, by_phase: bool) -> Decision:
        certificate, proved = self.certified(claim, None if problem.exact else MANTISSA, found, by_phase)
        if not proved.holds and self.finishable(found) and not by_phase:
            self.effort.tracer("settling what is open exactly")
            fresh = _copied(certificate)
            point = finish(fresh, self.first, self.second, self.end())
            if point is not None and (witness := replay(claim, self.domain, self.first, self.second, point)):
                return self.different(claim, witness)
            certificate, proved = self.better(certificate, fresh, found, proved)
        details = self.figures(found, proved)
        if not proved.holds:
            worst = max(b - t for b, t in zip(proved.bounds, proved.thresholds) if b is not None)
            over = f"the proved bound is above what the claim needs by {short(worst)}"
            text = f"{over} after {found.nodes} parts; {found.open} are open: give more time or a smaller domain"
            text = f"interrupted; {text}" if found.interrupted else text
            verdict = Verdict(Outcome.UNKNOWN, self.domain.describe(), claim.describe(), text, None, details)
            return Decision(verdict, None, found.history, found.interrupted)
        certificate = sealed(certificate, claim, proved)
        same = is_equality(claim)
        outcome = Outcome.EQUAL if same else Outcome.EQUIVALENT
        text = f"proved by a certificate of {proved.leaves} leaves, checked in exact arithmetic"
        verdict = Verdict(outcome, self.domain.describe(), claim.describe(), text, None, details)
        return Decision(verdict, certificate, found.history, found.interrupted)

    def certified(
        self, claim: Claim, mantissa: int | None, found: Search, phases: bool = False
    ) -> tuple[Certificate, Proved]:
        """The search's trees with what they prove; without their splits if that takes too long to find out."""
        self.effort.tracer(f"checking {found.nodes} parts in exact arithmetic")
        parts = self.first, self.second, self.domain, claim, self.question.pairs, mantissa
        certificate = assemble(*parts, found.tighten, found.trees, phases)
        try:
            return certificate, self.evaluated(certificate, found)
        except _TimeOver:
            certificate = assemble(*parts, found.tighten, [[{"leaf": {}}] for _ in found.trees], phases)
            return certificate, evaluate(certificate, self.first, self.second, layers=self.question.joint)

    def better(self, old: Certificate, fresh: Certificate, found: Search, proved: Proved) -> tuple[Certificate, Proved]:
        """A finished certificate with what it proves; if that takes too long to find out, the old one with its own."""
        try:
            return fresh, self.evaluated(fresh, replace(found, closed=True))
        except _TimeOver:
            return old, proved

    def evaluated(self, certificate: Certificate, found: Search) -> Proved:
        """What a certificate proves.

        Raises:
            _TimeOver: the time was over; a search that has found a proof gets as much again.
        """
        end = self.end() + (self.effort.seconds if found.closed else 0.0)

        def watch() -> None:
            if time.monotonic() > end:
                raise _TimeOver

        return evaluate(certificate, self.first, self.second, watch, self.question.joint)

    def finishable(self, found: Search) -> bool:
        return self.left() > 0 and not found.interrupted and self.domain.inputs <= MOST_INPUTS

    def figures(self, found: Search, proved: Proved) -> dict[str, object]:
        return {
            "engine": Engine.BOUNDS.value,
            "bounds": [None if b is None else to_text(b) for b in proved.bounds],
            "parts": found.nodes,
            "leaves": proved.leaves,
            "open": found.open,
            "seconds": round(time.monotonic() - self.begun, 3),
        }

    def deadline(self) -> float:
        return self.begun + CHECKING * self.effort.seconds

    def end(self) -> float:
        return self.begun + self.effort.seconds

    def used(self) -> float:
        """The share of the time that is over."""
        return (time.monotonic() - self.begun) / max(self.effort.seconds, 1e-9)

    def left(self) -> float:
        return self.end() - time.monotonic()


def _copied(certificate: Certificate) -> Certificate:
    """A certificate whose trees may grow."""
    return certificate | {"trees": [list(tree) for tree in certificate["trees"]]}


def _greatest(proved: Proved) -> fmpq:
    return max((b for b in proved.bounds if b is not None), default=fmpq(0))


def _exact(value: float) -> fmpq:
    return fmpq(*map(int, value.as_integer_ratio()))
