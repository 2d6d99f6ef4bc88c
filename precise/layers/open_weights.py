"""Rows of the last hidden layer that lack weights, in the equations of the output layer.

Such a row was never seen to change its side where a neuron below is on whose weight it lacks. There it is taken to be
off, or, for as few rows as the outputs need, to be on. It then hands on a (known part + sum of w relu(eta_p)), with a
its output coefficient up to the sign: the outputs are linear in a and in all a w, and both follow from many regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import combinations

from flint import fmpq

from precise.regions.local_map import Known, Pattern, handed_by
from precise.signs.below import LayerBelow
from precise.signs.exact import Sign
from precise.signs.linear_part import with_weight

MOST_ON = 2  # rows that are tried to be on where what they lack acts

Vector = list[fmpq]  # an output's coefficients: of the neurons' sides and the bias, then a and a w of rows that are on


@dataclass(frozen=True)
class OpenWeights:
    """(neuron, feature) of the weights, and which of the neurons are taken to be on where one of their features is."""

    pairs: tuple[tuple[int, int], ...]
    on: tuple[int, ...]
    bare: Known  # without what stands for the weights
    aside: bool = False  # are places where one of the features is on left alone?

    @classmethod
    def guesses(cls, known: Known, lacking: Set[tuple[int, int, int]], separate: bool) -> Iterator[OpenWeights]:
        """What may be the case: at first that all such rows are off, then that few are on, and at last nothing of it.

        Args:
            lacking: (layer, neuron, feature) of weights that are not known. 0 stands for some: where those act, nothing
                is asked.
            separate: have the neurons of the last layer unknowns for both sides?
        """
        pairs, bare = _stood_for(known, lacking if separate else frozenset())
        numbers = sorted({i for i, _ in pairs})
        for count in range(min(MOST_ON, len(numbers)) + 1):
            for on in combinations(numbers, count):
                yield cls(tuple(pairs), on, bare)
        if pairs:
            yield cls(tuple(pairs), (), bare, aside=True)

    @property
    def unknowns(self) -> list[tuple[int, int | None]]:
        """Those besides the neurons' sides and the bias: (neuron, None) for a, (neuron, feature) for a w."""
        products = [(i, p) for i, p in self.pairs if i in self.on]
        return [*((i, None) for i in self.on), *products]

    def silent(self, pattern: Pattern) -> set[int]:
        """The neurons that have no coefficient of their own in a region, as a lacking weight of theirs acts there."""
        return {i for i, p in self.pairs if _acts(self.bare, p, pattern)}

    def left_alone(self, pattern: Pattern) -> bool:
        """Is nothing said of such a region?"""
        return self.aside and bool(self.silent(pattern))

    def columns(
        self, own: Sequence[Sequence[int]], features: Sequence[Sequence[int]], pattern: Pattern
    ) -> list[list[int]]:
        """The coefficients of the further unknowns in the equations of one region.

        Args:
            own, features: what the preactivations of the last layer, without lacking weights, and of the one below are
                in each equation.
        """
        acting = self.silent(pattern)
        on = {p: _acts(self.bare, p, pattern) for _, p in self.pairs}
        unknowns = [(i, p) if i in acting and (p is None or on[p]) else None for i, p in self.unknowns]
        return [
            [0 if at is None else row[at[0]] if at[1] is None else below[at[1]] for at in unknowns]
            for row, below in zip(own, features, strict=True)
        ]

    def fits(self, answers: Sequence[Vector], unknown: Set[int]) -> bool:
        """Do all neurons act on one side only, those that are on with the same coefficient wherever they are?"""
        base = len(answers[0]) - len(self.unknowns)
        count = (base - 1) // 2
        for answer in answers if self.pairs else ():
            sides = [(answer[i], -answer[count + i]) for i in range(count)]
            if any(plus and minus for plus, minus in sides):
                return False
            if any(answer[base + number] not in sides[i] for number, i in enumerate(self.on)):
                return False
        return True

    def put_in(self, known: Known, below: LayerBelow, before: Sequence[Vector], vectors: Sequence[Vector]) -> None:
        """Put the weights that are told into the last layer, and for the others numbers that keep the rows off, or on.

        Args:
            below: the last layer, its signs decided; it is told which weights are known now.
            before: the outputs' coefficients with all unknowns; products that are not told are 0.
            vectors: the same over the last layer as it is now; corrected in place.
        """
        assert below.signs is not None
        rows, base = list(known.layers[-1]), len(before[0]) - len(self.unknowns)
        place = {unknown: base + number for number, unknown in enumerate(self.unknowns)}
        solved = set()
        for i, p in self.pairs if not self.aside else ():
            (row,) = below.features[i]
            stands = abs(rows[row].plus[p])
            plus = list(rows[row].plus)
            plus[p] = stands if i in self.on else -stands
            rows[row] = replace(rows[row], plus=tuple(plus))
            if i not in self.on:
                continue
            weights = _ratios(before, place[i, p], place[i, None])
            if len(weights) == 1 and any(weights):
                weight = weights.pop() * (-1 if below.signs[i] is Sign.NEGATIVE else 1)
                rows[row], factor = with_weight(rows[row], p, weight - rows[row].plus[p])
                solved.add((i, p))
                for vector in vectors:
                    vector[row] /= factor
        known.replace_last(rows)
        below.solved(solved)


@dataclass(frozen=True)
class WeightsBesideLinear:
    """The same where the outputs have a free linear part, and every neuron one coefficient a.

    A row that acts on its negative side does so as relu(-eta) = relu(eta) - eta. So what stands for its weights tells
    where it is a (known part + sum of w relu(eta_p)) and where 0; the a w are further unknowns, and nothing is guessed.
    """

    pairs: tuple[tuple[int, int], ...]  # (neuron, feature) of the weights
    off: frozenset[tuple[int, int]]  # those that keep their neuron off where their feature is on
    bare: Known  # without what stands for the weights
    aside: bool = False

    @classmethod
    def guesses(cls, known: Known, lacking: Set[tuple[int, int, int]]) -> Iterator[WeightsBesideLinear]:
        """At first places where one of the weights acts are left alone, which may leave too few.

        Args:
            lacking: (layer, neuron, feature) of weights that are not known. 0 stands for some: where those act, nothing
                is asked.
        """
        pairs, bare = _stood_for(known, lacking)
        off = frozenset((i, p) for i, p in pairs if known.layers[-1][i].plus[p] < 0)
        yield cls(tuple(pairs), off, bare, aside=True)
        if pairs:
            yield cls(tuple(pairs), off, bare)

    @property
    def unknowns(self) -> list[tuple[int, int]]:
        """(neuron, feature) for every a w."""
        return [pair for pair in self.pairs if pair not in self.off and not self.aside]

    def silent(self, pattern: Pattern) -> set[int]:
        """The neurons that are 0 in a region as a negative weight acts there."""
        return {i for i, p in self.off if _acts(self.bare, p, pattern)}

    def left_alone(self, pattern: Pattern) -> bool:
        """Do weights of one neuron act that are for and against its being on, or any, if these are left alone?"""
        if self.aside:
            return any(pattern[-1][i] and _acts(self.bare, p, pattern) for i, p in self.pairs)
        silent = self.silent(pattern)
        return any(_acts(self.bare, p, pattern) for i, p in self.unknowns if i in silent)

    def columns(
        self, own: Sequence[Sequence[int]], features: Sequence[Sequence[int]], pattern: Pattern
    ) -> list[list[int]]:
        """The coefficients of the further unknowns in the equations of one region, see OpenWeights."""
        acting = [p if _acts(self.bare, p, pattern) else None for _, p in self.unknowns]
        return [[0 if p is None else below[p] for p in acting] for below in features]

    def fits(self, answers: Sequence[Vector], unknown: Set[int]) -> bool:
        """Have all outputs the same weight, if any? Of those that are open they need not."""
        return all(
            len(_ratios(answers, place, i)) <= 1 for place, (i, _) in self._placed(answers) if place not in unknown
        )

    def _placed(self, answers: Sequence[Vector]) -> Iterator[tuple[int, tuple[int, int]]]:
        """Where each of the further unknowns is among all."""
        return enumerate(self.unknowns, len(answers[0]) - len(self.unknowns))

    def put_in(self, known: Known, below: LayerBelow, answers: Sequence[Vector], unknown: Set[int]) -> None:
        """Put the weights that are told into the last layer, whose signs are not decided yet.

        Where a neuron is on wherever the feature is, its weight does what the linear part does, and need not be known.

        Args:
            answers: the outputs' coefficients, corrected in place.
            unknown: those that are open.
        """
        rows, solved = list(known.layers[-1]), set[tuple[int, int]]()
        handing = handed_by(rows)
        for place, (i, p) in self._placed(answers):
            told = _ratios(answers, place, i)
            if place in unknown or not told:
                for answer in answers:  # its number stays, and what is too much of it is taken back linearly
                    answer[handing[p]] += answer[place] - answer[i] * rows[i].plus[p]
                continue
            rows[i], factor = with_weight(rows[i], p, told.pop() - rows[i].plus[p])
            solved.add((i, p))
            for answer in answers:
                answer[i] /= factor
        known.replace_last(rows)
        below.completed(rows, solved)


Weights = OpenWeights | WeightsBesideLinear


def _ratios(answers: Sequence[Vector], first: int, second: int) -> set[fmpq]:
    """The quotients of two coefficients, of the outputs that have the second one."""
    return {answer[first] / answer[second] for answer in answers if answer[second]}


def _stood_for(known: Known, lacking: Set[tuple[int, int, int]]) -> tuple[list[tuple[int, int]], Known]:
    """(neuron, feature) of the last layer's weights that a number stands for, and what is known without these."""
    last, rows = len(known.layers) - 1, known.layers[-1]
    pairs = sorted((i, p) for layer, i, p in lacking if layer == last and rows[i].plus[p])
    without = [row.without([p for i, p in pairs if i == n]) for n, row in enumerate(rows)]
    return pairs, Known(known.inputs, [*known.layers[:-1], without]) if pairs else known


def _acts(known: Known, feature: int, pattern: Pattern) -> bool:
    """Is a feature of the last layer other than 0 there?"""
    return known.acts(len(known.layers) - 2, feature, pattern)
