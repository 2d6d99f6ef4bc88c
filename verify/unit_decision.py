"""Claims that hold because f and g have the same units, but for weights that differ and change nothing in the domain.

Both networks are brought into their canonical forms, which take neurons that were split, mirrored or are always on for
what they are. Units of both with equal rows are the same function. So are two whose rows differ by a combination of
what is never negative (units, or the mirror images of units), if both are off wherever one of these is not 0. If both
are on there, what differs adds to what the unit hands on, and may be made up for behind it. Either is a question about
the layers up to the unit alone, and whether two are on at one input a conjunction that bounds decide.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flint import fmpq, fmpz

from precise.network import Layer, Network, Row
from precise.symmetry.canonical_form import CanonicalForm, oriented
from verify.decision import Decision, Effort, Engine, kept_by_equal, refuted
from verify.neuron_questions import Function, ever_positive, preactivation
from verify.neuron_states import form_with_states
from verify.properties.claim import Claim, Excluded, replay
from verify.properties.domain import Domain
from verify.verdict import Outcome, Witness

ENGINE = "units"
BEST = 2  # units of f that differ least, which are tried
MOST = 10  # units by which two rows differ: either side of each is tried
SHARE = 0.75  # of the time that is left for one question, at most
STATES = 0.5  # of the time for the states of neurons

Part = tuple[int, int, fmpq]  # a unit of f, 1 or -1 for its mirror image, and its factor
Vector = dict[int, fmpq]  # over the features 1, x1 ... xn, unit 0 ... of f's form, by number; no entry is 0


def decide_by_units(first: Network, second: Network, domain: Domain, claim: Claim, effort: Effort) -> Decision | None:
    """The proof of a claim that equal networks keep, or an input at which a weight that differs acts.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        domain: of the inputs.
        claim: `Excluded` is about values that equal networks may take.
        effort: its seconds are for all neurons together.

    Returns:
        None: it was not decided.
    """
    begun = time.monotonic()
    if isinstance(claim, Excluded):
        return None
    until = begun + STATES * effort.seconds
    (form, asked), (other, asked_too) = (form_with_states(n, domain, effort, until) for n in (first, second))
    sides = _Side(first, form), _Side(second, other)
    matching = _Matching(*sides, domain, effort, begun + effort.seconds, asked + asked_too)
    same = matching.complete()
    if matching.witness is not None:
        witness = replay(claim, domain, first, second, matching.witness.point)
        if witness is not None:
            return refuted(claim, domain, first, second, witness, Engine.BOUNDS, time.monotonic() - begun)
    if not same:
        return None
    return kept_by_equal(claim, domain, _reason(matching), ENGINE, time.monotonic() - begun)


def _reason(matching: _Matching) -> str:
    asked = matching.questions
    certificates = f"{asked} question{'s' * (asked != 1)} about single neurons, settled by certificates"
    differing = f" but for weights of {matching.differing} that change nothing there" if matching.differing else ""
    return f"both networks have the same units{differing}, in exact arithmetic: {certificates}"


@dataclass(frozen=True)
class _Side:
    """A network with its form."""

    network: Network
    form: CanonicalForm

    def places(self, unit: int) -> list[tuple[int, int, int]]:
        """The neurons that became the unit, (layer, neuron) from 1, each with the side of its row where it is on."""
        return [(k, n, self.form.layers[k - 1][n - 1].direction) for k, n in self.form.sources(unit)]

    def function(self, unit: int, side: int) -> tuple[int, Function]:
        """The layer of a neuron, and what of the layer before is positive where the unit's row is on this side."""
        layer, number, direction = self.places(unit)[0]
        return layer, preactivation(self.network, layer, number, side * direction)

    def reading(self, unit: int, side: int, layer: int) -> tuple[Network, int, tuple[int, int]] | None:
        """The layers before a layer, with a neuron in the last of them that is on where the unit's row is on this side.

        Returns:
            None: the unit is not of a layer before. Else these layers, the neuron's number from 0, and the neuron that
            is to be split first, (layer from 1, neuron from 0).
        """
        own = next((n - 1 for k, n, direction in self.places(unit) if (k, direction) == (layer - 1, side)), None)
        if own is not None:
            return Network(self.network.layers[: layer - 1]), own, (layer - 1, own)
        first, function = self.function(unit, side)
        if first >= layer:
            return None
        network = _carrying(self.network, layer - 1, first, function)
        return network, network.layers[-1].neurons - 1, (first, network.layers[first - 1].neurons - 1)


@dataclass
class _Matching:
    """What the units of g are in those of f, unit after unit."""

    first: _Side
    second: _Side
    domain: Domain
    effort: Effort
    end: float  # on the clock of `time.monotonic`
    questions: int  # that were settled
    differing: int = 0  # units that are equal but for weights that differ
    witness: Witness | None = None  # an input at which one of these may make a difference
    _images: list[Vector] = field(default_factory=list)  # of g's units
    _exact: dict[int, tuple[int, int]] = field(default_factory=dict)  # unit of f: that of g, on this side of it

    def complete(self) -> bool:
        """Whether f and g are proved to be equal."""
        f, g = self.first.form, self.second.form
        rows = {row: number for number, row in enumerate(f.units)}
        for number, row in enumerate(g.units):
            wanted = self._translated(row)
            if not any(wanted):  # a constant
                return False
            unit, scale, direction = oriented([wanted.get(c, fmpq(0)) for c in range(max(wanted) + 1)])
            image = self._image(rows[unit], scale, direction) if unit in rows else self._nearly(number, wanted)
            if image is None:
                return False
            if unit in rows:
                self._exact.setdefault(rows[unit], (number, direction))
            self._images.append(image)
        return all(self._translated(b) == _vector(a) for a, b in zip(f.outputs, g.outputs, strict=True))

    # -- vectors over f's features -------------------------------------------------------------------------------------

    @property
    def _plain(self) -> int:
        """The features that are no units."""
        return 1 + self.first.form.inputs

    def _row(self, unit: int) -> Vector:
        return _vector(self.first.form.units[unit])

    def _translated(self, row: Sequence[fmpq | fmpz]) -> Vector:
        """A row over g's features."""
        total = _vector(row[: self._plain])
        for number, weight in enumerate(row[self._plain :]):
            if weight:
                total = _sum(total, self._images[number], fmpq(weight))
        return total

    def _image(self, unit: int, scale: fmpq, direction: int) -> Vector:
        """relu(scale * direction * the unit's row): relu(-z) = relu(z) - z."""
        own = {self._plain + unit: scale}
        return own if direction > 0 else _sum(own, self._row(unit), -scale)

    # -- units that differ ---------------------------------------------------------------------------------------------

    def _nearly(self, number: int, wanted: Vector) -> Vector | None:
        """What a unit of g is whose row differs from that of one of f by what changes no state; None: no proof."""
        for unit, factor in self._alike(wanted):
            for side in sorted({direction for *_, direction in self.second.places(number)}):
                difference = _sum(wanted, self._row(unit), -factor)
                parts = next(self._parts({c: side * v for c, v in difference.items()}), None)
                acting = None if parts is None else self._acting(number, unit, factor, side, parts)
                if acting is None:
                    continue
                self.differing += 1
                image = self._image(unit, abs(factor), side if factor > 0 else -side)
                for other, own, share in acting:
                    image = _sum(image, self._image(other, fmpq(1), own), share)
                return image if side > 0 else _sum(wanted, image, fmpq(1))  # relu(z) = z + relu(-z)
        return None

    def _alike(self, wanted: Vector) -> Iterator[tuple[int, fmpq]]:
        """f's units of which no unit of g is the same, with the factor at which most entries agree, best first."""
        found = []
        for unit in range(len(self.first.form.units)):
            row = {} if unit in self._exact else self._row(unit)
            ratios = Counter(wanted[c] / value for c, value in row.items() if c in wanted)
            factor, agreeing = ratios.most_common(1)[0] if ratios else (fmpq(0), 0)
            if agreeing > 1:
                found.append((len(_sum(wanted, row, -factor)), unit, factor))
        yield from ((unit, factor) for _, unit, factor in sorted(found)[:BEST])

    def _parts(self, difference: Vector, depth: int = 0) -> Iterator[list[Part]]:
        """The difference as a combination of units (side 1) and their mirror images (side -1): (unit, side, factor)."""
        last = max(difference, default=-1)
        if last < 0:
            yield []
        elif last >= self._plain and depth < MOST:
            unit, factor = last - self._plain, difference[last]
            for side in (1, -1):
                rest = _sum(difference, self._image(unit, fmpq(1), side), -factor)
                yield from ([(unit, side, factor), *parts] for parts in self._parts(rest, depth + 1))

    def _acting(self, number: int, unit: int, factor: fmpq, side: int, parts: Sequence[Part]) -> list[Part] | None:
        """The parts that add to relu: wherever such a one is not 0, the units of f and g are both on, on this side.

        Returns:
            None: it is not proved of every part that both are on or that both are off wherever it is not 0.
        """
        own = side if factor > 0 else -side
        more, less = any(share > 0 for *_, share in parts), any(share < 0 for *_, share in parts)
        acting = []
        for part in parts:
            place = part[:2]
            off = (not more or self._never(self.second, (number, side), self._in_second(*place))) and (
                not less or self._never(self.first, (unit, own), place)
            )
            if off:
                continue
            on = (not more or self._never(self.first, (unit, -own), place)) and (
                not less or self._never(self.second, (number, -side), self._in_second(*place))
            )
            if not on:
                return None
            acting.append(part)
        return acting

    def _in_second(self, unit: int, side: int) -> tuple[int, int] | None:
        """A side of a unit of f as one of a unit of g."""
        if unit not in self._exact:
            return None
        number, direction = self._exact[unit]
        return number, side * direction

    def _never(self, side: _Side, one: tuple[int, int], other: tuple[int, int] | None) -> bool:
        """Is a unit proved to be off on one side wherever another, of a layer before, is on on its?"""
        layer, (weights, bias) = side.function(*one)
        reading = None if other is None else side.reading(*other, layer)
        left = self.end - time.monotonic()
        if reading is None or left <= 0:
            return False
        network, read, split_first = reading
        width = network.layers[-1].neurons
        self.effort.tracer(f"units that differ: layer {layer}, and layer {split_first[0]}")
        unit = tuple(fmpq(int(c == read)) for c in range(width)), fmpq(0)
        functions = [unit, ((*weights, *[fmpq(0)] * (width - len(weights))), bias)]
        verdict = ever_positive(network, layer - 1, functions, self.domain, SHARE * left, self.effort.seed, split_first)
        self.questions += verdict.outcome is Outcome.EQUIVALENT
        self.witness = self.witness or verdict.witness
        return verdict.outcome is Outcome.EQUIVALENT


def _vector(row: Sequence[fmpq | fmpz]) -> Vector:
    return {c: fmpq(value) for c, value in enumerate(row) if value}


def _sum(one: Vector, other: Vector, factor: fmpq) -> Vector:
    """one + factor * other."""
    total = dict(one)
    for c, value in other.items():
        total[c] = total.get(c, fmpq(0)) + factor * value
        if not total[c]:
            del total[c]
    return total


def _carrying(network: Network, through: int, layer: int, function: Function) -> Network:
    """The layers up to `through` with one neuron more from `layer` on, which hands on relu(function)."""
    layers = list(network.layers[:through])
    weights, bias = function
    layers[layer - 1] = _with(layers[layer - 1], weights, bias)
    for number in range(layer, through):
        wider = Layer(tuple((*row, fmpq(0)) for row in layers[number].weights), layers[number].biases)
        layers[number] = _with(wider, tuple(fmpq(int(c == wider.inputs - 1)) for c in range(wider.inputs)), fmpq(0))
    return Network(tuple(layers))


def _with(layer: Layer, weights: Row, bias: fmpq) -> Layer:
    return Layer((*layer.weights, weights), (*layer.biases, bias))
