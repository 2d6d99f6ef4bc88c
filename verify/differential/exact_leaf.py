"""Parts of the domain that floats leave open, settled exactly: neurons are split until none is undecided, then Z3.

Where every neuron is decided, both networks are affine and the claim is a linear question over the rationals.
Z3 [DMB08] either gives an input that refutes the claim or the multipliers that prove it (Farkas), both exact.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import z3
from flint import fmpq, fmpq_mat

from precise.arithmetic import rational, to_text
from verify.checker.check import Target, leaf
from verify.checker.joint import ONE, ZERO, Row
from verify.checker.weak_duality import Bounds, Part

MOST_NODES = 400  # of one open part; more say that it was given up too early
Node = dict[str, Any]


@dataclass(frozen=True)
class Settled:
    """What became of a part."""

    nodes: list[Node] | None  # a tree that proves the claim on it, its root first
    point: Row | None  # an input that may refute the claim, for exact replay


@dataclass(frozen=True)
class _Condition:
    """An affine function of the inputs that is not negative on the part."""

    row: Row  # (coefficients ..., constant)
    place: tuple[Any, ...]  # ("hidden", layer, index, sign), ("facet", number) or ("side", number)
    strict: bool = False  # a witness needs it to be positive


class _Found(Exception):
    def __init__(self, point: Row) -> None:
        super().__init__()
        self.point = point


class _GivenUp(Exception):
    pass


def settle(bounds: Bounds, part: Part, target: Target, deadline: float) -> Settled:
    """Prove a target's threshold on a part, or find an input beyond it; neither if it takes too long.

    Args:
        bounds: the joint network with its domain.
        part: of the domain, as the checker has it.
        target: what has to be at most its threshold.
        deadline: on the clock of `time.monotonic`.
    """
    nodes: list[Node] = []
    try:
        _grow(bounds, part, target, deadline, nodes)
    except _Found as found:
        return Settled(None, found.point)
    except _GivenUp:
        return Settled(None, None)
    return Settled(nodes, None)


def _grow(bounds: Bounds, part: Part, target: Target, deadline: float, nodes: list[Node]) -> int:
    place = len(nodes)
    if place > MOST_NODES or time.monotonic() > deadline:
        raise _GivenUp
    nodes.append({"leaf": {}})
    if _closes(leaf(bounds, part, {}, target), target):  # the rule is enough: nothing to split
        return place
    split = None if part.empty else _undecided(part)
    if split is not None:
        halves = bounds.split(part, split)
        nodes[place] = {"split": split, "children": [_grow(bounds, h, target, deadline, nodes) for h in halves]}
    elif not part.empty:
        nodes[place] = {"leaf": _Leaf(bounds, part, target, deadline).proof()}
    return place


def _closes(bound: fmpq | None, target: Target) -> bool:
    return bound is None or bound < target.threshold or (bound == target.threshold and not target.strict)


def _undecided(part: Part) -> list[object] | None:
    for k, blocks in enumerate(part.blocks, 1):
        for i, block in enumerate(blocks):
            if block.zl < 0 < block.zu:
                return ["z", k, i]
            if block.gl < 0 < block.gu:
                return ["g", k, i]
    return None


class _Leaf:
    """A part on which every neuron is decided."""

    def __init__(self, bounds: Bounds, part: Part, target: Target, deadline: float) -> None:
        self.bounds, self.part, self.target = bounds, part, target
        self.timeout = max(1, int(1000 * (deadline - time.monotonic())))
        self.conditions: list[_Condition] = []
        maps = self._maps()
        outputs = maps[-1]
        self.objective = _combined(target.row, outputs)
        self.objective[-1] -= target.threshold
        for number, (normal, bound) in enumerate(bounds.facets):
            self.conditions.append(_Condition([*(-v for v in normal), bound], ("facet", number)))
        for number, (side, margin) in enumerate(target.sides):
            row = _combined(side, outputs)
            row[-1] -= margin
            self.conditions.append(_Condition(row, ("side", number), strict=margin == 0))

    def _maps(self) -> list[list[Row]]:
        """Every layer's preactivations as rows (coefficients ..., constant) over the inputs."""
        n = len(self.part.lower)
        state = [[ONE if i == j else ZERO for j in range(n + 1)] for i in range(n)]
        maps = []
        for k, layer in enumerate(self.bounds.layers):
            rows = (layer.matrix * fmpq_mat(len(state), n + 1, [v for row in state for v in row])).tolist()
            for row, offset in zip(rows, layer.offsets, strict=True):
                row[-1] += offset
            maps.append(rows)
            if k < len(self.part.blocks):
                state = self._states(k, rows)
        return maps

    def _states(self, k: int, rows: Sequence[Row]) -> list[Row]:
        """(h..., e...) of a layer, and the conditions that its splits have set."""
        blocks = self.part.blocks[k]
        hs, es = [], []
        for i, block in enumerate(blocks):
            z, d = rows[i], rows[len(blocks) + i]
            first, second = block.active or (ZERO, ZERO)
            hs.append([first * a for a in z])
            es.append([(second - first) * a + second * b for a, b in zip(z, d)])
            g = [a + b for a, b in zip(z, d)]
            for kind, row, low, high in (("z", z, block.zl, block.zu), ("g", g, block.gl, block.gu)):
                if low == 0:
                    self.conditions.append(_Condition(row, ("hidden", k, i, kind, ONE)))
                if high == 0:
                    self.conditions.append(_Condition([-v for v in row], ("hidden", k, i, kind, -ONE)))
        return [*hs, *es]

    def proof(self) -> Node:
        """The leaf of a certificate.

        Raises:
            _Found: an input refutes the claim.
            _GivenUp: Z3 did.
        """
        point = self._counterexample()
        if point is not None:
            raise _Found(point)
        for objective, empty in ((self.objective, False), ([ZERO] * len(self.objective), True)):
            multipliers = self._multipliers(objective, empty)
            if multipliers is not None:
                return self._written(multipliers, empty)
        raise _GivenUp

    def _counterexample(self) -> Row | None:
        solver, inputs = self._solver(), [z3.Real(f"x{i}") for i in range(len(self.part.lower))]
        for x, low, high in zip(inputs, self.part.lower, self.part.upper, strict=True):
            solver.add(_value(low) <= x, x <= _value(high))
        for condition in self.conditions:
            term = _term(condition.row, inputs)
            solver.add(term > 0 if condition.strict else term >= 0)
        reached = _term(self.objective, inputs)
        solver.add(reached >= 0 if self.target.strict else reached > 0)
        if not self._satisfied(solver):
            return None
        model = solver.model()
        return [rational(model.eval(x, model_completion=True).as_string()) for x in inputs]

    def _multipliers(self, objective: Row, empty: bool) -> Row | None:
        """Non-negative multipliers that bound the objective by 0, or show that there is no input; None: none do."""
        solver, free = self._solver(), [z3.Real(f"m{r}") for r in range(len(self.conditions))]
        solver.add(*(m >= 0 for m in free))
        columns = list(zip(objective, *(condition.row for condition in self.conditions), strict=True))
        sums = [z3.Sum(_value(c), *(_value(v) * m for v, m in zip(row, free) if v)) for c, *row in columns]
        total = [sums[-1]]
        for i, (slope, low, high) in enumerate(zip(sums, self.part.lower, self.part.upper)):
            share = z3.Real(f"s{i}")
            solver.add(share >= _value(low) * slope, share >= _value(high) * slope)
            total.append(share)
        solver.add(z3.Sum(*total) < 0 if empty or self.target.strict else z3.Sum(*total) <= 0)
        if not self._satisfied(solver):
            return None
        model = solver.model()
        return [rational(model.eval(m, model_completion=True).as_string()) for m in free]

    def _solver(self) -> z3.Solver:
        solver = z3.SolverFor("QF_LRA")
        solver.set("timeout", self.timeout)
        return solver

    def _satisfied(self, solver: z3.Solver) -> bool:
        answer = solver.check()
        if answer == z3.unknown:
            raise _GivenUp
        return bool(answer == z3.sat)

    def _written(self, multipliers: Row, empty: bool) -> Node:
        """The multipliers of the conditions as a certificate has them: facets, sides, and duals of every layer."""
        facets, sides = [ZERO] * len(self.bounds.facets), [ZERO] * len(self.target.sides)
        extra = [[ZERO] * (2 * len(blocks)) for blocks in self.part.blocks]
        for multiplier, condition in zip(multipliers, self.conditions, strict=True):
            name, *place = condition.place
            if name == "hidden":
                k, i, kind, sign = place
                extra[k][i] += sign * multiplier
                if kind == "g":
                    extra[k][len(self.part.blocks[k]) + i] += sign * multiplier
            else:
                (facets if name == "facet" else sides)[place[0]] += multiplier
        row = [ZERO] * len(self.target.row) if empty else list(self.target.row)
        for multiplier, (side, _) in zip(sides, self.target.sides):
            row = [v + multiplier * w for v, w in zip(row, side)]
        duals = self._duals(row, extra)
        leaf: Node = {"duals": [[to_text(v) for v in layer] for layer in duals]}
        if facets:
            leaf["facets"] = [to_text(v) for v in facets]
        if sides:
            leaf["side"] = [to_text(v) for v in sides]
        return leaf | ({"empty": True} if empty else {})

    def _duals(self, row: Row, extra: Sequence[Row]) -> list[Row]:
        duals: list[Row] = []
        for k in range(len(self.part.blocks) - 1, -1, -1):
            above = self.bounds.layers[k + 1].matrix
            state = (fmpq_mat(1, len(row), row) * above).entries()
            n = len(self.part.blocks[k])
            slopes = [block.exact(state[i], state[n + i]) for i, block in enumerate(self.part.blocks[k])]
            row = [z + v for (z, _), v in zip(slopes, extra[k][:n])]
            row += [d + v for (_, d), v in zip(slopes, extra[k][n:])]
            duals.insert(0, row)
        return duals


def _combined(weights: Row, rows: Sequence[Row]) -> Row:
    total = [ZERO] * len(rows[0])
    for weight, row in zip(weights, rows, strict=True):
        if weight:
            total = [a + weight * b for a, b in zip(total, row)]
    return total


def _term(row: Row, inputs: Sequence[Any]) -> Any:
    return z3.Sum(_value(row[-1]), *(_value(v) * x for v, x in zip(row, inputs) if v))


def _value(number: fmpq) -> Any:
    return z3.RealVal(to_text(number))
