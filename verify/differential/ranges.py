"""Ranges of the differences within the networks, by searches of their own: what the layers above lose depends on them.

A difference of the second layer is an output of the joint network up to there. Some splits of the neurons below halve
its range, and with it the bonus that an undecided neuron has in every linear program of the search proper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from precise.executors import Workers
from verify.differential import attack, phases
from verify.differential.bounds import DL, DU, Array, Part, revived, with_box
from verify.differential.branch_and_bound import Node, Stop, search
from verify.differential.kept import Kept
from verify.differential.problem import FloatTarget, Problem

LOOKS = 96  # at parts, for each bound of a range
CLOSE = 1.05  # a bound so near what is attained is left alone
FEWEST = 16  # undecided neurons: with less of them a search is over before its ranges would be
SPARE = 2.0**-40  # of a bound: more than the search's rounding, so that the checker's own is not above it


@dataclass(frozen=True)
class Ranges:
    """The whole domain with what was found."""

    root: Part
    tighten: list[Node]  # for the certificate
    interrupted: bool = False


class _Attained:
    """The goal of such a search: to come near what is attained, within so many looks."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._attained = np.full(len(problem.targets), -np.inf)
        self._left = LOOKS * len(problem.targets)

    def limit(self, target: int) -> float:
        value = float(self._attained[target])
        return max(value * CLOSE, value / CLOSE)

    def offer(self, points: Array, target: int) -> None:
        values = attack.outputs(self._problem.layers, points) @ self._problem.targets[target].row
        self._attained[target] = max(self._attained[target], values.max())
        self._left -= 1
        if self._left < 0:
            raise Stop


def narrowed(problem: Problem, root: Part, deadline: float, workers: Workers, kept: Kept | None) -> Ranges:
    """Better bounds of the differences of all layers but the first, where enough neurons are undecided."""
    entries: list[Node] = []
    if sum(int(phases.undecided(box).sum()) for box in root.boxes) < FEWEST:
        return Ranges(root, entries)
    for k in range(1, len(root.boxes)):
        undecided = np.flatnonzero(phases.undecided(root.boxes[k]))
        chosen = [(int(i), side) for i in undecided for side in ("upper", "lower")]
        inner = replace(problem, layers=problem.layers[: k + 1], targets=_targets(chosen, problem.layers[k].blocks))
        below = replace(root, boxes=root.boxes[:k], vertices=root.vertices[:k])
        found = search(inner, below, _Attained(inner), deadline, workers, kept=kept)
        entries += [*found.tighten, _entry(k, chosen, found.trees)]
        root = _with_ranges(root, k, chosen, found.bounds)
        if found.interrupted:
            return Ranges(root, entries, True)
    return Ranges(root, entries)


def _targets(chosen: Sequence[tuple[int, str]], blocks: int) -> tuple[FloatTarget, ...]:
    rows = np.zeros((len(chosen), 2 * blocks))
    for row, (i, side) in zip(rows, chosen):
        row[blocks + i] = 1.0 if side == "upper" else -1.0
    return tuple(FloatTarget(row, np.zeros((0, 2 * blocks)), np.zeros(0), np.inf) for row in rows)


def _entry(k: int, chosen: Sequence[tuple[int, str]], trees: Sequence[Sequence[Node]]) -> Node:
    return {"layer": k + 1, "targets": [[i, "d", side] for i, side in chosen], "trees": list(trees)}


def _with_ranges(root: Part, k: int, chosen: Sequence[tuple[int, str]], found: Sequence[float]) -> Part:
    box = root.boxes[k].copy()
    for (i, side), bound in zip(chosen, found):
        bound += SPARE * abs(bound)
        if side == "upper":
            box[DU, i] = min(box[DU, i], bound)
        else:
            box[DL, i] = max(box[DL, i], -bound)
    return revived(with_box(root, k, box))
