"""One sign at a time: two inputs between which a single neuron of a layer changes, and stays on one side.

Let the layers below k be right. Let x and x' be inputs at which neuron i of layer k has a preactivation of one and the
same sign, and every other neuron j of the layer the same preactivation twice, or is known to be off twice. If i were
off at x and x', the layer would hand on the same values, so the outputs would be equal, whatever the signs of the other
neurons and all that follows. So outputs that differ prove that i is on where its preactivation has that sign.

On a grid the others move a little, by d_j. A layer's signs do not change how far its outputs can move: at most
||W|| |d|. With both promised errors E, E' the proof is that

    |f(x) - f(x')| > E + E' + ||W_L|| ... ||W_(k+1)|| |d| .

Such moves exist where the layer's local map has independent rows: always in the first layer of a contracting network,
and behind layers of which enough neurons are on. The inactive side as the place where a neuron cannot be moved is the
idea of [CCHRSS24] (SOE); the next layer's weights are not needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from flint import fmpq

from precise.arithmetic import sign, to_float
from precise.network import Network
from verify.diagnosis.black_box.answers import OUTWARD, Answers, Floats, Integers, Place, Questions, flipped
from verify.diagnosis.black_box.sampling import FARTHEST, Sampler

DRAWN = 48  # points looked at in a round
AT_ONCE = 2  # points of a round that are asked, each with all its moves
ROUNDS = 12  # a neuron that acts is on at every other point; one that was silent so often is left to other means
ISOLATED = 1e-6  # how far from alone a float move may be: only steers, the exact check decides
SMALLEST = 1e-3  # a move's share of the row's length below which it is not worth a query
NORMS = 1 + 2.0**-40  # float64 sums of at most a few thousand positive terms


@dataclass(frozen=True)
class Move:
    """Two grid points between which one neuron changes."""

    neuron: int  # from 0
    side: int  # the sign of its preactivation at both
    start: Integers
    end: Integers


@dataclass(frozen=True)
class ProvedSign:
    """A neuron's active side, proved for all signs of the others in its layer and above."""

    place: Place
    sign: int  # +1: as recovered; -1: the row is to be negated
    preactivations: tuple[float, float]  # at the two points
    change: float  # of the output
    allowed: float  # what rounding and the grid could do

    @property
    def evidence(self) -> str:
        """Why it is so."""
        k, i = self.place
        a, b = self.preactivations
        return (
            f"Between two inputs the preactivation of neuron {i} of layer {k} goes from {a:.4g} to {b:.4g} by its "
            f"recovered row while no other active neuron of the layer changes, and the output changes by "
            f"{self.change:.3g}, where a neuron that is off would leave at most {self.allowed:.2g}. So it is active on "
            f"its {'positive' if a > 0 else 'negative'} side, whatever the signs of the other neurons of its layer "
            "and of the layers above."
        )


@dataclass
class IsolatedMoves:
    """Signs of one layer after another, from below."""

    questions: Questions
    columns: Sequence[int]
    network: Network  # the recovered one on the slice
    sampler: Sampler
    proofs: dict[Place, ProvedSign] = field(default_factory=dict)
    seen: list[Answers] = field(default_factory=list)

    def decide(self, layer: int) -> list[int]:
        """Prove what can be proved in a layer (from 1) whose lower layers are all proved; returns what is left.

        Raises:
            BudgetExceeded, OracleError: from the oracle.
        """
        work = _Layer(self.network, layer, self.proofs)
        tried: dict[tuple[int, int], int] = {}
        for _ in range(ROUNDS):
            if not work.open:
                break
            moves = self._chosen(work, tried)
            if not moves:
                break
            self._ask(work, moves)
            for move in moves:
                tried[move.neuron, move.side] = tried.get((move.neuron, move.side), 0) + 1
        return [i + 1 for i in work.open]

    def contradicted(self, layer: int) -> bool:
        """Is a neuron of a decided layer proved to act on the side where it is off? Then some row up to it is wrong.

        Raises:
            BudgetExceeded, OracleError: from the oracle.
        """
        below = {place: proof for place, proof in self.proofs.items() if place[0] < layer}
        again = IsolatedMoves(self.questions, self.columns, self.network, self.sampler, below)
        wanted = {(i - 1, -proof.sign) for (k, i), proof in self.proofs.items() if k == layer}
        for _ in range(ROUNDS // 4):
            work = _Layer(self.network, layer, below)
            moves = [m for m in again._chosen(work, {}) if (m.neuron, m.side) in wanted]
            if moves:
                again._ask(work, moves)
            if any(place[0] == layer for place in again.proofs):
                return True
        return False

    def _chosen(self, work: _Layer, tried: dict[tuple[int, int], int]) -> list[Move]:
        """The moves from the points that offer most of what was tried least."""
        offers = []
        for point in self.sampler.draw(DRAWN):
            start = self.questions.to_grid(point)
            moves = [
                Move(i, side, start, self.questions.to_grid(end))
                for i, side, end in work.moves(self.questions.to_floats(start))
            ]
            offers.append(moves)
        chosen: list[Move] = []
        counts = dict(tried)
        for _ in range(AT_ONCE):
            news = [sum(4.0 ** -counts.get((m.neuron, m.side), 0) for m in moves) for moves in offers]
            best = offers.pop(int(np.argmax(news)))
            chosen += best
            for m in best:
                counts[m.neuron, m.side] = counts.get((m.neuron, m.side), 0) + 1
        return chosen

    def _ask(self, work: _Layer, moves: list[Move]) -> None:
        starts: dict[bytes, int] = {}
        rows: list[Integers] = []
        for move in moves:
            if move.start.tobytes() not in starts:
                starts[move.start.tobytes()] = len(rows)
                rows.append(move.start)
        first = [starts[m.start.tobytes()] for m in moves]
        points = np.array(rows + [m.end for m in moves])
        answers = self.questions.ask(points, self.columns)
        self.seen.append(answers)
        second = [len(rows) + n for n in range(len(moves))]
        for move, a, b in zip(moves, first, second, strict=True):
            if (
                move.neuron in work.open
                and (np.abs(answers.values[a] - answers.values[b]) > answers.errors[a] + answers.errors[b]).any()
            ):
                proof = work.proof(move, self.questions, answers.part([a, b]))
                if proof is not None:
                    self.proofs[proof.place] = proof
                    work.settle(move.neuron, proof.sign)


class _Layer:
    """The layer in question, in floats for searching and exactly for proving."""

    def __init__(self, network: Network, layer: int, proofs: dict[Place, ProvedSign]) -> None:
        turned = [place for place, proof in proofs.items() if proof.sign < 0 and place[0] < layer]
        right = flipped(network, turned)
        self.layer = layer
        self._exact = Network(right.layers[:layer])
        self._arrays = [(w.T, b) for w, b in right.to_numpy()[:layer]]
        self._lipschitz = lipschitz(network, layer)
        self.signs = {i - 1: proof.sign for (k, i), proof in proofs.items() if k == layer}
        outgoing = network.layers[layer].weights
        silent = {i for i in range(network.layers[layer - 1].neurons) if not any(row[i] for row in outgoing)}
        self.open = [i for i in range(network.layers[layer - 1].neurons) if i not in self.signs and i not in silent]

    def settle(self, neuron: int, found: int) -> None:
        """The sign of a neuron is proved."""
        self.signs[neuron] = found
        self.open.remove(neuron)

    def moves(self, point: Floats) -> list[tuple[int, int, Floats]]:
        """(neuron, side, end) of the moves of open neurons from a point."""
        below, (rows, values) = self._local(point)
        off = np.array([self.signs.get(i, 0) * v < 0 for i, v in enumerate(values)], dtype=bool)
        still = np.flatnonzero(~off)
        inverse = np.linalg.pinv(rows[still], rcond=1e-9)
        alone = rows[still] @ inverse
        found = []
        for i in self.open:
            at = int(np.searchsorted(still, i))
            column = alone[:, at].copy()
            column[at] -= 1
            if np.abs(column).max() > ISOLATED or not values[i]:
                continue
            step = np.asarray(inverse[:, at], dtype=np.float64)
            length = self._longest(point, step, [*below, (rows[off], values[off])], float(values[i]))
            if abs(length) * float(np.linalg.norm(step)) > 0 and abs(length) > SMALLEST * np.linalg.norm(rows[i]):
                found.append((i, 1 if values[i] > 0 else -1, point + 0.9 * length * step))
        return found

    def _local(self, point: Floats) -> tuple[list[tuple[Floats, Floats]], tuple[Floats, Floats]]:
        found: list[tuple[Floats, Floats]] = []
        rows: Floats = np.eye(len(point))
        held = point
        for weights, biases in self._arrays:
            rows, values = np.asarray(weights @ rows, dtype=np.float64), weights @ held + biases
            found.append((rows, values))
            rows, held = rows * (values > 0)[:, None], np.maximum(values, 0)
        return found[:-1], found[-1]

    @staticmethod
    def _longest(point: Floats, step: Floats, kept: list[tuple[Floats, Floats]], value: float) -> float:
        """How far the neuron's preactivation may go, in the better direction, without any other changing state."""
        low, high = -np.inf, np.inf
        for rows, values in kept:
            slopes = rows @ step
            with np.errstate(divide="ignore", invalid="ignore"):
                zeros = np.where(slopes != 0, -values / slopes, np.inf)
            high = min(high, float(zeros[zeros > 0].min(initial=np.inf)))
            low = max(low, float(zeros[zeros < 0].max(initial=-np.inf)))
        room = (FARTHEST - float(np.abs(point).max())) / max(float(np.abs(step).max()), 1e-300)
        away, towards = (min(high, room), max(low, -room, -value))
        if value < 0:
            away, towards = (max(low, -room), min(high, room, -value))
        away = float(np.clip(away, -4 * abs(value), 4 * abs(value)))
        return away if abs(away) >= abs(towards) else towards

    def proof(self, move: Move, questions: Questions, answers: Answers) -> ProvedSign | None:
        """The proof that the outputs at both ends give, in exact arithmetic."""
        start, end = self._exact.evaluate(questions.batch(answers.points)).rows()
        i = move.neuron
        if not sign(start[i]) == sign(end[i]) == move.side:
            return None
        others = [self._moved(j, start[j], end[j]) for j in range(len(start)) if j != i]
        moved = float(np.sqrt(sum(v * v for v in others))) * NORMS
        allowed = (answers.errors[0] + answers.errors[1] + self._lipschitz * moved) * OUTWARD
        change = np.abs(answers.values[0] - answers.values[1])
        best = int(np.argmax(change - allowed))
        if not change[best] > allowed[best]:
            return None
        ends = float(to_float(start[i])), float(to_float(end[i]))
        return ProvedSign((self.layer, i + 1), move.side, ends, float(change[best]), float(allowed[best]))

    def _moved(self, neuron: int, start: fmpq, end: fmpq) -> float:
        """How far a neuron's output can have moved, whatever its sign if that is open."""
        known = self.signs.get(neuron, 0)
        if known and sign(start) == sign(end) == -known:
            return 0.0
        return abs(to_float(end - start)) * OUTWARD


def lipschitz(network: Network, layer: int) -> float:
    """How far outputs can move (2-norm) a unit that a layer's outputs move; signs above do not matter.

    ||W||_2^2 <= ||W||_1 ||W||_inf; the weights' rounding to float64 is in the margin.
    """
    total = 1.0
    for weights, _ in network.to_numpy()[layer:]:
        size = np.abs(weights)
        total *= float(np.sqrt(size.sum(axis=0).max() * size.sum(axis=1).max())) * NORMS
    return total
