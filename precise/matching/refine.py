"""More digits for all rows at once: an interval Newton step on many answers. ([CJM20] improves single rows.)

Let t be the true parameters of the slice's network (normalised rows, outputs), known to lie in a box of midpoints t0
and radii r. At a point where every neuron's side is proved for the whole box, f is smooth in t, and by the mean value
theorem

    f(x; t) = f(x; t0) + J (t - t0),    J in J0 +- dJ over the box.

With the answers y, |y - f(x; t)| <= E, and any matrix C (here an approximate weighted left inverse of J0),

    t - t0 = C (y - f(x; t0)) - C (y - f(x; t)) + (I - C J) (t - t0),

so t lies within |C| E + |I - C J0| r + |C| dJ r of t0 + C (y - f(x; t0)). C and J0 are float64, and their roundings
are added to dJ and to the bound; only y - f(x; t0) needs long midpoints. The step is repeated on the same answers. An
empty intersection proves that some row or sign is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from flint import arb
from scipy.linalg import solve_triangular

from precise.rounding.balls import Floats, Vector, met, middle, radius
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.view import View

POINTS = 3  # an unknown
REPEATS = 3
SLACK = 2.0**-40  # relative: the float64 sums here have at most a few thousand terms


@dataclass(frozen=True)
class Refined:
    """Tighter enclosures of the same network."""

    known: KnownLayers
    outputs: list[Vector]


@dataclass(frozen=True)
class _Interval:
    """Midpoints and radii in float64."""

    mid: Floats
    rad: Floats

    def times(self, other: _Interval) -> _Interval:
        """The matrix product, with room for its own roundings."""
        mid, size = self.mid @ other.mid, np.abs(self.mid) @ np.abs(other.mid)
        spread = np.abs(self.mid) @ other.rad + self.rad @ (np.abs(other.mid) + other.rad)
        return _Interval(mid, spread * (1 + SLACK) + size * SLACK)

    def masked(self, active: Floats) -> _Interval:
        """Zero where a neuron is inactive."""
        return _Interval(self.mid * active, self.rad * active)


def refine(view: View, known: KnownLayers, outputs: Sequence[Vector], random: Random) -> Refined | None:
    """Tighter enclosures; None if the answers contradict every network in the given ones."""
    rows = [*([row.entries for row in layer] for layer in known.layers), [list(row) for row in outputs]]
    unknown = np.array([not e.is_exact() for layer in rows for row in layer for e in row])
    if not unknown.any():
        return Refined(known, list(outputs))
    points, patterns = _points(view, known, POINTS * int(unknown.sum()) // len(outputs) + 1, random)
    answers = view.ask_outputs(points)
    places = [view.balls(p) for p in points]
    for _ in range(REPEATS):
        tighter = _step(rows, unknown, np.array([view.floats(p) for p in points]), places, patterns, answers)
        if tighter is None:
            return None
        rows = tighter
    layers = [[_row(old, new) for old, new in zip(*pair, strict=True)] for pair in zip(known.layers, rows)]
    return Refined(KnownLayers(layers), rows[-1])


def _row(old: KnownRow, entries: Vector) -> KnownRow:
    return replace(old, weights=tuple(entries[:-1]), bias=entries[-1])


def _points(view: View, known: KnownLayers, count: int, random: Random) -> tuple[list[list[int]], list[Floats]]:
    """Random points whose sides are proved, and the activity of every layer there, shapes (points, neurons)."""
    points: list[list[int]] = []
    patterns: list[list[list[int]]] = []
    for _ in range(4 * count):
        scale = 2.0 ** random.randint(-1, 5)
        point = view.nearest([random.gauss(0, scale) for _ in range(view.width)])
        pattern = known.pattern(view.balls(point))
        if len(points) < count and not any(0 in sides for sides in pattern):
            points.append(point)
            patterns.append(pattern)
    active = [np.array([[float(s > 0) for s in p[k]] for p in patterns]) for k in range(known.depth)]
    return points, active


def _step(
    rows: list[list[Vector]],
    unknown: np.ndarray,
    points: Floats,
    places: list[Vector],
    active: list[Floats],
    answers: list[Vector],
) -> list[list[Vector]] | None:
    jacobian = _jacobian(rows, points, active)
    mid, rad = jacobian.mid[:, unknown], jacobian.rad[:, unknown]
    residual, error = _residuals(rows, places, answers)
    weight = 1 / np.maximum(error, error.max() * 1e-9 + 1e-300)
    weight /= weight.max()
    q, r = np.linalg.qr(mid * weight[:, None])
    try:
        inverse = solve_triangular(r, q.T) * weight
    except (np.linalg.LinAlgError, ValueError):
        return rows
    if not np.isfinite(inverse).all():
        return rows
    radii = np.array([radius(e) for layer in rows for row in layer for e in row])[unknown]
    size = np.abs(inverse)
    left = np.abs(np.eye(len(radii)) - inverse @ mid) @ radii
    roundings = SLACK * (size @ (np.abs(mid) @ radii) + size @ np.abs(residual))
    bound = (size @ (error + rad @ radii) + left) * (1 + SLACK) + roundings
    return _moved(rows, unknown, inverse @ residual, bound)


def _moved(rows: list[list[Vector]], unknown: np.ndarray, shift: Floats, bound: Floats) -> list[list[Vector]] | None:
    found, number, position = [], 0, 0
    for layer in rows:
        tighter = []
        for row in layer:
            entries = list(row)
            for i, entry in enumerate(row):
                if unknown[position]:
                    near = met(entry, entry.mid() + arb(float(shift[number]), float(bound[number])))
                    if near is None:
                        return None
                    entries[i] = near
                    number += 1
                position += 1
            tighter.append(entries)
        found.append(tighter)
    return found


def _residuals(rows: list[list[Vector]], places: list[Vector], answers: list[Vector]) -> tuple[Floats, Floats]:
    """(answer - output of the midpoints, error of the answer), points times outputs, outputs fastest."""
    centres = [[[arb(e.mid()) for e in row] for row in layer] for layer in rows]
    hidden = KnownLayers([[KnownRow(tuple(row[:-1]), row[-1], 0) for row in layer] for layer in centres[:-1]])
    residual, error = [], []
    for place, answer in zip(places, answers, strict=True):
        held = [*hidden.hidden(place), arb(1)]
        for value, row in zip(answer, centres[-1], strict=True):
            difference = value - sum((w * h for w, h in zip(row, held, strict=True)), arb(0))
            residual.append(middle(difference))
            error.append(radius(difference) * (1 + SLACK) + abs(residual[-1]) * SLACK)
    return np.array(residual), np.array(error)


def _jacobian(rows: list[list[Vector]], points: Floats, active: list[Floats]) -> _Interval:
    """Shape (points x outputs, parameters), over the whole box."""
    weights = [_interval([row[:-1] for row in layer]) for layer in rows]
    biases = [_interval([[row[-1]] for row in layer]) for layer in rows]
    held = [_Interval(points, np.zeros_like(points))]
    for w, b, a in zip(weights[:-1], biases[:-1], active, strict=True):
        z = held[-1].times(_Interval(w.mid.T, w.rad.T))
        held.append(_Interval(z.mid + b.mid.T, z.rad + b.rad.T + SLACK * np.abs(b.mid.T)).masked(a))
    outputs = len(rows[-1])
    mid = np.zeros((len(points) * outputs, sum(len(row) for layer in rows for row in layer)))
    rad = np.zeros_like(mid)
    for o in range(outputs):
        whole = _one_output(o, weights, held, active, outputs)
        mid[o::outputs], rad[o::outputs] = whole.mid, whole.rad
    return _Interval(mid, rad)


def _one_output(
    output: int, weights: list[_Interval], held: list[_Interval], active: list[Floats], outputs: int
) -> _Interval:
    """The derivatives of one output, layer after layer, each neuron's weights and bias."""
    count = len(held[0].mid)
    last = np.zeros((count, outputs))
    last[:, output] = 1
    influence = _Interval(last, np.zeros_like(last))
    blocks = [_derivatives(influence, held[-1])]
    for k in range(len(active) - 1, -1, -1):
        influence = influence.times(weights[k + 1]).masked(active[k])
        blocks.append(_derivatives(influence, held[k]))
    return _Interval(np.hstack([b.mid for b in blocks[::-1]]), np.hstack([b.rad for b in blocks[::-1]]))


def _derivatives(influence: _Interval, held: _Interval) -> _Interval:
    """influence_j h_i for every weight, influence_j for the bias: shape (points, neurons x (inputs + 1))."""
    one = np.ones((len(held.mid), 1))
    h, hr = np.hstack([held.mid, one]), np.hstack([held.rad, 0 * one])
    y, yr = influence.mid[:, :, None], influence.rad[:, :, None]
    mid = y * h[:, None, :]
    rad = np.abs(y) * hr[:, None, :] + yr * (np.abs(h) + hr)[:, None, :]
    return _Interval(mid.reshape(len(h), -1), ((1 + SLACK) * rad + SLACK * np.abs(mid)).reshape(len(h), -1))


def _interval(rows: Sequence[Sequence[arb]]) -> _Interval:
    mid = np.array([[middle(e) for e in row] for row in rows])
    rad = np.array([[radius(e) for e in row] for row in rows])
    return _Interval(mid, rad + SLACK * SLACK * np.abs(mid) + np.spacing(np.abs(mid)))
