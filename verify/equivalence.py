"""Equivalence of two networks on a domain: attack, branch and bound, and a certificate that is checked.

Floating point searches here. A verdict `different` rests on the exact replay of a rational input, a verdict
`equal` or `equivalent` on a certificate that the independent checker has accepted, or on the canonical form.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import inf

import numpy as np
from flint import fmpq
from threadpoolctl import threadpool_limits

from precise.arithmetic import to_text
from precise.executors import Workers
from precise.network import Network
from verify.certificate import MANTISSA, Certificate, assemble, sealed
from verify.checker.check import Proved, Refused, evaluate, targets
from verify.checker.joint import joint
from verify.decision import Decision, Effort, Engine, refuted
from verify.differential import attack, bounds
from verify.differential.bounds import Array
from verify.differential.branch_and_bound import Search, Stop, search
from verify.differential.finish import MOST_INPUTS, finish
from verify.differential.kept import Kept
from verify.differential.linear_program import Facets
from verify.differential.pairing import pair_neurons
from verify.differential.problem import Problem, by_rule_alone, float_target, phases_fit, split_by_phase, to_near
from verify.differential.ranges import narrowed
from verify.equality.by_form import decide_by_form, maximum_by_form
from verify.errors import InputError
from verify.properties.claim import Claim, SameTop1, Within, is_equality, replay, short, within
from verify.properties.domain import Domain
from verify.verdict import Outcome, Verdict, Witness

__all__ = ["Decision", "Effort", "Engine", "decide", "maximum"]

FIRST_STARTS, STARTS = 4, 32  # of the attack, per target: before and after the first bounds
POLISH = 16  # of so many points that the search meets, one is a start for the attack
GAP = 1e-6  # relative distance of the proved maximum from the attained one
FIRST_ATTACK, BORDERS, ATTACK = 0.1, 0.2, 0.35  # shares of the time after which these give way to what follows
RANGES = 0.25  # share of the time for the ranges of inner differences, at most
LINEAR_PROGRAM = 20.0  # seconds for one at most
SHORT = 200  # parts of a search by values, before one by phase with its ranges is worth its beginning
SMALL = 32  # hidden neurons of both networks, up to which Z3 gets what the bounds leave open
SHARE = 0.75  # of the time is then for the bounds
CHECKING = 0.6  # share of the time for the search; the rest is for the exact check of what it found


def decide(first: Network, second: Network, domain: Domain, claim: Claim, effort: Effort | None = None) -> Decision:
    """Decide a claim about two networks f and g on a domain, by the engine that the effort names.

    Raises:
        InputError: the numbers of inputs or outputs do not fit, no such scheduler answers, or the checkpoint cannot be
            used.
    """

    def by_bounds(effort: Effort) -> Decision:
        return _Task(first, second, domain, effort).decide(claim)

    def by_z3(effort: Effort) -> Decision:
        from verify.smt_decision import decide_by_z3  # Z3 takes a while to load and is rarely needed

        return decide_by_z3(first, second, domain, claim, effort)

    by_form = partial(decide_by_form, first, second, domain, claim)
    return _by_engine(by_bounds, by_form, by_z3, sum(first.widths[1:-1] + second.widths[1:-1]), effort or Effort())


def maximum(
    first: Network,
    second: Network,
    domain: Domain,
    effort: Effort | None = None,
    gap: float = GAP,
    by_phase: bool = True,
) -> Decision:
    """The maximum of |g - f| over all outputs and a domain: attained at a point, and proved from above.

    The verdict's details hold `attained` and `proved` as rationals in text. It is `equivalent` when they are
    within the relative gap (with the claim |g - f| <= proved), `equal` when both are 0, else `unknown`.

    Args:
        first: f.
        second: g.
        domain: the inputs.
        effort: how long and how hard to try.
        gap: relative, between what is attained and what is proved.
        by_phase: false splits f's and g's neurons one by one even where g is close to f, for comparison.

    Raises:
        InputError: the numbers of inputs or outputs do not fit, no such scheduler answers, or the checkpoint cannot be
            used.
    """

    def by_bounds(effort: Effort) -> Decision:
        return _Task(first, second, domain, effort).maximum(gap, by_phase)

    def by_z3(effort: Effort) -> Decision:
        from verify.smt_decision import maximum_by_z3

        return maximum_by_z3(first, second, domain, effort)

    by_form = partial(maximum_by_form, first, second, domain)
    return _by_engine(by_bounds, by_form, by_z3, sum(first.widths[1:-1] + second.widths[1:-1]), effort or Effort())


def _by_engine(
    by_bounds: Callable[[Effort], Decision],
    by_form: Callable[[], Decision | None],
    by_z3: Callable[[Effort], Decision],
    neurons: int,
    effort: Effort,
) -> Decision:
    """The decision by the engine that was asked for; by one after the other, between small networks by Z3 too."""
    if effort.engine is Engine.Z3:
        return by_z3(effort)
    shared = effort.engine is Engine.AUTO and neurons <= SMALL
    begun = time.monotonic()
    with _trusting(effort):
        decision = by_bounds(replace(effort, seconds=SHARE * effort.seconds) if shared else effort)
    if decision.verdict.outcome is not Outcome.UNKNOWN or decision.interrupted or effort.engine is Engine.BOUNDS:
        return decision
    if (formed := by_form()) is not None:
        return replace(formed, history=decision.history)
    if not shared:
        return decision
    again = by_z3(replace(effort, seconds=effort.seconds - (time.monotonic() - begun)))
    return decision if again.verdict.outcome is Outcome.UNKNOWN else replace(again, history=decision.history)


@contextmanager
def _trusting(effort: Effort) -> Iterator[None]:
    """A checkpoint whose parts make no certificate is damaged; the engine's own always do."""
    try:
        with threadpool_limits(1):  # the matrices are small: threads of their own would only wait for one another
            yield
    except Refused as error:
        if effort.journal is None:
            raise
        raise effort.journal.unreadable() from error


class _Refuter:
    """The goal of deciding a claim: candidate points are replayed, the thresholds are the limits."""

    def __init__(self, task: _Task, claim: Claim, problem: Problem) -> None:
        self.task, self.claim, self.problem = task, claim, problem
        self.witness: Witness | None = None

    def limit(self, target: int) -> float:
        return self.problem.targets[target].threshold

    def offer(self, points: Array, target: int) -> None:
        wanted = self.problem.targets[target]
        found = attack.outputs(self.problem.layers, points)
        promising = found @ wanted.row >= wanted.threshold - abs(wanted.threshold) * 2.0**-40
        for point in points[promising][:4]:
            self.witness = self.task.replayed(self.claim, point)
            if self.witness is not None:
                raise Stop


class _Climber:
    """The goal of the maximum: candidate points raise what is attained, and with it the limits."""

    def __init__(self, task: _Task, problem: Problem, gap: float) -> None:
        self.task, self.problem, self.gap = task, problem, gap
        self.attained, self.point = fmpq(0), None
        self.near, self.offers = 0.0, 0

    point: tuple[fmpq, ...] | None

    def limit(self, target: int) -> float:
        return self.near * (1 + self.gap / 2)  # half of the gap is left for rounding

    def offer(self, points: Array, target: int) -> None:
        row = self.problem.targets[target].row
        if self.offers % POLISH == 0:
            points = np.concatenate([points, self.task.climbed(self.problem, row, points)[:1]])
        self.offers += 1
        values = attack.outputs(self.problem.layers, points) @ row
        for i in np.argsort(-values)[:2]:
            if values[i] > self.near:
                self.try_point(points[i])

    def try_point(self, point: Array) -> None:
        for exact in attack.exact_points(self.task.domain, point, self.task.inner):
            self.try_exact(exact)

    def try_exact(self, point: Sequence[fmpq]) -> None:
        if self.task.domain.contains(point):
            value = max(abs(b - a) for a, b in zip(self.task.first(point), self.task.second(point), strict=True))
            if value > self.attained:
                self.attained, self.point, self.near = value, tuple(point), to_near(value)


class _TimeOver(Exception):
    """The exact check would take longer than the user wants to wait."""


class _Task:
    def __init__(self, first: Network, second: Network, domain: Domain, effort: Effort) -> None:
        for mine, other, kind in (
            (first.input_width, second.input_width, "inputs"),
            (first.output_width, second.output_width, "outputs"),
        ):
            if mine != other:
                raise InputError(f"expected networks with the same number of {kind}, not {mine} and {other}")
        if domain.inputs != first.input_width:
            raise InputError(f"expected a domain of {first.input_width} inputs, not {domain.inputs}")
        self.first, self.second, self.domain, self.effort = first, second, domain, effort
        self.begun = self.searching = time.monotonic()
        self.pairs = pair_neurons(first, second)
        self.joint = joint(first, second, self.pairs)
        with _in_floats("weights and a domain"):
            self.layers = tuple(bounds.as_floats(self.joint))
            self.lower = np.array([to_near(v) for v in domain.lower])
            self.upper = np.array([to_near(v) for v in domain.upper])
            self.facets = _facets(domain)
        self.inner = [(a + b) / 2 for a, b in zip(domain.lower, domain.upper)] if not domain.halfspaces else None

    def problem(self, claim: Claim) -> Problem:
        wanted = targets(claim.to_json(), self.first.output_width)
        exact = is_equality(claim)
        with _in_floats("numbers in the claim"):
            rows = tuple(float_target(t.row, t.sides, t.threshold) for t in wanted)
        seconds = min(LINEAR_PROGRAM, self.effort.seconds / 10)
        return Problem(self.layers, rows, self.facets, self.upper - self.lower, exact, seconds)

    def decide(self, claim: Claim) -> Decision:
        problem = self.problem(claim)
        goal = _Refuter(self, claim, problem)
        root = bounds.whole(self.layers, self.lower, self.upper)
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
            executions = self.executions() if isinstance(claim, Within) and not problem.exact else None
        found, by_phase = self.search(problem, root, goal, inf if executions is None else SHORT), False
        if executions is not None and found.cut_off and time.monotonic() < self.deadline():
            found, by_phase = self.by_phase_first(problem, executions, root, goal)
        if goal.witness is not None:
            return self.different(claim, goal.witness)
        return self.proved(claim, problem, found, by_phase)

    def maximum(self, gap: float, by_phase: bool) -> Decision:
        zero = within(0, self.first.output_width)
        problem = replace(self.problem(zero), exact=False)
        goal = _Climber(self, problem, gap)
        self.attack(problem, goal, FIRST_STARTS)
        root, executions = bounds.whole(self.layers, self.lower, self.upper), self.executions() if by_phase else None
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

    def executions(self) -> bounds.Part | None:
        """The whole domain, to be split by phase; None: g is too far from f for that, or they are too deep."""
        root = bounds.whole(self.layers, self.lower, self.upper, by_phase=True)
        return root if phases_fit(self.layers, root) else None

    def by_phase_first(
        self, problem: Problem, executions: bounds.Part, root: bounds.Part, goal: _Refuter | _Climber
    ) -> tuple[Search, bool]:
        """The search by phase, or by values if that one ends early without a proof; and whether it was by phase."""
        found = self.by_phase(problem, executions, goal)
        if found.closed or found.interrupted or found.stopped or self.left() <= self.effort.seconds / 2:
            return found, True
        # every phase is decided somewhere, and executions still reach further than inputs
        return self.search(problem, root, goal), False

    def by_phase(self, problem: Problem, root: bounds.Part, goal: _Refuter | _Climber) -> Search:
        """The search by phase, after one for the ranges of inner differences."""
        self.effort.tracer("ranges of the differences within")
        workers = Workers(self.effort.jobs, self.effort.scheduler)
        end = self.begun + RANGES * self.effort.seconds
        ranges = narrowed(problem, root, end, workers, self.kept())
        found = self.search(problem, ranges.root, goal, over=ranges.interrupted)
        interrupted = found.interrupted or ranges.interrupted
        return replace(found, tighten=ranges.tighten + found.tighten, interrupted=interrupted)

    def search(
        self, problem: Problem, root: bounds.Part, goal: _Refuter | _Climber, most: float = inf, over: bool = False
    ) -> Search:
        self.effort.tracer("branch and bound")
        self.searching = time.monotonic()
        again = partial(self.attack, problem, goal, STARTS)
        workers = Workers(self.effort.jobs, self.effort.scheduler)
        deadline = self.begun if over else self.deadline()
        diving = isinstance(goal, _Climber) and split_by_phase(root)
        found = search(problem, root, goal, deadline, workers, again, self.kept(), diving, most)
        # parts without an input have a bound of minus infinity, which neither a plot nor JSON can show
        return replace(found, history=[entry for entry in found.history if np.isfinite(entry[1])])

    def kept(self) -> Kept | None:
        """The looks in the checkpoint, if there is one."""
        return None if self.effort.journal is None else Kept(self.effort.journal)

    def attack(self, problem: Problem, goal: _Refuter | _Climber, count: int) -> None:
        points = attack.starts(self.lower, self.upper, count, self.effort.seed)
        share = FIRST_ATTACK if count == FIRST_STARTS else ATTACK
        for number, target in enumerate(problem.targets):
            if number > 0 and self.used() > share:
                return
            goal.offer(self.climbed(problem, target.row, points)[:4], number)

    def attack_borders(self, problem: Problem, goal: _Refuter) -> None:
        """Points between the two networks' decision borders, however close these are."""
        points = attack.starts(self.lower, self.upper, FIRST_STARTS, self.effort.seed)
        count = self.first.output_width
        rows = count * np.eye(count, 2 * count)
        rows[:, :count] -= 1.0  # one output against the mean of all
        ends = [next(attack.exact_points(self.domain, self.climbed(problem, r, points)[0], None)) for r in rows]
        for one, other in combinations(ends, 2):
            if self.used() > BORDERS:
                return
            point = attack.between_classes(self.first, self.second, one, other)
            if point is not None:
                goal.witness = replay(goal.claim, self.domain, self.first, self.second, point)
                if goal.witness is not None:
                    raise Stop

    def climbed(self, problem: Problem, row: Array, points: Array) -> Array:
        facets = np.column_stack([self.facets.normals, self.facets.bounds]) if len(self.facets.bounds) else None
        return attack.climb(problem.layers, self.lower, self.upper, row, points, facets)

    def replayed(self, claim: Claim, point: Array) -> Witness | None:
        for exact in attack.exact_points(self.domain, point, self.inner):
            witness = replay(claim, self.domain, self.first, self.second, exact)
            if witness is not None:
                return witness
        return None

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
        parts = self.first, self.second, self.domain, claim, self.pairs, mantissa
        certificate = assemble(*parts, found.tighten, found.trees, phases)
        try:
            return certificate, self.evaluated(certificate, found)
        except _TimeOver:
            certificate = assemble(*parts, found.tighten, [[{"leaf": {}}] for _ in found.trees], phases)
            return certificate, evaluate(certificate, self.first, self.second, layers=self.joint)

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

        return evaluate(certificate, self.first, self.second, watch, self.joint)

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


@contextmanager
def _in_floats(what: str) -> Iterator[None]:
    try:
        yield
    except OverflowError as error:
        raise InputError(f"expected {what} below 1e308 in size: the search is in float64") from error


def _copied(certificate: Certificate) -> Certificate:
    """A certificate whose trees may grow."""
    return certificate | {"trees": [list(tree) for tree in certificate["trees"]]}


def _greatest(proved: Proved) -> fmpq:
    return max((b for b in proved.bounds if b is not None), default=fmpq(0))


def _exact(value: float) -> fmpq:
    return fmpq(*map(int, value.as_integer_ratio()))


def _facets(domain: Domain) -> Facets:
    normals = [[to_near(v) for v in normal] for normal, _ in domain.halfspaces]
    return Facets(
        np.array(normals).reshape(len(normals), domain.inputs),
        np.array([to_near(bound) for _, bound in domain.halfspaces]),
    )
