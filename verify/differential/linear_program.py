"""The tightest relaxation of a part that is convex block by block, solved by HiGHS for its multipliers.

Every block is the convex hull of its vertices, so no relaxation by hand is involved. The solver's multipliers
go into the certificate; its optimal value is not used. Differences are scaled to order 1 before the solver
sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from precise.quiet_highs import QuietHighs, model
from verify.differential import phases
from verify.differential.bounds import DL, DU, GL, GU, ZL, ZU, Array, FloatLayer, Part, off_the_kinks, unstable

STATES = tuple(map(highspy.HighsBasisStatus, range(5)))
LOWER, BASIC, UPPER = range(3)
# what the solver says when another start would not help
ANSWERS = (
    highspy.HighsModelStatus.kOptimal,
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kTimeLimit,
)
FEASIBILITY = 1e-7  # HiGHS's own tolerance: a violation below it shows nothing


@dataclass(frozen=True)
class Facets:
    """Half-spaces normal . x <= bound of the inputs in float64."""

    normals: Array  # shape (half-spaces, inputs)
    bounds: Array  # shape (half-spaces,)


@dataclass(frozen=True)
class Solution:
    """Multipliers and a point for one target."""

    value: float  # the solver's optimum, in the target's units
    duals: list[Array]  # per hidden layer, shape (1, 2 blocks)
    facets: Array  # shape (half-spaces,), not negative
    sides: Array  # shape (side conditions,), not negative
    point: Array  # shape (inputs,)
    empty: bool = False  # the multipliers prove that the part holds no input
    basis: bytes = b""  # of the solver, to begin from in a part of the part


@dataclass(frozen=True)
class _Columns:
    """Variables of one layer: preactivations are p @ variables, states s @ variables."""

    p: Array  # shape (2 blocks, variables)
    s: Array
    lower: Array  # shape (variables,)
    upper: Array
    convex: Array  # rows that sum each unstable block's weights to 1, shape (unstable blocks, variables)
    scale: Array  # of the preactivations, shape (2 blocks,)
    block: NDArray[np.intp]  # of the variables that weigh vertices, the first ones: whose, and the vertex
    z: Array
    g: Array
    phase: Array  # of the vertex, where blocks are split by phase


def solve(
    layers: Sequence[FloatLayer],
    part: Part,
    row: Array,
    sides: Array,
    margins: Array,
    facets: Facets,
    seconds: float,
) -> Solution | None:
    """Maximise a row over the outputs under side conditions; None: the solver gave up.

    Args:
        layers: the joint network.
        part: the part of the domain, with its vertices.
        row: over (f's outputs, differences), shape (2 outputs,).
        sides: side @ outputs >= margin, shape (side conditions, 2 outputs).
        margins: shape (side conditions,).
        facets: half-spaces of the inputs.
        seconds: the solver's time limit.
    """
    program = _Program(layers, part, row, sides, margins, facets, seconds)
    return program.solve() or program.infeasibility()


class Warm:
    """The program of one target on the whole domain, kept in the solver: a split only takes vertices away.

    From the basis of a part to that of a half some dual simplex steps suffice. To begin there every time, whatever was
    solved last, makes multipliers the same in every run. Bounds that a part has beyond its splits do not enter, so that
    the solver's own optimum may be above what `solve` finds.
    """

    def __init__(
        self,
        layers: Sequence[FloatLayer],
        root: Part,
        row: Array,
        sides: Array,
        margins: Array,
        facets: Facets,
        seconds: float,
    ) -> None:
        self._program = _Program(layers, root, row, sides, margins, facets, seconds)
        self._solver = _loaded(*self._program.arguments(), seconds)
        columns, starts = self._program.columns, self._program.starts
        self._block = [c.block.astype(int) for c in columns]
        # numbers of the solver's columns, where they weigh vertices
        found = [starts[k + 1] + np.arange(len(c.block)) for k, c in enumerate(columns)]
        self._column = np.concatenate(found).astype(np.int32)
        self._solver.run_afresh()
        self._first = self._solver.getBasis()
        self._z, self._g = np.concatenate([c.z for c in columns]), np.concatenate([c.g for c in columns])
        self._phase = np.concatenate([c.phase for c in columns])

    def solve(self, part: Part, basis: bytes = b"") -> Solution | None:
        """Maximise the row on a part of the domain; None: the solver gave up, or found no proof that it is empty.

        Args:
            part: of the domain.
            basis: of a part that holds this one; none: of the domain.
        """
        inputs = np.arange(len(part.lower), dtype=np.int32)
        self._solver.changeColsBounds(len(inputs), inputs, part.lower, part.upper)
        if len(self._column):
            gone = self._gone(np.concatenate([part.boxes[k][:, here] for k, here in enumerate(self._block)], axis=1))
            self._solver.changeColsBounds(len(gone), self._column, np.zeros(len(gone)), np.where(gone, 0.0, 1.0))
        status = self._status(basis)
        if status not in ANSWERS:  # the last basis is of no use here
            self._solver.clearSolver()
            self._solver.run_afresh()
            status = self._solver.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            value = -float(self._solver.getInfo().objective_function_value)
            found = self._solver.getSolution()
            row_duals, values = np.array(found.row_dual), np.array(found.col_value)
            return replace(self._program.solution(row_duals, values, value, False), basis=self._written(part, values))
        if status == highspy.HighsModelStatus.kInfeasible:
            _, there, ray = self._solver.getDualRay()
            if there:
                return self._program.solution(np.array(ray), (part.lower + part.upper) / 2, -1.0, True)
        return None

    def _gone(self, box: Array) -> NDArray[np.bool_]:
        """Which vertices a part has not, from the boxes of their blocks, shape (rows of a box, vertices)."""
        if phases.by_phase(box):
            return np.asarray((self._phase < box[phases.PL]) | (self._phase > box[phases.PU]))
        gone = ((self._z > 0) & (box[ZU] <= 0)) | ((self._z < 0) & (box[ZL] >= 0))
        return np.asarray(gone | ((self._g > 0) & (box[GU] <= 0)) | ((self._g < 0) & (box[GL] >= 0)))

    def _status(self, basis: bytes) -> Any:
        self._solver.clearSolver()
        if basis or self._first.valid:
            self._solver.setBasis(self._read(basis) if basis else self._first)
        self._solver.run_afresh()
        return self._solver.getModelStatus()

    def _written(self, part: Part, values: Array) -> bytes:
        """The basis as numbers of states: a variable or row off the basis is at one of its bounds."""
        status, basic = self._solver.getBasicVariables()
        if status != highspy.HighsStatus.kOk:
            return b""
        lower, upper = self._program.lower.copy(), self._program.upper.copy()
        lower[: len(part.lower)], upper[: len(part.lower)] = part.lower, part.upper
        columns = np.where(values - lower > upper - values, UPPER, LOWER)
        states = np.concatenate([columns, np.where(np.isfinite(self._program.low), LOWER, UPPER)])
        states[np.where(basic >= 0, basic, len(values) - 1 - basic)] = BASIC
        return states.astype(np.uint8).tobytes()

    def _read(self, basis: bytes) -> highspy.HighsBasis:
        found, columns = highspy.HighsBasis(), self._program.rows.shape[1]
        states = [STATES[state] for state in basis]
        found.col_status, found.row_status, found.valid = states[:columns], states[columns:], True
        return found


class _Program:
    def __init__(
        self,
        layers: Sequence[FloatLayer],
        part: Part,
        row: Array,
        sides: Array,
        margins: Array,
        facets: Facets,
        seconds: float,
    ) -> None:
        self.columns = [_columns(part, k) for k in range(len(layers) - 1)]
        self.last = layers[-1].matrix @ (self.columns[-1].s if self.columns else np.eye(len(part.lower)))
        # the solver sees an objective of order 1
        self.unit = max(float(np.abs(row @ self.last).max(initial=0.0)), 1e-290)
        self.layers, self.row, self.seconds = layers, row, seconds
        self.inputs = len(part.lower)
        widths = [self.inputs, *(c.p.shape[1] for c in self.columns)]
        self.starts = np.concatenate([[0], np.cumsum(widths)]).astype(int)
        self.lower = np.concatenate([part.lower, *(c.lower for c in self.columns)])
        self.upper = np.concatenate([part.upper, *(c.upper for c in self.columns)])
        self.scales = np.concatenate([np.ones(0), *(c.scale for c in self.columns)])
        self.counts = len(facets.bounds), len(margins)
        self.rows, self.low, self.high = self._rows(sides, margins, facets)

    def _rows(self, sides: Array, margins: Array, facets: Facets) -> tuple[Array, Array, Array]:
        """Scaled rows p - A s = c of every layer, then facets, side conditions and the sums of weights."""
        sums = sum(c.convex.shape[0] for c in self.columns)
        total = np.zeros((len(self.scales) + sum(self.counts) + sums, int(self.starts[-1])))
        low, high = np.full(len(total), -np.inf), np.zeros(len(total))
        at = 0
        for k, here in enumerate(self.columns):
            n = len(here.scale)
            matrix = self.layers[k].matrix if k == 0 else self.layers[k].matrix @ self.columns[k - 1].s
            total[at : at + n, self._place(k)] = -matrix / here.scale[:, None]
            total[at : at + n, self._place(k + 1)] = here.p / here.scale[:, None]
            low[at : at + n] = high[at : at + n] = self.layers[k].offsets / here.scale
            at += n
        count, others = self.counts
        total[at : at + count, : self.inputs], high[at : at + count] = facets.normals, facets.bounds
        at += count
        total[at : at + others, self._place(len(self.columns))] = -(sides @ self.last)
        high[at : at + others] = sides @ self.layers[-1].offsets - margins
        at += others
        for k, here in enumerate(self.columns):
            n = len(here.convex)
            total[at : at + n, self._place(k + 1)] = here.convex
            low[at : at + n] = high[at : at + n] = 1.0
            at += n
        return total, low, high

    def _place(self, layer: int) -> slice:
        return slice(int(self.starts[layer]), int(self.starts[layer + 1]))

    def arguments(self) -> tuple[Array, Array, Array, Array, Array, Array]:
        """(cost, rows, their lower and upper bounds, the variables' lower and upper bounds)."""
        cost = np.zeros(int(self.starts[-1]))
        cost[self._place(len(self.columns))] = -(self.row @ self.last) / self.unit
        return cost, self.rows, self.low, self.high, self.lower, self.upper

    def solve(self) -> Solution | None:
        found = _highs(*self.arguments(), self.seconds)
        if found is None:
            return None
        return self.solution(np.array(found[1].row_dual), np.array(found[1].col_value), -found[0], False)

    def infeasibility(self) -> Solution | None:
        """Multipliers that prove the part empty, from its least total violation; None: no proof."""
        m, count = len(self.rows), len(self.scales)
        slack = np.eye(m, count)
        cost = np.concatenate([np.zeros(self.rows.shape[1]), np.ones(2 * count)])
        rows = np.hstack([self.rows, slack, -slack])
        lower = np.concatenate([self.lower, np.zeros(2 * count)])
        upper = np.concatenate([self.upper, np.full(2 * count, np.inf)])
        found = _highs(cost, rows, self.low, self.high, lower, upper, self.seconds)
        if found is None or found[0] < FEASIBILITY:
            return None
        return self.solution(np.array(found[1].row_dual), np.array(found[1].col_value), -found[0], True)

    def solution(self, row_duals: Array, values: Array, value: float, empty: bool) -> Solution:
        """The solver's answer in the network's units."""
        unit = 1.0 if empty else self.unit
        marginals, count = -row_duals * unit, len(self.scales)
        cuts = np.cumsum([len(c.scale) for c in self.columns])[:-1]
        duals = [part[None, :] for part in np.split(marginals[:count] / self.scales, cuts)] if self.columns else []
        facets, sides = np.split(np.maximum(marginals[count : count + sum(self.counts)], 0.0), [self.counts[0]])
        whole = value * unit + (0.0 if empty else float(self.row @ self.layers[-1].offsets))
        return Solution(whole, duals, facets, sides, values[: self.inputs], empty)


def _columns(part: Part, k: int) -> _Columns:
    box, v = part.boxes[k], part.vertices[k]
    n = box.shape[1]
    # a decided block is two plain variables, unless a bound of g cuts a corner off
    free = unstable(box)
    if phases.by_phase(box):
        v = off_the_kinks(box)
    else:
        free = free | (box[GL] > box[ZL] + box[DL]) | (box[GU] < box[ZU] + box[DU])
    block, point = np.nonzero(v.real & free[:, None])
    plain = np.flatnonzero(~free)
    count, width = len(block), len(block) + 2 * len(plain)
    p, s, convex = np.zeros((2 * n, width)), np.zeros((2 * n, width)), np.zeros((int(free.sum()), width))
    columns = np.arange(count)
    p[block, columns], p[n + block, columns] = v.z[block, point], v.d[block, point]
    s[block, columns], s[n + block, columns] = v.h[block, point], v.e[block, point]
    convex[np.cumsum(free)[block] - 1, columns] = 1.0
    zs, ds = count + np.arange(len(plain)), count + len(plain) + np.arange(len(plain))
    first, second = (box[ZL, plain] >= 0) * 1.0, (box[GL, plain] >= 0) * 1.0
    if phases.by_phase(box):
        first = second = box[phases.PL, plain]
    p[plain, zs], p[n + plain, ds], s[plain, zs] = 1.0, 1.0, first
    s[n + plain, zs], s[n + plain, ds] = second - first, second
    lower = np.concatenate([np.zeros(count), box[ZL, plain], box[DL, plain]])
    upper = np.concatenate([np.ones(count), box[ZU, plain], box[DU, plain]])
    size = np.maximum(np.abs(box[DL]), np.abs(box[DU]))
    scale = np.ones(2 * n)
    scale[n:] = np.where(size > 0, 2.0 ** np.ceil(np.log2(np.where(size > 0, size, 1.0))), 1.0)
    # plain differences count in units of their scale, as their rows do
    unit = np.concatenate([np.ones(count + len(plain)), scale[n + plain]])
    z, g = v.z[block, point], v.z[block, point] + v.d[block, point]
    phase: Array = (v.z[block, point] > 0).astype(np.float64)
    return _Columns(p * unit, s * unit, lower / unit, upper / unit, convex, scale, block, z, g, phase)


class _Limited(QuietHighs):
    """HiGHS with a limit for every run."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def run_afresh(self) -> None:
        """Solve within the limit: the solver's own clock goes on from one run to the next, and its limit with it."""
        self.setOptionValue("time_limit", self.getRunTime() + self.seconds)
        self.run()


def _highs(
    cost: Array, rows: Array, low: Array, high: Array, lower: Array, upper: Array, seconds: float
) -> tuple[float, Any] | None:
    """(least cost, HiGHS's solution); None: there is none, or no time for it."""
    solver = _loaded(cost, rows, low, high, lower, upper, seconds)
    solver.run_afresh()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return float(solver.getInfo().objective_function_value), solver.getSolution()


def _loaded(cost: Array, rows: Array, low: Array, high: Array, lower: Array, upper: Array, seconds: float) -> _Limited:
    """HiGHS with a program to minimise."""
    where = np.nonzero(rows)
    program = model(cost, (lower, upper), (low, high), np.count_nonzero(rows, axis=1), where[1], rows[where])
    solver = _Limited(seconds)
    solver.setOptionValue("simplex_scale_strategy", 0)  # rows are of order 1 already
    solver.passModel(program)
    return solver
