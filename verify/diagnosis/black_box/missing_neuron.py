"""A neuron that is missing, from the surface at which the recovered network stops giving the answers.

Where the missing neuron is off, everything above it is as recovered, so answers and outputs agree; where it is on, they
nearly always differ. So the border between agreement and disagreement is the neuron's critical surface, and in the
values of the layer below it a hyperplane. On a line the disagreement starts as an affine function, whose zero is a
point of the border to nearly all bits of the answers. The layer in whose inputs all these points lie on one
hyperplane is the neuron's; its outgoing weights are fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from precise.arithmetic import rational, round_to_bits, to_float
from precise.network import Layer, Network
from verify.diagnosis.black_box.answers import Answers, Floats, Questions, on_slice
from verify.diagnosis.black_box.fresh_points import disagreeing
from verify.diagnosis.black_box.parameter_fit import (
    FloatNetwork,
    Parameter,
    fit,
    settled,
    simple_within,
    with_entries,
)
from verify.diagnosis.black_box.row_scale import MANTISSA, exact_rows

HALVINGS = 14  # of a line, before the disagreement is taken to be affine
SPARE = 8  # border points beyond the unknowns of a hyperplane
LINES = 3  # times as many lines are tried as points are needed
FLAT = 1e-8  # distance, in units of the largest coordinates, below which points lie on a hyperplane
ROUNDS = 60  # of weighted least squares
NEAR = 1e-6  # share of the disagreement below which a fit is worth exact arithmetic
STEP_BITS = 8  # along an input outside the slice, so short that no neuron changes state: 2^-8
DRAWN = 512  # points looked at for those where the neuron acts
CENTRES = 64  # looked at for one where the neuron acts most

Draw = Callable[[int], Floats]


@dataclass(frozen=True)
class Added:
    """A neuron that explains the answers."""

    layer: int
    network: Network  # with it, last in its layer


class MissingNeuron:
    """One search for it."""

    def __init__(self, questions: Questions, base: Network, columns: Sequence[int], draw: Draw) -> None:
        """
        Args:
            questions: to the oracle.
            base: the recovered network, with wrong signs mended.
            columns: the slice.
            draw: random points of it, shape (count, columns).
        """
        self._questions, self._base, self._columns, self._draw = questions, base, list(columns), draw
        self._sliced = on_slice(base, columns)
        self._floats = FloatNetwork(self._sliced)

    def run(self, answers: Answers) -> Added | None:
        """The neuron; None: none that explains the answers on the slice.

        Raises:
            BudgetExceeded, OracleError: from the oracle.
        """
        border, seen = self._border(answers)
        for layer in range(1, len(self._sliced.layers)):
            row = self._hyperplane(border, layer)
            if row is not None:
                acting = self._acting(layer, row, seen)
                inside = self._fitted(layer, row, answers.joined(acting), acting)
                return None if inside is None else self._widened(layer, inside)
        return None

    # -- the border --------------------------------------------------------------------------------------------------

    def _border(self, answers: Answers) -> tuple[Floats, Answers]:
        """Border points, shape (points, columns), and the answers that led to them."""
        differ = set(self._differing(answers))
        agree = [n for n in range(len(answers)) if n not in differ]
        needed = max(self._sliced.widths[:-2]) + 1 + SPARE
        seen = answers.part([])
        if not differ or not agree:
            return np.empty((0, len(self._columns))), seen
        pairs = _pairs(agree, sorted(differ), LINES * needed)
        low, high = answers.points[[a for a, _ in pairs]], answers.points[[b for _, b in pairs]]
        for _ in range(HALVINGS):
            middle = (low + high) // 2
            asked = self._questions.ask(middle, self._columns)
            apart = np.zeros(len(middle), dtype=bool)
            apart[self._differing(asked)] = True
            low, high = np.where(apart[:, None], low, middle), np.where(apart[:, None], middle, high)
        parts = [self._questions.ask(low + (high - low) * n // 2, self._columns) for n in (2, 3, 4)]
        for part in parts:
            seen = seen.joined(part)
        return self._zeros(parts), seen

    def _zeros(self, parts: Sequence[Answers]) -> Floats:
        """Where the disagreement is zero if it is affine: it is known at 1, 1 1/2 and 2 times the line's last part."""
        values = np.array([self._gaps(part) for part in parts])  # (3, lines, outputs)
        found = []
        for line in range(values.shape[1]):
            best = int(np.argmax(np.abs(values[2, line])))
            one, more, two = values[:, line, best]
            noise = 8 * max(float(part.errors[line, best]) for part in parts)
            slope = two - more  # of half a bracket
            if abs(slope) <= 64 * noise or abs(two - 2 * more + one) > noise:
                continue
            first, last = (self._questions.to_floats(parts[n].points[line]) for n in (0, 2))
            found.append(last - (last - first) * 0.5 * (two / slope))
        return np.array(found).reshape(len(found), len(self._columns))

    def _differing(self, answers: Answers) -> list[int]:
        return disagreeing(self._sliced.evaluate(self._questions.batch(answers.points)).rows(), answers)

    def _gaps(self, answers: Answers) -> Floats:
        """Answers less outputs, in exact arithmetic rounded once."""
        outputs = self._sliced.evaluate(self._questions.batch(answers.points)).rows()
        pairs = zip(answers.exact, outputs, strict=True)
        return np.array([[to_float(a - b) for a, b in zip(*pair, strict=True)] for pair in pairs])

    # -- the row -----------------------------------------------------------------------------------------------------

    def _hyperplane(self, border: Floats, layer: int) -> Floats | None:
        """(bias, weights) of the hyperplane that holds all border points, the largest weight 1 or -1, or None."""
        if not len(border):
            return None
        inputs = self._floats.held(border)[layer - 1]
        table = np.hstack([np.ones((len(inputs), 1)), inputs])
        if len(table) < table.shape[1] + SPARE // 2:
            return None
        scale = np.abs(table).max(axis=0)
        if not scale.all():
            return None
        table = table / scale
        normal, inside = _flattest(table)
        if inside.sum() < table.shape[1] + SPARE // 2:
            return None
        sizes = np.linalg.svd(table[inside], compute_uv=False)
        if sizes[-2] < np.sqrt(FLAT) * sizes[0]:
            return None  # they lie on several hyperplanes
        row = normal / scale
        return np.asarray(row / np.abs(row[1:]).max())

    def _acting(self, layer: int, row: Floats, seen: Answers) -> Answers:
        """Answers beyond the border, and others at points where the neuron has much to hand on."""
        held = self._floats.held(self._questions.to_floats(seen.points))[layer - 1]
        side = np.sign(np.median(held @ row[1:] + row[0]))
        drawn = self._draw(DRAWN)
        values = side * (self._floats.held(drawn)[layer - 1] @ row[1:] + row[0])
        best = [int(n) for n in np.argsort(-values)[: DRAWN // 8] if values[int(n)] > 0]
        if not best:
            return seen
        return seen.joined(self._questions.ask(self._questions.to_grid(drawn[best]), self._columns))

    def _fitted(self, layer: int, row: Floats, answers: Answers, near: Answers) -> Network | None:
        """The sliced network with the neuron, if it explains all answers there."""
        points = self._questions.to_floats(answers.points)
        apart = float(np.sqrt(np.mean(self._gaps(answers) ** 2)))
        for turned in (row, -row):
            start = with_neuron(self._sliced, layer, list(map(rational, turned.tolist())))
            outgoing = _outgoing(start, layer)
            first = fit(FloatNetwork(start), outgoing, self._questions.to_floats(near.points), near)
            first = fit(FloatNetwork(start).with_values(outgoing, first.values), outgoing, points, answers)
            if first.residual > NEAR * apart:
                continue
            pivot = 1 + int(np.argmax(np.abs(turned[1:])))
            entries = [(layer, start.widths[layer], j) for j in range(len(turned)) if j != pivot]
            floats = FloatNetwork(start).with_values(outgoing, first.values)
            found = fit(floats, [*entries, *outgoing], points, answers)
            values = np.insert(found.values[: len(entries)], pivot, turned[pivot])
            for exact in exact_rows(values, pivot, found):
                mended = self._settled(
                    layer, exact, found.values[len(entries) :] / to_float(abs(exact[pivot])), answers
                )
                if mended is not None:
                    return mended
        return None

    def _settled(self, layer: int, row: Sequence[fmpq], outgoing: Floats, answers: Answers) -> Network | None:
        """With this row, and outgoing weights to as many digits as the answers tell; None: an answer refutes it."""
        start = with_neuron(self._sliced, layer, row)
        parameters = _outgoing(start, layer)
        points = self._questions.to_floats(answers.points)
        found = fit(FloatNetwork(start).with_values(parameters, outgoing), parameters, points, answers)
        short = [round_to_bits(rational(float(v)), MANTISSA) for v in found.values]
        for mended in (with_entries(start, parameters, short), settled(start, found, self._questions, answers)):
            if not disagreeing(mended.evaluate(self._questions.batch(answers.points)).rows(), answers):
                return mended
        return None

    # -- all inputs --------------------------------------------------------------------------------------------------

    def _widened(self, layer: int, inside: Network) -> Added | None:
        """The neuron in the whole network; of the first layer it also has weights on the inputs outside the slice."""
        new = inside.layers[layer - 1]
        row = [new.biases[-1], *new.weights[-1]]
        outgoing = [weights[-1] for weights in inside.layers[layer].weights]
        if layer > 1 or self._base.input_width == len(self._columns):
            return Added(layer, with_neuron(self._base, layer, row, outgoing))
        wide = [row[0], *[fmpq(0)] * self._base.input_width]
        for column, weight in zip(self._columns, row[1:], strict=True):
            wide[column + 1] = weight
        others = [c for c in range(self._base.input_width) if c not in set(self._columns)]
        for c, weight in self._outside(inside, with_neuron(self._base, 1, wide, outgoing), others):
            wide[c + 1] = weight
        return Added(layer, with_neuron(self._base, 1, wide, outgoing))

    def _outside(self, inside: Network, network: Network, others: Sequence[int]) -> list[tuple[int, fmpq]]:
        """The neuron's weights on the inputs outside the slice, each from one answer close to a point where it acts."""
        floats, bias = FloatNetwork(inside), (1, inside.widths[1], 0)
        points = self._questions.to_grid(self._draw(CENTRES))
        held = floats.held(self._questions.to_floats(points))
        slopes = floats.jacobian(held, [bias]).reshape(CENTRES, -1)  # of the outputs in its preactivation
        near = np.abs(floats.arrays[0][0][:, -1] @ self._questions.to_floats(points).T + floats.arrays[0][1][-1])
        best = np.unravel_index(int(np.argmax(np.abs(slopes) * np.minimum(near, 1.0)[:, None])), slopes.shape)
        centre, output = points[best[0]], int(best[1])
        bits = min(STEP_BITS, self._questions.grid)
        step = fmpq(1, 1 << bits)
        moved = np.zeros((len(others), network.input_width), dtype=np.int64)
        moved[:, self._columns] = centre
        moved[np.arange(len(others)), list(others)] = 1 << (self._questions.grid - bits)
        answers = self._questions.ask(moved, range(network.input_width))
        outputs = network.evaluate(self._questions.batch(answers.points)).rows()
        factor = rational(float(slopes[best])) * step
        found = []
        for n, c in enumerate(others):
            radius = answers.radii[n][output] / abs(factor)
            value = (answers.exact[n][output] - outputs[n][output]) / factor
            short = round_to_bits(value, MANTISSA)
            fits = radius < abs(value) and abs(short - value) <= radius
            found.append((c, short if fits else simple_within(value, radius)))
        return found


def _flattest(table: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The normal of the hyperplane through the origin that holds most rows of a table, and which it holds.

    Least absolute distances by weighted least squares: a few points of other surfaces do not matter.
    """
    weights = np.ones(len(table))
    for _ in range(ROUNDS):
        normal = np.linalg.svd(table * weights[:, None])[2][-1]
        off = np.abs(table @ normal)
        weights = 1 / np.sqrt(np.maximum(off, FLAT**1.25))
        weights /= weights.max()
    inside = off < FLAT
    if inside.sum() >= table.shape[1]:
        normal = np.linalg.svd(table[inside])[2][-1]
    return np.asarray(normal), np.asarray(inside)


def with_neuron(network: Network, layer: int, row: Sequence[fmpq], outgoing: Sequence[fmpq] | None = None) -> Network:
    """The network with one more neuron, last in its layer: row (bias, weights ...), outgoing weights 0 if not given."""
    here, above = network.layers[layer - 1], network.layers[layer]
    ends = outgoing or [fmpq(0)] * above.neurons
    wider = Layer((*here.weights, tuple(row[1:])), (*here.biases, row[0]))
    after = Layer(tuple((*old, end) for old, end in zip(above.weights, ends, strict=True)), above.biases)
    layers = list(network.layers)
    layers[layer - 1 : layer + 1] = [wider, after]
    return Network(tuple(layers))


def _pairs(agree: Sequence[int], differ: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Pairs of one and the other, each used about as often."""
    every = [(agree[n % len(agree)], differ[(n + n // len(agree)) % len(differ)]) for n in range(count)]
    return list(dict.fromkeys(every))


def _outgoing(network: Network, layer: int) -> list[Parameter]:
    """The weights of the layer's last neuron in the next layer."""
    return [(layer + 1, i, network.widths[layer]) for i in range(1, network.widths[layer + 1] + 1)]
