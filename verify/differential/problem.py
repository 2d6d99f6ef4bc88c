"""What the search works on, in float64: joint network, domain, targets; and one step of it on a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from flint import fmpq

from verify.differential import phases
from verify.differential.attack import preactivations
from verify.differential.bounds import (
    DL,
    DU,
    GL,
    GU,
    ROUNDING,
    ZL,
    ZU,
    Array,
    Bound,
    FloatLayer,
    Part,
    cut,
    halved,
    revived,
    suprema,
    tightened,
    unstable,
    with_phase,
)
from verify.differential.branching import Candidate, Split
from verify.differential.linear_program import Facets, Solution, Warm, solve

PROGRAM_SIZE = 6000  # more variables than this make a linear program slower than the splits it saves
SMALL_PROGRAM = 600  # the same where inputs are split: a halved input gains in all layers, and costs the rule alone
INPUT_SPLITS = 6  # up to so many inputs, deep networks are split there: all layers gain at once
SHALLOW = 3  # hidden layers up to which bounds of neurons are not renewed on parts: the program sees through them
DUAL_BITS = 36  # of multipliers from a linear program: a bound loses some 1e-9 of itself
FINEST = 2.0**-7  # of the domain's width; below it neurons are split, so that a search on a border comes to its end
WIDE = 2.0**-10  # differences wider than this share of the values make bounds of g's own values worth it
MOST_SPLITS = 16  # of a part, that are worth choosing among


@dataclass(frozen=True)
class FloatTarget:
    """A row to bound over (f's outputs, differences), in float64."""

    row: Array  # shape (2 outputs,)
    sides: Array  # side @ outputs >= margin, shape (side conditions, 2 outputs)
    margins: Array  # shape (side conditions,)
    threshold: float  # the claim needs the row to stay at or below it


@dataclass(frozen=True)
class Problem:
    """Everything that a step needs; it travels to every process once."""

    layers: tuple[FloatLayer, ...]
    targets: tuple[FloatTarget, ...]
    facets: Facets
    widths: Array  # of the domain, shape (inputs,)
    exact: bool = False  # the threshold is 0 and rounding must not decide: a bound within rounding is let pass
    seconds: float = 20.0  # limit of one linear program
    before: tuple[int, int] | None = None  # (layer from 1, block from 0) that is split before all others


@dataclass(frozen=True)
class Step:
    """What one look at a part gave."""

    part: Part
    bound: float
    size: float  # what the bound was added up from: its rounding error is below ROUNDING times this
    node: dict[str, object]  # the certificate's node: "tighten" and "leaf"
    splits: tuple[Candidate, ...]  # where to split next, the greatest gap first; none: there is nothing left to split
    points: Array  # candidates for a counterexample, shape (points, inputs)
    basis: bytes = b""  # of the linear program, from which those of the halves begin


@dataclass(frozen=True)
class Proof:
    """Multipliers of one bound, and what they are worth."""

    value: float
    bound: Bound
    leaf: dict[str, object] = field(default_factory=dict)
    basis: bytes = b""  # of the linear program behind it


def children(problem: Problem, part: Part, split: Split) -> tuple[Part, Part]:
    """The two parts of a split."""
    part = revived(part)
    if split[0] == "phase":
        k, i = int(str(split[1])) - 1, int(str(split[2]))
        return with_phase(part, k, i, 0), with_phase(part, k, i, 1)
    if split[0] == "input":
        return cut(problem.layers, part, int(str(split[1])), float(str(split[2])))
    return halved(problem.layers, part, str(split[0]), int(str(split[1])) - 1, int(str(split[2])))


class Looker:
    """Looks at parts, one process's worth: it keeps the programs that the solver has loaded."""

    def __init__(self, problem: Problem, root: Part) -> None:
        self.problem = problem
        self.root = root
        self._warm: dict[int, Warm] = {}
        # few inputs are split themselves, which changes every bound: there is nothing to keep
        few = len(root.lower) <= INPUT_SPLITS and not split_by_phase(root)
        self._keeps = not few and 0 < len(root.boxes) <= SHALLOW

    def look(self, part: Part, number: int, first: int, limit: float, basis: bytes = b"") -> Step:
        """Bound one target on a part: by the rule, with tightened neurons, by a linear program, until it closes.

        Args:
            part: the part, with its vertices.
            number: of the target, from 0.
            first: tighten layers from this one on (from 0), those that the last split has changed.
            limit: stop as soon as the bound is at most this.
            basis: of the linear program of a part that holds this one.
        """
        problem, target = self.problem, self.problem.targets[number]
        # by phase nothing is bounded again: the rule would not be better than what the part's parent had already
        proof = _vacuous(problem, part) if basis and split_by_phase(part) else _by_rule(problem, part, target)
        tighten: list[dict[str, object]] = []
        if not _closes(problem, proof, limit) and not self._keeps:
            part, tighten = tightened_from(problem, part, first)
            proof = _by_rule(problem, part, target)
        points = [_argmax(part, proof.bound)] if not part.empty and proof.value < np.inf else []
        most = SMALL_PROGRAM if _input_to_split(problem, part) is not None else PROGRAM_SIZE
        if not _closes(problem, proof, limit) and _variables(part) <= most:
            better = _proved(problem, part, target, self._solved(part, number, basis))
            if better is not None:
                points.append(better[1])
                proof = better[0] if better[0].value < proof.value else proof
        if proof.value == np.inf:
            proof = _by_rule(problem, part, target)
            points = [_argmax(part, proof.bound)] if not part.empty else []
        node: dict[str, object] = {"leaf": proof.leaf}
        if tighten:
            node["tighten"] = tighten
        splits = () if part.empty or proof.value == -np.inf else _splits(problem, part, proof, points[-1])
        size = float(proof.bound.size[0]) if np.isfinite(proof.value) else 0.0
        found = np.array(points).reshape(-1, len(part.lower))
        return Step(part, proof.value, size, node, splits, found, proof.basis)

    def expand(self, part: Part, split: Split, number: int, limit: float, basis: bytes = b"") -> tuple[Step, Step]:
        """A look at both parts of a split."""
        first = 1 if split[0] == "input" else int(str(split[1]))
        low, high = (self.look(half, number, first, limit, basis) for half in children(self.problem, part, split))
        return low, high

    def _solved(self, part: Part, number: int, basis: bytes) -> Solution | None:
        problem, target = self.problem, self.problem.targets[number]
        fixed = target.row, target.sides, target.margins, problem.facets, problem.seconds
        if not self._keeps:
            return solve(problem.layers, part, *fixed)
        if number not in self._warm:
            self._warm[number] = Warm(problem.layers, self.root, *fixed)
        return self._warm[number].solve(part, basis)


def split_by_phase(part: Part) -> bool:
    """Whether the part is one of executions."""
    return bool(part.boxes) and phases.by_phase(part.boxes[0])


def phases_fit(layers: Sequence[FloatLayer], root: Part) -> bool:
    """Whether the whole domain, split by phase, is worth a search: g is close to f, and neither is deep."""
    if not 0 < len(root.boxes) <= SHALLOW or root.empty:
        return False
    alone = any(layer.matrix[: layer.blocks, below.blocks :].any() for below, layer in pairwise(layers))
    return not alone and phases.fit(root.boxes)


def by_rule_alone(problem: Problem, part: Part, number: int, limit: float) -> bool:
    """Whether the rule's bound of a target meets the limit on a part as it is."""
    return _closes(problem, _by_rule(problem, part, problem.targets[number]), limit)


def tightened_from(problem: Problem, part: Part, first: int) -> tuple[Part, list[dict[str, object]]]:
    """The part with all layers from `first` (from 0) tightened, and the certificate's record of it."""
    record: list[dict[str, object]] = []
    for k in range(max(first, 1), len(problem.layers) - 1):
        if not part.empty:
            kinds = _kinds(part, k)
            part = tightened(problem.layers, part, k, kinds)
            record.append({"layer": k + 1, "of": kinds})
    return part, record


def _closes(problem: Problem, proof: Proof, limit: float) -> bool:
    spare = ROUNDING * float(proof.bound.size[0]) if np.isfinite(proof.value) else 0.0
    return proof.value + (-spare if problem.exact else spare) <= limit


def _vacuous(problem: Problem, part: Part) -> Proof:
    """Nothing is proved yet."""
    if part.empty:
        return _by_rule(problem, part, problem.targets[0])
    return Proof(np.inf, Bound(np.array([np.inf]), [], [], [], np.zeros((1, len(part.lower))), np.zeros(1)))


def _by_rule(problem: Problem, part: Part, target: FloatTarget) -> Proof:
    none = np.zeros((0, 0))
    if part.empty:
        return Proof(-np.inf, Bound(np.array([-np.inf]), [], [], [], none, np.zeros(1)))
    trials = np.concatenate([np.zeros((1, len(target.margins))), np.eye(len(target.margins))])
    rows = target.row + trials @ target.sides
    found = suprema(problem.layers, part, len(problem.layers) - 1, rows)
    values = found.values - trials @ target.margins
    best = int(values.argmin())
    leaf: dict[str, object] = {"side": [int(v) for v in trials[best]]} if len(target.margins) else {}
    return Proof(float(values[best]), _row_of(found, best), leaf)


def _proved(problem: Problem, part: Part, target: FloatTarget, got: Solution | None) -> tuple[Proof, Array] | None:
    """What a solution's multipliers are worth on a part, and its point."""
    if got is None:
        return None
    row = (target.row * (not got.empty) + got.sides @ target.sides)[None, :]
    duals = got.duals if problem.exact else [_short(a) for a in got.duals]
    found = suprema(problem.layers, part, len(problem.layers) - 1, row, duals)
    left = found.inputs - got.facets @ problem.facets.normals
    gain = np.where(left > 0, left * part.upper, left * part.lower).sum()
    before = np.where(found.inputs > 0, found.inputs * part.upper, found.inputs * part.lower).sum()
    value = found.values[0] - before + gain + got.facets @ problem.facets.bounds - got.sides @ target.margins
    leaf: dict[str, object] = {"duals": [dyadics(a[0]) for a in duals]}
    if len(got.facets):
        leaf["facets"] = dyadics(got.facets)
    if len(got.sides):
        leaf["side"] = dyadics(got.sides)
    if got.empty:
        if value >= -ROUNDING * found.size[0]:
            return None
        return Proof(-np.inf, found, leaf | {"empty": True}), got.point
    return Proof(float(value), replace(found, inputs=left), leaf, got.basis), got.point


def _short(multipliers: Array) -> Array:
    """Multipliers over one denominator for z, one for d: the checker's integers are shorter, the bound is hardly more.

    Args:
        multipliers: shape (1, 2 blocks).
    """
    halves = multipliers.reshape(2, -1)
    _, exponents = np.frexp(np.abs(halves).max(axis=1, keepdims=True, initial=0.0))
    return np.asarray(np.ldexp(np.rint(np.ldexp(halves, DUAL_BITS - exponents)), exponents - DUAL_BITS).reshape(1, -1))


def dyadics(values: Array) -> list[object]:
    """Floats as a certificate writes them, exactly: integers, or m * 2^e as `mpe`."""
    written: list[object] = []
    for value in values.tolist():
        if value == int(value) and abs(value) < 2**53:
            written.append(int(value))
            continue
        numerator, denominator = value.as_integer_ratio()
        written.append(f"{numerator}p-{denominator.bit_length() - 1}" if denominator > 1 else str(numerator))
    return written


def _splits(problem: Problem, part: Part, proof: Proof, point: Array) -> tuple[Candidate, ...]:
    """The splits that the bound's gap at a point suggests, greatest first: the gap is a sum over the blocks."""
    i = _input_to_split(problem, part)
    if i is not None:
        return (Candidate(("input", i, float((part.lower[i] + part.upper[i]) / 2)), 0.0),)
    found = []
    for k, values in enumerate(preactivations(problem.layers, point)):
        n = problem.layers[k].blocks
        z, d, box = values[:n], values[n:], part.boxes[k]
        h, e = np.maximum(z, 0.0), np.where(z > 0, np.maximum(d, -z), np.maximum(z + d, 0.0))
        alpha, dual = proof.bound.alphas[k][0], proof.bound.duals[k][0]
        here = alpha[:n] * h + alpha[n:] * e - dual[:n] * z - dual[n:] * d
        gaps = proof.bound.maxima[k][0] - here
        gaps = np.where((gaps > 0) & np.isfinite(gaps), gaps, 0.0)  # they may be lost in rounding
        for i in np.flatnonzero(unstable(box)).tolist():
            found.append(Candidate((_kind(box[:, i], float(alpha[n + i])), k + 1, i), float(gaps[i])))
            if (k + 1, i) == problem.before:
                return (found[-1],)
    return tuple(sorted(found, key=lambda candidate: -candidate.gap)[:MOST_SPLITS])


def _input_to_split(problem: Problem, part: Part) -> int | None:
    """The input whose range moves the bounds most, of few inputs below many layers; None: neurons are split.

    It is the same for every target: their trees then have their parts in common, which are tightened once.
    """
    width = part.upper - part.lower
    deep = len(width) <= INPUT_SPLITS and len(part.boxes) > 2 and not problem.exact and not part.empty
    deep = deep and not split_by_phase(part)
    if not deep or not any(unstable(box).any() for box in part.boxes):
        return None
    found = suprema(problem.layers, part, len(problem.layers) - 1, np.array([t.row for t in problem.targets]))
    i = int((width * np.abs(found.inputs).sum(0)).argmax())
    return i if width[i] > FINEST * problem.widths[i] else None


def _kind(box: Array, weight: float) -> str:
    """Whether to split a block at z = 0 or at g = 0, for a weight of e.

    Where z >= 0, e >= d, and where z <= 0, e >= 0; where g >= 0, e <= d, and where g <= 0, e <= 0. So one of the
    two splits makes the bound exact in both halves, and the other neuron need not be decided.
    """
    if phases.by_phase(box):
        return "phase"
    first, second = box[ZL] < 0 < box[ZU], box[GL] < 0 < box[GU]
    return "g" if second and (weight > 0 or not first) else "z"


def _argmax(part: Part, bound: Bound) -> Array:
    return np.where(bound.inputs[0] > 0, part.upper, part.lower)


def _kinds(part: Part, k: int) -> str:
    box = part.boxes[k]
    if phases.by_phase(box):
        return "zd"
    wide = (box[DU] - box[DL]).max(initial=0.0) > WIDE * (box[ZU] - box[ZL]).max(initial=0.0)
    return "zdg" if wide else "zd"


def _variables(part: Part) -> int:
    count = sum(int(unstable(b).sum()) for b in part.boxes)
    return len(part.lower) + 12 * count + 2 * sum(int(b.shape[1]) for b in part.boxes)


def _row_of(found: Bound, t: int) -> Bound:
    def pick(arrays: Sequence[Array]) -> list[Array]:
        return [a[t : t + 1] for a in arrays]

    values, inputs, size = pick([found.values, found.inputs, found.size])
    return Bound(values, pick(found.duals), pick(found.alphas), pick(found.maxima), inputs, size)


def float_target(row: Sequence[fmpq], sides: Sequence[tuple[Sequence[fmpq], fmpq]], threshold: fmpq) -> FloatTarget:
    """A target of the checker in float64."""
    matrix = np.array([[to_near(v) for v in side] for side, _ in sides]).reshape(len(sides), len(row))
    margins = np.array([to_near(m) for _, m in sides])
    return FloatTarget(np.array([to_near(v) for v in row]), matrix, margins, to_near(threshold))


def to_near(value: fmpq) -> float:
    """The nearest float64."""
    return int(value.p) / int(value.q)
