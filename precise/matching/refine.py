"""More digits for all rows at once: an interval Newton step on many answers. ([CJM20] improves single rows.)

Let t be the true parameters of the slice's network (normalised rows, outputs), known to lie in a box of midpoints t0
and radii r. At a point where every neuron's side is proved for the whole box, f is smooth in t, and by the mean value
theorem

    f(x; t) = f(x; t0) + J (t - t0),    J in J0 +- dJ over the box.

With the answers y, |y - f(x; t)| <= E, and any matrix C (here an approximate left inverse of J0, weighted by 1 / E),

    t - t0 = C (y - f(x; t0)) - C (y - f(x; t)) + (I - C J) (t - t0),

so t lies within |C| E + |I - C J0| r + |C| dJ r of t0 + C (y - f(x; t0)). C and J0 are float64, and their roundings
are added to dJ and to the bound; only y - f(x; t0) needs long midpoints. The step is repeated on the same answers. An
empty intersection proves that some row or sign is wrong. E is the promised error or, where it is less, the error of an
evaluation with the enclosed rows (`evaluation`).

**Expected digits.** Rounding errors are far smaller than any bound that holds for all of them. What is left of the
answers after the step shows their real size: with s^2 = sum ((y - f(x; t)) / E)^2 / (answers - unknowns), the standard
error of t_k is s sqrt(sum_i (C_ki E_i)^2). SIGMAS of it give the expected digits. They suppose that the errors of
different answers are independent and have mean 0; they are reported beside the proved ones and decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from flint import arb, arb_mat, fmpz, fmpz_mat
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from precise.arithmetic import SliceBatch
from precise.matching.design import Design, designed
from precise.rounding.balls import Floats, Vector, met, middle, radius
from precise.rounding.evaluation import evaluation_error
from precise.rounding.intervals import SLACK, IntervalNetwork
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.view import View

POINTS = 2  # an unknown
REPEATS = 3
SIGMAS = 4
Rows = list[list[Vector]]  # (weights ..., bias) of every neuron, layer after layer, the outputs last


@dataclass(frozen=True)
class Refined:
    """Tighter enclosures of the same network."""

    known: KnownLayers
    outputs: list[Vector]
    spread: list[list[Floats]]  # SIGMAS standard errors of every entry; NaN if there is nothing to estimate them from


@dataclass(frozen=True)
class _Asked:
    """The points and what was answered."""

    design: Design
    answers: list[Vector]
    underflow: float


@dataclass(frozen=True)
class _Step:
    """What one step gives for the unknown entries."""

    shift: Floats
    bound: Floats
    spread: Floats


def refine(view: View, known: KnownLayers, outputs: Sequence[Vector], random: Random) -> Refined | None:
    """Tighter enclosures; None if the answers contradict every network in the given ones."""
    rows = [*([row.entries for row in layer] for layer in known.layers), [list(row) for row in outputs]]
    unknown = np.array([not e.is_exact() for layer in rows for row in layer for e in row])
    spread = np.zeros(len(unknown))
    if unknown.any():
        asked = _ask(view, known, rows, unknown, POINTS * int(unknown.sum()) // len(outputs) + 1, random)
        for _ in range(REPEATS):
            step = _step(view, rows, unknown, asked)
            if step is None:
                break
            tighter = _moved(rows, unknown, step)
            if tighter is None:
                return None
            rows, spread[unknown] = tighter, step.spread
    layers = [[_row(old, new) for old, new in zip(*pair, strict=True)] for pair in zip(known.layers, rows)]
    return Refined(KnownLayers(layers), rows[-1], _shaped(spread, rows))


def _row(old: KnownRow, entries: Vector) -> KnownRow:
    return replace(old, weights=tuple(entries[:-1]), bias=entries[-1])


def _ask(view: View, known: KnownLayers, rows: Rows, unknown: NDArray[np.bool_], count: int, random: Random) -> _Asked:
    design = designed(view, known, IntervalNetwork(rows), unknown, count, random)
    inside = fmpz_mat(len(design.points), view.width, [fmpz(c) for point in design.points for c in point])
    batch = SliceBatch(inside, fmpz(1) << view.grid, view.coordinates, view.oracle.input_width)
    return _Asked(design, view.ask_outputs(design.points), view.promise.underflow(batch))


def _step(view: View, rows: Rows, unknown: NDArray[np.bool_], asked: _Asked) -> _Step | None:
    """One step; None if the answers do not determine the unknowns."""
    network = IntervalNetwork(rows)
    found = network.passed(asked.design.places)
    jacobian = network.jacobian(asked.design.places, asked.design.found)
    mid, rad = jacobian.mid[:, unknown], jacobian.rad[:, unknown]
    residual, error = _residuals(rows, asked)
    if view.promise.evaluation is not None:
        sharper = evaluation_error(view.promise.evaluation, network, asked.design.places, found) + asked.underflow
        error = np.minimum(error, sharper.ravel() * (1 + SLACK))
    inverse = _inverse(mid, error)
    if inverse is None:
        return None
    radii = np.array([radius(e) for layer in rows for row in layer for e in row])[unknown]
    size = np.abs(inverse)
    left = np.abs(np.eye(len(radii)) - inverse @ mid) @ radii
    roundings = SLACK * (size @ (np.abs(mid) @ radii) + size @ np.abs(residual))
    bound = (size @ (error + rad @ radii) + left) * (1 + SLACK) + roundings
    shift = inverse @ residual
    return _Step(shift, bound, np.maximum(_spread(inverse, error, residual - mid @ shift), SLACK * bound))


def _inverse(jacobian: Floats, error: Floats) -> Floats | None:
    """A left inverse by least squares, answers of small error counting more; None if there is none."""
    weight = 1 / np.maximum(error, error.max() * 1e-9 + 1e-300)
    weight /= weight.max()
    weighted = jacobian * weight[:, None]
    size = np.sqrt((weighted**2).sum(axis=0))
    if len(jacobian) < len(size) or not size.all():
        return None
    q, r = np.linalg.qr(weighted / size)
    try:
        inverse = solve_triangular(r, q.T) * weight / size[:, None]
    except (np.linalg.LinAlgError, ValueError):
        return None
    return np.asarray(inverse) if np.isfinite(inverse).all() else None


def _spread(inverse: Floats, error: Floats, left: Floats) -> Floats:
    """SIGMAS standard errors, from what the step leaves of the answers; see the module."""
    spare = len(left) - len(inverse)
    scale = float(((left / np.maximum(error, 1e-300)) ** 2).sum()) / spare if spare > 0 else np.nan
    return np.asarray(SIGMAS * np.sqrt(scale * ((inverse * error) ** 2).sum(axis=1)))


def _moved(rows: Rows, unknown: NDArray[np.bool_], step: _Step) -> Rows | None:
    found, number, position = [], 0, 0
    for layer in rows:
        tighter = []
        for row in layer:
            entries = list(row)
            for i, entry in enumerate(row):
                if unknown[position]:
                    near = met(entry, entry.mid() + arb(float(step.shift[number]), float(step.bound[number])))
                    if near is None:
                        return None
                    entries[i] = near
                    number += 1
                position += 1
            tighter.append(entries)
        found.append(tighter)
    return found


def _residuals(rows: Rows, asked: _Asked) -> tuple[Floats, Floats]:
    """(answer - output of the midpoints, error of the answer), points times outputs, outputs fastest."""
    held = arb_mat([[arb(float(c)) for c in place] for place in asked.design.places])
    for number, layer in enumerate(rows):
        if number:
            held = arb_mat([[v.max(arb(0)) for v in row] for row in held.tolist()])
        weights = arb_mat([[arb(e.mid()) for e in row[:-1]] for row in layer])
        biases = [arb(row[-1].mid()) for row in layer]
        sums = (held * weights.transpose()).tolist()
        held = arb_mat([[v + b for v, b in zip(row, biases, strict=True)] for row in sums])
    given = [value for answer in asked.answers for value in answer]
    differences = [value - output for value, output in zip(given, held.entries(), strict=True)]
    residual = np.array([middle(d) for d in differences])
    error = np.array([radius(d) for d in differences]) * (1 + SLACK) + np.abs(residual) * SLACK
    return residual, error


def _shaped(values: Floats, rows: Rows) -> list[list[Floats]]:
    """One number an entry, in the shape of the rows."""
    parts = iter(np.split(values, np.cumsum([len(row) for layer in rows for row in layer])[:-1]))
    return [[next(parts) for _ in layer] for layer in rows]
