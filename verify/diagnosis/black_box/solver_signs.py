"""Z3 over the open signs: is there another set of wrong ones that gives the same answers?

Every open sign is a truth t, every answer a constraint on the outputs in linear real arithmetic. Long numbers make Z3
slow, so weights and preactivations are rounded to a few bits, and every constraint is widened by what this can change
for any signs: with e the error and s the size of a layer's values, e' = |W'| e + |W - W'| s + |b - b'| bounds the next
layer's, as max(0, z) and max(0, -z) move at most as far as z. So what has no solution here has none in exact numbers.

What Z3 proposes is evaluated exactly. If an answer refutes it, that answer becomes a constraint and Z3 goes on
(counterexample-guided search); else it is another explanation, for a question that tells it apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpq, fmpq_mat

from precise.arithmetic import rational, to_float
from precise.network import Network
from verify.diagnosis.black_box.answers import Answers, Place, Questions, flipped
from verify.diagnosis.black_box.fresh_points import disagreeing

if TYPE_CHECKING:
    import z3

ALL_BITS = 12  # up to so many open signs all sets are asked for; of more, those up to a size
MOST_BITS = 32  # open signs of several layers, beyond which Z3 is not asked: it would not end
MOST_SETS = 1024  # that are asked for where there are more than ALL_BITS
WEIGHT_BITS = 10  # of a row's largest weight; of a point's largest preactivation
FIRST_ANSWERS = 16  # constraints to begin with, at most
ROUNDS = 48  # proposals that answers refute
EFFORT = 4_000_000  # of Z3's own units for one check, a few seconds; the same on every machine
PIVOTED = 1e-3  # how far from the unit matrix the equations of the last hidden layer may be once they are solved

Truth = Any  # z3.BoolRef
Term = Any  # z3.ArithRef
Rows = Sequence[Sequence[fmpq]]


@dataclass(frozen=True)
class SolverProof:
    """What Z3 said."""

    bits: int  # open signs
    most: int  # sets of at most so many wrong ones were asked for; `bits`: all
    answers: int  # constraints that were needed
    refuted: int  # proposals that further answers refuted
    excluded: bool  # no other set is left; False: Z3 did not end within its effort

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "open_signs": self.bits,
            "most_wrong": self.most,
            "answers": self.answers,
            "proposals_refuted": self.refuted,
            "excluded": self.excluded,
        }


def largest_set(bits: int, linear: bool) -> int:
    """Sets of up to this size can be asked for; with `linear` constraints (one layer is open) all."""
    if linear or bits <= ALL_BITS:
        return bits
    size, total = 0, 1
    while bits <= MOST_BITS and total + comb(bits, size + 1) <= MOST_SETS:
        size += 1
        total += comb(bits, size)
    return size


class SolverSigns:
    """The open signs of a network on a slice, asked of Z3."""

    def __init__(self, network: Network, places: Sequence[Place], questions: Questions, answers: Answers) -> None:
        """
        Args:
            network: on the answers' slice, with what is proved turned.
            places: the open neurons, at least one.
            questions: whose grid the answers are on.
            answers: all there are; which of them are needed shows.
        """
        self._network, self._places, self._questions, self._answers = network, tuple(places), questions, answers
        self._first = min(k for k, _ in places)
        self.linear = self._first == len(network.layers) - 1
        self.most = largest_set(len(places), self.linear)
        self._used: set[int] = set()
        self._refuted = 0
        self._short = [_Short.of(layer.weights, layer.biases) for layer in network.layers]

    def other(self, known: Sequence[frozenset[Place]], wanted: int) -> frozenset[Place] | SolverProof | None:
        """Look for a set of wrong signs that gives all answers and is not among those known.

        Args:
            known: explanations, as subsets of the places.
            wanted: sets of up to this size at least are to be excluded.

        Returns:
            Another set of wrong signs, what Z3 has proved, or None: it is not asked, as these are too many for it.
        """
        if wanted > self.most:
            return None
        solver, truths = self._prepared()
        for chosen in known:
            solver.add(_not_this(truths, chosen))
        for _ in range(ROUNDS):
            found = self._proposed(solver, truths)
            if found is None or isinstance(found, bool):
                return SolverProof(len(self._places), self.most, len(self._used), self._refuted, found is False)
            wrong = self._wrong_at(found)
            if not wrong:
                return found
            self._refuted += 1
            new = [n for n in wrong if n not in self._used][:2]
            for n in new:
                self._observe(solver, truths, n)
            if not new:
                solver.add(_not_this(truths, found))  # exact numbers refute it, the short ones do not
        return SolverProof(len(self._places), self.most, len(self._used), self._refuted, False)

    def _prepared(self) -> tuple[z3.Solver, dict[Place, Truth]]:
        import z3

        solver = z3.SolverFor("QF_LRA")
        solver.set("rlimit", EFFORT)
        truths = {place: z3.Bool(f"wrong_{place[0]}_{place[1]}") for place in self._places}
        if self.most < len(truths):
            solver.add(z3.PbLe([(truth, 1) for truth in truths.values()], self.most))
        self._used = set()
        if not (self.linear and self._pivoted(solver, truths)):
            for n in range(min(len(self._answers), len(truths) + 4, FIRST_ANSWERS)):
                self._observe(solver, truths, n)
        return solver, truths

    def _proposed(self, solver: z3.Solver, truths: dict[Place, Truth]) -> frozenset[Place] | bool | None:
        """A set; False: there is none; None: Z3 does not know."""
        import z3

        verdict = solver.check()
        if verdict == z3.unsat:
            return False
        if verdict != z3.sat:
            return None
        model = solver.model()
        return frozenset(place for place, truth in truths.items() if z3.is_true(model.eval(truth, True)))

    def _wrong_at(self, chosen: frozenset[Place]) -> list[int]:
        batch = self._questions.batch(self._answers.points)
        return disagreeing(flipped(self._network, chosen).evaluate(batch).rows(), self._answers)

    # -- constraints -------------------------------------------------------------------------------------------------

    def _observe(self, solver: z3.Solver, truths: dict[Place, Truth], number: int) -> None:
        """The constraint of one answer."""
        self._used.add(number)
        point = self._questions.batch(self._answers.points[number : number + 1])
        start = Network(self._network.layers[: self._first]).evaluate(point).rows()[0]
        grid = _step(start)
        short = [_rounded(v, grid) for v in start]
        held = [_acting(_real(v), truths.get((self._first, i)), v) for i, v in enumerate(short, 1)]
        error = [abs(a - b) for a, b in zip(start, short, strict=True)]
        size = [abs(v) for v in start]
        for k, layer in enumerate(self._short[self._first :], self._first + 1):
            values = layer.terms(held)
            size, error = layer.sizes(size), layer.errors(size, error)
            if k < len(self._short):
                held = [_acting(value, truths.get((k, i))) for i, value in enumerate(values, 1)]
        answer = zip(values, self._answers.exact[number], self._answers.radii[number], error, strict=True)
        for value, right, radius, off in answer:
            _between(solver, value, right, radius + off)

    def _pivoted(self, solver: z3.Solver, truths: dict[Place, Truth]) -> bool:
        """All answers as equations that are nearly solved for one sign each; False: they depend on one another.

        With the layers below settled, A t = r within the answers' errors E; so P A t = P r within |P| E for any P.
        """
        table, right, radius = self._equations()
        floats = np.array([[to_float(v) for v in row] for row in table])
        inverse = np.linalg.pinv(floats, rcond=1e-12)
        if np.abs(inverse @ floats - np.eye(len(truths))).max() > PIVOTED:
            return False
        factors = [
            [_rounded(rational(float(v)), _step(list(map(rational, row)), 40)) for v in row] for row in inverse.tolist()
        ]
        solved = fmpq_mat(factors) * fmpq_mat(table)
        totals = fmpq_mat(factors) * fmpq_mat([[v] for v in right])
        for m in range(len(truths)):
            row = [solved[m, n] for n in range(len(truths))]
            short = [_rounded(v, fmpq(1, 1 << 20)) for v in row]
            error = sum((abs(a - b) for a, b in zip(row, short, strict=True)), fmpq(0))
            error += sum((abs(f) * e for f, e in zip(factors[m], radius, strict=True)), fmpq(0))
            _between(solver, _total(short, [_one(t) for t in truths.values()], fmpq(0)), totals[m, 0], error)
        self._used = set(range(len(self._answers)))
        return True

    def _equations(self) -> tuple[list[list[fmpq]], list[fmpq], list[fmpq]]:
        """A, r and E of A t = r: outputs lose a t z where they hand on a max(0, z)."""
        batch = self._questions.batch(self._answers.points)
        values = Network(self._network.layers[: self._first]).evaluate(batch).rows()
        outputs = self._network.evaluate(batch).rows()
        outgoing = self._network.layers[-1].weights
        table, right, radius = [], [], []
        for n, row in enumerate(values):
            for o, weights in enumerate(outgoing):
                table.append([weights[i - 1] * row[i - 1] for _, i in self._places])
                right.append(outputs[n][o] - self._answers.exact[n][o])
                radius.append(self._answers.radii[n][o])
        return table, right, radius


@dataclass(frozen=True)
class _Short:
    """A layer with short numbers, and how far they are off."""

    weights: Rows
    biases: Sequence[fmpq]
    exact_weights: Rows
    exact_biases: Sequence[fmpq]

    @classmethod
    def of(cls, weights: Rows, biases: Sequence[fmpq]) -> _Short:
        """Every row is rounded to bits of its own largest entry."""
        steps = [_step([*row, bias]) for row, bias in zip(weights, biases, strict=True)]
        return cls(
            [[_rounded(w, step) for w in row] for row, step in zip(weights, steps, strict=True)],
            [_rounded(b, step) for b, step in zip(biases, steps, strict=True)],
            weights,
            biases,
        )

    def terms(self, held: Sequence[Term]) -> list[Term]:
        return [_total(row, held, bias) for row, bias in zip(self.weights, self.biases, strict=True)]

    def sizes(self, size: Sequence[fmpq]) -> list[fmpq]:
        rows = zip(self.exact_weights, self.exact_biases, strict=True)
        return [sum((abs(w) * s for w, s in zip(row, size, strict=True)), abs(bias)) for row, bias in rows]

    def errors(self, size: Sequence[fmpq], error: Sequence[fmpq]) -> list[fmpq]:
        """See the module; of the layer's values, from those of its inputs."""
        rows = zip(self.weights, self.exact_weights, self.biases, self.exact_biases, strict=True)
        return [
            sum((abs(a) * e + abs(a - b) * s for a, b, e, s in zip(short, row, error, size, strict=True)), abs(c - d))
            for short, row, c, d in rows
        ]


def _acting(value: Term, wrong: Truth | None, number: fmpq | None = None) -> Term:
    """What a neuron hands on: max(0, value), or max(0, -value) if its sign is wrong."""
    import z3

    if number is not None:
        on, off = _real(max(number, fmpq(0))), _real(max(-number, fmpq(0)))
    else:
        on, off = z3.If(value > 0, value, 0), z3.If(value < 0, -value, 0)
    return on if wrong is None else z3.If(wrong, off, on)


def _total(weights: Sequence[fmpq], terms: Sequence[Term], bias: fmpq) -> Term:
    import z3

    return z3.Sum([_real(w) * t for w, t in zip(weights, terms, strict=True) if w] + [_real(bias)])


def _between(solver: z3.Solver, value: Term, middle: fmpq, radius: fmpq) -> None:
    """|value - middle| <= radius, the ends rounded outwards."""
    grid = _step([radius or fmpq(1, 1 << 200)])
    low, high = _rounded(middle - radius, grid) - grid, _rounded(middle + radius, grid) + grid
    solver.add(value >= _real(low), value <= _real(high))


def _one(truth: Truth) -> Term:
    import z3

    return z3.If(truth, z3.RealVal(1), z3.RealVal(0))


def _not_this(truths: dict[Place, Truth], chosen: frozenset[Place]) -> Truth:
    import z3

    return z3.Or([z3.Not(truth) if place in chosen else truth for place, truth in truths.items()])


def _real(value: fmpq) -> Term:
    import z3

    return z3.Q(int(value.p), int(value.q))


def _step(values: Sequence[fmpq], bits: int = WEIGHT_BITS) -> fmpq:
    """A power of 2, `bits` bits below the largest of some numbers; 1 if all are 0."""
    largest = max((abs(v) for v in values), default=fmpq(0))
    exponent = int(largest.p).bit_length() - int(largest.q).bit_length() - bits if largest else 0
    return fmpq(2) ** exponent


def _rounded(value: fmpq, step: fmpq) -> fmpq:
    return fmpq((value / step + fmpq(1, 2)).floor()) * step
