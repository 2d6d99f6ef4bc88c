"""Every open sign as a number t: relu(-z) = relu(z) - z, so a neuron hands on relu(z) - t z, with t = 1 if it is wrong.

With the signs below settled, the outputs are affine in the last hidden layer's t:

    f(x) = b + sum_m a_m relu(z_m(x)) - sum_m t_m a_m z_m(x),  so  A t = r,  A_m = a_m z_m,  r = b + a relu(z) - f.

A set of signs below is refuted, with whatever signs of the last hidden layer, by any vector v with

    |v . r| > |v| . (error of r) + sum_m (|v . A_m| + |v| . (error of A_m)),

because 0 <= t <= 1; v is the residual of the least-squares solution. All of this is float64 with bounds of its own
roundings. |relu(z) - t z| <= |z|, so the bounds do not depend on the signs, and one computation serves all candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precise.arithmetic import to_float
from precise.network import Network
from verify.diagnosis.black_box.answers import UNIT, Answers, Floats, Place, Questions

MARGIN = 1 + 2.0**-30  # of bounds that are float64 sums of fewer than 2^20 positive terms
CHUNK_ENTRIES = 1 << 20  # preactivations of a layer held at once


def gamma(terms: int) -> float:
    """The relative error of a float64 dot product of so many terms with rounded weights, a bias added [Hig02]."""
    n = terms + 4
    return n * UNIT / (1 - n * UNIT)


class RelaxedSigns:
    """What some answers say about open signs of layers from `first` up; the signs below are settled in the network."""

    def __init__(self, network: Network, first: int, questions: Questions, answers: Answers) -> None:
        """`network`: on the answers' slice; `first`: a hidden layer, from 1."""
        self.first = first
        self.last = len(network.layers) - 1
        below = Network(network.layers[:first]).evaluate(questions.batch(answers.points)).rows()
        self._start = np.array([[to_float(v) for v in row] for row in below])
        self._arrays = [(w, b) for w, b in network.to_numpy()[first:]]
        self._answers = answers.values
        self._bounds(answers)

    def _bounds(self, answers: Answers) -> None:
        """Bounds of sizes and errors, layer after layer, for all signs and all t in [0, 1]."""
        size = np.abs(self._start) * MARGIN
        error = size * UNIT * MARGIN
        for weights, biases in self._arrays[:-1]:
            reached = (size + error) @ np.abs(weights) + np.abs(biases)
            error = (error @ np.abs(weights) * (1 + 2 * UNIT) + (gamma(len(weights)) + 2 * UNIT) * reached) * MARGIN
            size = reached * MARGIN
        outgoing, biases = self._arrays[-1]
        size, error = size[:, None, :], error[:, None, :]
        self._column_error = (error + 4 * UNIT * (size + error)) * np.abs(outgoing.T) * MARGIN
        terms = (size + error) * np.abs(outgoing.T)
        total = terms.sum(axis=2) + np.abs(biases) + np.abs(answers.values)
        own = (error * np.abs(outgoing.T)).sum(axis=2) + (gamma(len(outgoing)) + 4 * UNIT) * total
        self._right_error = (own + answers.errors) * MARGIN

    @property
    def widths(self) -> list[int]:
        """Neurons of the layers `first` to the last hidden one."""
        return [int(self._start.shape[1]), *(int(w.shape[1]) for w, _ in self._arrays[:-1])]

    def systems(self, places: Sequence[Place], shares: Floats) -> tuple[Floats, Floats]:
        """(A, r) of every candidate, shapes (candidates, equations, last hidden neurons) and (candidates, equations).

        Args:
            places: open neurons below the last hidden layer.
            shares: their t, shape (candidates, places).
        """
        count = len(shares)
        values = np.broadcast_to(self._start, (count, *self._start.shape))
        for layer, (weights, biases) in enumerate(self._arrays[:-1], self.first):
            held = np.maximum(values, 0)
            here = [(n, i - 1) for n, (k, i) in enumerate(places) if k == layer]
            if here:
                own = np.zeros((count, 1, held.shape[2]))
                own[:, 0, [i for _, i in here]] = shares[:, [n for n, _ in here]]
                held -= own * values
            values = held @ weights + biases
        outgoing, biases = self._arrays[-1]
        table = values[:, :, None, :] * outgoing.T
        right = np.maximum(values, 0) @ outgoing + biases - self._answers
        return table.reshape(count, -1, table.shape[3]), right.reshape(count, -1)

    def chunk(self) -> int:
        """How many candidates to look at at once."""
        return max(1, CHUNK_ENTRIES // int(self._answers.size * max(self.widths)))

    def residuals(self, places: Sequence[Place], shares: Floats) -> Floats:
        """The least-squares residuals of candidates with the last hidden layer's t free, shape (candidates,)."""
        table, right = self.systems(places, shares)
        return np.asarray(np.linalg.norm(left_over(table, right), axis=1), dtype=np.float64)

    def refuted(self, places: Sequence[Place], shares: Floats) -> np.ndarray:
        """Which candidates are refuted, whatever the signs of the last hidden layer; shape (candidates,)."""
        table, right = self.systems(places, shares)
        test = left_over(table, right)
        size = np.abs(test)
        seen = np.abs(np.einsum("ce,ce->c", test, right))
        columns = np.abs(np.einsum("ce,cem->cm", test, table)).sum(axis=1)
        own = gamma(test.shape[1]) * (
            np.einsum("ce,ce->c", size, np.abs(right)) + np.einsum("ce,cem->c", size, np.abs(table))
        )
        flat = (self._right_error.reshape(-1) + self._column_error.reshape(-1, table.shape[2]).sum(axis=1)) * MARGIN
        return np.asarray(seen > (size @ flat + columns + own) * MARGIN)

    def last_signs(self) -> list[int | None] | None:
        """t of every neuron of the last hidden layer where it is proved, None where it is open; None: no t fits.

        Only for `first` = the last hidden layer. With P an approximate inverse, t = P r + (I - P A) t, and |t| <= 1.
        """
        tables, rights = self.systems((), np.zeros((1, 0)))
        table, right = tables[0], rights[0]
        inverse = np.linalg.pinv(table, rcond=1e-12)
        size = np.abs(inverse)
        column_error = self._column_error.reshape(table.shape).sum(axis=1)
        spread = size @ (self._right_error.reshape(-1) + column_error)
        missing = np.abs(inverse @ table - np.eye(table.shape[1])).sum(axis=1)
        own = gamma(len(right)) * (size @ (np.abs(right) + np.abs(table).sum(axis=1)))
        found, radius = inverse @ right, (spread + missing + own) * MARGIN
        signs = [_bit(t, r) for t, r in zip(found, radius, strict=True)]
        if any(t == 2 for t in signs):
            return None
        return self._by_trial(table, right, signs)

    def _by_trial(self, table: Floats, right: Floats, signs: list[int | None]) -> list[int | None] | None:
        """Try all values of what is open, when it is little: dependent columns leave real t open, not whole ones."""
        acting = np.abs(table).max(axis=0) > 0
        unknown = [m for m, t in enumerate(signs) if t is None and acting[m]]
        if not 0 < len(unknown) <= MOST_TRIED:
            return signs
        trials = np.array([[n >> m & 1 for m in range(len(unknown))] for n in range(1 << len(unknown))], dtype=float)
        whole = np.tile([float(t or 0) for t in signs], (len(trials), 1))
        whole[:, unknown] = trials
        off = np.abs(right - whole @ table.T)
        error = self._column_error.reshape(table.shape).sum(axis=1) + self._right_error.reshape(-1)
        own = gamma(table.shape[1]) * (np.abs(right) + np.abs(table).sum(axis=1))
        fits = whole[~(off > (error + own) * MARGIN).any(axis=1)]
        if not len(fits):
            return None
        for m in unknown:
            if (fits[:, m] == fits[0, m]).all():
                signs[m] = int(fits[0, m])
        return signs


MOST_TRIED = 12  # open signs of the last hidden layer: 4096 trials


def left_over(table: Floats, right: Floats) -> Floats:
    """The part of r that no combination of A's columns reaches, for every candidate."""
    basis = np.linalg.qr(table)[0]
    inside = np.einsum("cem,ce->cm", basis, right)
    rest: Floats = right - np.einsum("cem,cm->ce", basis, inside)
    return rest


def _bit(value: float, radius: float) -> int | None:
    """0 or 1 where only this is within the radius; None where both are; 2 where neither is."""
    zero, one = abs(value) <= radius, abs(value - 1) <= radius
    if not np.isfinite(value + radius) or (zero and one):
        return None
    return 0 if zero else 1 if one else 2
