"""A network that is right in structure and signs but not in its last digits, refined from a more precise oracle.

The rows are normalised (largest weight 1 or -1) and taken for midpoints of boxes around the true ones; a box too small
is refuted by the answers, and the next larger one is tried. Interval Newton steps (`precise.matching.refine`) on a
slice shrink the boxes to what the oracle's error allows, first-layer weights of the other inputs follow from slopes,
and every entry whose box holds only one ratio of floats becomes that ratio (`precise.matching.rationals`).

Neither the original network nor its weights are needed: all that is asked is an oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter

from flint import arb, fmpq
from scipy.linalg import qr

from precise.arithmetic import round_to_bits
from precise.errors import InputError, PrecisionError
from precise.matching.columns import other_columns, widened
from precise.matching.rationals import MANTISSAS, exact_row
from precise.matching.refine import refine
from precise.network import Layer, Network
from precise.oracle import Oracle
from precise.rounding.balls import WORKING_BITS, Vector, digits, middle, working_precision
from precise.rounding.known import KnownLayers, KnownRow
from precise.rounding.regions import Region, measure
from precise.rounding.view import View

SPARE_INPUTS = 2
BOXES = (30, 24, 20, 17, 14, 11, 8)  # bits that every row is supposed to be right to, one supposition after the other
STEPS = 24  # rounds of Newton steps at most, each on new points
PATIENCE = 6  # rounds without a further bit
CENTRES = 6  # a first-layer neuron: regions from which the other columns are told
GUARD_BITS = 64  # of midpoints beyond the oracle's
FRESH_POINTS = 16
Progress = Callable[[str, int, int], None]
ExactRows = dict[tuple[int, int], list[fmpq]]  # (layer, neuron) from 0: weights, then bias


@dataclass(frozen=True)
class Refinement:
    """The refined network and how far it can be trusted."""

    network: Network
    start_bits: int  # the rows given were right to so many bits (not refuted by the answers)
    bits: float  # the fewest bits of a row's box at the end, in units of its largest entry
    exact_rows: int  # whose every entry is certified as a ratio of floats
    rows: int
    fresh_points: int  # where the refined network and the oracle agree within the promised error
    queries: int
    seconds: float
    outcome: str  # for a person

    @property
    def complete(self) -> bool:
        """Is every row exact?"""
        return self.exact_rows == self.rows


def refine_network(
    oracle: Oracle, recovered: Network, seed: int = 0, progress: Progress = lambda *_: None
) -> Refinement:
    """Refine every row of a network as far as the oracle's answers allow.

    Args:
        oracle: of the original, more precise than `recovered`; its promise bounds its error.
        recovered: right up to small errors in its numbers.
        seed: every random choice follows from it.
        progress: called with (stage, done, total).

    Raises:
        InputError: the network does not fit the oracle, has no hidden layer, or a neuron without weights.
        PrecisionError: the answers refute every network near the recovered one, or tell too little of one.
        BudgetExceeded, OracleError: from the oracle.
    """
    expected, given = (oracle.input_width, oracle.output_width), (recovered.input_width, recovered.output_width)
    if given != expected:
        raise InputError(
            f"expected a network with the oracle's {expected[0]} inputs and {expected[1]} outputs, "
            f"not {given[0]} and {given[1]}"
        )
    if len(recovered.layers) < 2:
        raise InputError("expected a network with a hidden layer")
    bits = WORKING_BITS if oracle.precision is None else max(WORKING_BITS, oracle.precision + GUARD_BITS)
    with working_precision(bits):
        return _Run(oracle, recovered, seed, progress).everything()


class _Run:
    """One refinement."""

    def __init__(self, oracle: Oracle, recovered: Network, seed: int, progress: Progress) -> None:
        self.random = Random(seed)
        self.progress = progress
        self.oracle, self.asked, self.started = oracle, oracle.queries, perf_counter()
        outputs = oracle.output_width
        self.combination = [1] if outputs == 1 else [self.random.randint(1, 7) for _ in range(outputs)]
        self.view = View(oracle, _slice(recovered), self.combination)
        self.references, self.normal = normalised(recovered, self.view.coordinates)
        self.depth = len(recovered.layers) - 1

    def everything(self) -> Refinement:
        start_bits, known, outputs = self._enclosed()
        boxes = [*(row.entries for layer in known.layers for row in layer), *outputs]
        known, outputs, exact = self._rational(known, outputs)
        first = self._columns(known, outputs)
        rows = [[list(row.entries) for row in layer] for layer in known.layers] + [list(map(list, outputs))]
        rows[0] = [[*weights, row[-1]] for weights, row in zip(first, rows[0], strict=True)]
        for i, weights in enumerate(first):
            whole = _ratios(weights) if (0, i) in exact else None
            exact |= {(0, i): [*whole, exact[0, i][-1]]} if whole is not None else {}
            if whole is None:
                exact.pop((0, i), None)
        network = Network(tuple(_layer(k, layer, exact) for k, layer in enumerate(rows)))
        exact_rows, count = len(exact), sum(map(len, rows))
        fresh = self._compare(network, exact_rows == count)
        least = min([*map(_bits, boxes), *map(_bits, first)])
        untold = sum(_bits(row) < start_bits + 2 for row in boxes)
        told = f"{exact_rows} of {count} rows are exact" if exact_rows else "no row is exact"
        nothing = (
            f" Of {untold} rows the answers told nothing more: they act at no point that was asked." if untold else ""
        )
        word = "Complete" if exact_rows == count else "Refined"
        outcome = (
            f"{word}: {told}, all are enclosed to {least:.0f} bits or better ({start_bits} or more before); the "
            f"network agrees with the oracle at {fresh} fresh points.{nothing}"
        )
        asked, seconds = self.oracle.queries - self.asked, perf_counter() - self.started
        return Refinement(network, start_bits, least, exact_rows, count, fresh, asked, seconds, outcome)

    # -- boxes -------------------------------------------------------------------------------------------------------

    def _enclosed(self) -> tuple[int, KnownLayers, list[Vector]]:
        """(bits of the first box, hidden layers, output rows), as narrow as the oracle allows."""
        for bits in BOXES:
            known, outputs = self._boxes(bits)
            result = self._narrowed(known, outputs)
            if result is not None:
                return bits, *result
        raise PrecisionError(
            f"the oracle's answers refute every network within {BOXES[-1]} bits of the recovered one: a sign or a row "
            "is wrong (verify diagnose names it), or its rows are not right to so many bits"
        )

    def _boxes(self, bits: int) -> tuple[KnownLayers, list[Vector]]:
        """Every row with balls around its entries; what is 0 may be another small number."""
        layers = []
        for k, layer in enumerate(self.normal.layers):
            rows = [[*w, b] for w, b in zip(layer.weights, layer.biases, strict=True)]
            layers.append([_box(row, bits, self.references[k][i]) for i, row in enumerate(rows)])
        hidden = [
            [KnownRow(tuple(row[:-1]), row[-1], r) for row, r in zip(layer, self.references[k], strict=True)]
            for k, layer in enumerate(layers[:-1])
        ]
        return KnownLayers(hidden), layers[-1]

    def _narrowed(self, known: KnownLayers, outputs: list[Vector]) -> tuple[KnownLayers, list[Vector]] | None:
        reached, stalled = -1.0, 0
        for step in range(STEPS):
            self.progress("more digits", step, STEPS)
            try:
                result = refine(self.view, known, outputs, self.random)
            except ValueError:  # no point whose sides are proved for such wide boxes
                return None
            if result is None:
                return None
            known, outputs = result.known, result.outputs
            bits = min(_bits(row) for row in [*(r.entries for layer in known.layers for r in layer), *outputs])
            stalled = stalled + 1 if bits < reached + 1 else 0
            if stalled == PATIENCE:
                break
            reached = max(reached, bits)
        return known, outputs

    # -- rationals ---------------------------------------------------------------------------------------------------

    def _rational(self, known: KnownLayers, outputs: list[Vector]) -> tuple[KnownLayers, list[Vector], ExactRows]:
        """Certified rows as exact numbers; an entry of layer k is made of products of k floats (see `rationals`)."""
        layers = [[row.entries for row in layer] for layer in known.layers] + [outputs]
        for mantissa in MANTISSAS:
            found = {
                (k, i): values
                for k, layer in enumerate(layers)
                for i, row in enumerate(layer)
                if (values := exact_row(row, (k + 1) * mantissa)) is not None
            }
            if len(found) == sum(map(len, layers)):
                break
        tables = [
            [[arb(v) for v in found[k, i]] if (k, i) in found else row for i, row in enumerate(layer)]
            for k, layer in enumerate(layers)
        ]
        hidden = [
            [KnownRow(tuple(row[:-1]), row[-1], r) for row, r in zip(layer, self.references[k], strict=True)]
            for k, layer in enumerate(tables[:-1])
        ]
        return KnownLayers(hidden), tables[-1], found

    # -- the other inputs --------------------------------------------------------------------------------------------

    def _columns(self, known: KnownLayers, outputs: Sequence[Vector]) -> list[Vector]:
        """First-layer weights on all inputs."""
        combined = [
            sum((row[j] * c for row, c in zip(outputs, self.combination, strict=True)), arb(0))
            for j in range(len(known.layers[-1]) + 1)
        ]
        regions = self._regions(known)
        outside = other_columns(
            self.view, known, regions, combined, self.random, lambda d, t: self.progress("columns", d, t)
        )
        if outside is None:
            raise PrecisionError("the first layer's weights outside the slice could not be told at this precision")
        return widened([list(row.weights) for row in known.layers[0]], self.view.coordinates, outside)

    def _regions(self, known: KnownLayers) -> list[Region]:
        """Measured regions; none are needed where the slice is everything."""
        if self.view.width == self.oracle.input_width:
            return []
        centres = []
        for _ in range(CENTRES * len(known.layers[0])):
            scale = 2.0 ** self.random.randint(-1, 4)
            centres.append(self.view.nearest([self.random.gauss(0, scale) for _ in range(self.view.width)]))
        steps = [max(1, (1 << self.view.grid) >> 4)] * len(centres)
        return [region for region in measure(self.view, centres, steps) if region is not None]

    def _compare(self, network: Network, exact: bool) -> int:
        """Fresh points in all inputs; an exact network must meet every answer's promise."""
        width, size = self.oracle.input_width, 1 << self.view.grid
        points = [
            [round(self.random.gauss(0, scale) * size) for _ in range(width)]
            for scale in (0.25, 1.0, 2.0, 4.0)
            for _ in range(FRESH_POINTS // 4)
        ]
        answers = self.view.ask_wide(points, range(width))
        for point, answer in zip(points, answers, strict=True):
            predicted = network([fmpq(c, size) for c in point])
            if exact and not all(a.contains(p) for a, p in zip(answer, predicted, strict=True)):
                raise PrecisionError("the refined network contradicts the oracle at a fresh point")
        return len(points)


def normalised(network: Network, coordinates: Sequence[int]) -> tuple[list[list[int]], Network]:
    """(reference entry of every hidden row, the network on the slice with these entries 1 or -1).

    Raises:
        InputError: a neuron has no weight to divide by.
    """
    references: list[list[int]] = []
    layers: list[Layer] = []
    factors = [fmpq(1)] * len(coordinates)
    for k, layer in enumerate(network.layers):
        weights = [[row[c] for c in coordinates] if k == 0 else list(row) for row in layer.weights]
        rows = [[w * f for w, f in zip(row, factors, strict=True)] for row in weights]
        if k == len(network.layers) - 1:
            layers.append(Layer(tuple(map(tuple, rows)), layer.biases))
            break
        chosen = [max(range(len(row)), key=lambda j: abs(row[j])) for row in rows]
        factors = [abs(row[j]) for row, j in zip(rows, chosen, strict=True)]
        if not all(factors):
            raise InputError(f"layer {k + 1}, neuron {factors.index(fmpq(0)) + 1}: expected a weight other than 0")
        scaled = tuple(tuple(w / f for w in row) for row, f in zip(rows, factors, strict=True))
        layers.append(Layer(scaled, tuple(b / f for b, f in zip(layer.biases, factors, strict=True))))
        references.append(chosen)
    return [*references, [-1] * network.output_width], Network(tuple(layers))


def _slice(network: Network) -> list[int]:
    """Inputs in whose directions the first layer's rows are as independent as may be."""
    weights = network.to_numpy()[0][0]
    if weights.shape[0] <= weights.shape[1] + SPARE_INPUTS:
        return list(range(weights.shape[0]))
    order = qr(weights.T, mode="r", pivoting=True)[1]
    return sorted(int(i) for i in order[: weights.shape[1] + SPARE_INPUTS])


def _box(row: Sequence[fmpq], bits: int, reference: int) -> Vector:
    """Balls of radius 2^-bits of the largest entry; the reference is what it is."""
    radius = arb(max(map(abs, row))) * arb(2) ** -bits
    return [arb(v) if i == reference else arb(arb(v).mid(), radius.upper()) for i, v in enumerate(row)]


def _bits(row: Sequence[arb]) -> float:
    largest = max(abs(middle(entry)) for entry in row)
    return min(digits(entry, largest) for entry in row)


def _ratios(weights: Sequence[arb]) -> list[fmpq] | None:
    """First-layer weights as certified ratios of floats."""
    return next((values for m in MANTISSAS if (values := exact_row(weights, m)) is not None), None)


def _layer(k: int, rows: Sequence[Sequence[arb]], exact: ExactRows) -> Layer:
    """Certified rows as they are, the others as midpoints rounded a little beyond their proved bits."""
    table = [exact[k, i] if (k, i) in exact else list(map(_number, row)) for i, row in enumerate(rows)]
    return Layer(tuple(tuple(row[:-1]) for row in table), tuple(row[-1] for row in table))


def _number(entry: arb) -> fmpq:
    return round_to_bits(entry.mid().fmpq(), max(2, min(4096, entry.rel_accuracy_bits() + 8)))


__all__ = ["Refinement", "normalised", "refine_network"]
