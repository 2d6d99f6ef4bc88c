"""The part of the network that is already known, and its affine maps around a point.

Rows are integers. A neuron of layer k >= 2 has two integer coefficients for every neuron j of layer k-1: one that
multiplies relu(eta_j) and one that multiplies relu(-eta_j). As long as the sign of j is open both may be non-zero;
when it is known the second is 0.

A linear row is no neuron of its own: it hands its preactivation on as it is, for what comes from neurons that never
change state or are not found yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flint import fmpz_mat

from precise.regions.probe import FRACTION_BITS, Point

KEPT_ENTRIES = 1 << 21  # of affine maps in all, some 100 MB of long integers

Sides = tuple[bool, ...]  # one a neuron of a layer: is its recovered preactivation positive?
Pattern = tuple[Sides, ...]  # one a known layer


@dataclass(frozen=True)
class Row:
    """A recovered preactivation: sum of plus[j] relu(eta_j) + minus[j] relu(-eta_j), plus bias."""

    plus: tuple[int, ...]  # coefficients of the previous layer's positive sides (of the inputs, in layer 1)
    minus: tuple[int, ...]  # coefficients of the negative sides; all 0 when the signs below are known
    bias: int
    linear: bool = False

    @classmethod
    def of(cls, unknowns: Sequence[int], features: int) -> Row:
        """From (plus ..., minus ..., bias), or (plus ..., bias) when the signs below are known."""
        separate = len(unknowns) > features + 1
        minus = tuple(unknowns[features : 2 * features]) if separate else (0,) * features
        return cls(tuple(unknowns[:features]), minus, unknowns[-1])

    def negated(self) -> Row:
        """The same hyperplanes with the other side called positive."""
        return replace(self, plus=tuple(-v for v in self.plus), minus=tuple(-v for v in self.minus), bias=-self.bias)

    def without(self, features: Sequence[int]) -> Row:
        """The row with the coefficients of these neurons' positive sides set to 0."""
        return replace(self, plus=tuple(0 if j in features else w for j, w in enumerate(self.plus)))

    def effective(self, sides: Sequence[bool]) -> list[int]:
        """The coefficients of the preactivations eta_j themselves where the previous layer has these sides."""
        return [p if side else -m for p, m, side in zip(self.plus, self.minus, sides, strict=True)]


def opposite_twins(rows: Sequence[Row]) -> dict[int, int]:
    """For every neuron that shares its hyperplane with one active on the other side: that one."""
    numbers = {row: number for number, row in enumerate(rows) if not row.linear}
    found = {number: numbers.get(row.negated()) for row, number in numbers.items()}
    return {number: other for number, other in found.items() if other is not None}


def passed_on(features: int) -> list[Row]:
    """Linear rows that hand on every output of the layer before."""
    return [Row(tuple(int(i == j) for j in range(features)), (0,) * features, 0, linear=True) for i in range(features)]


def handed_by(rows: Sequence[Row]) -> dict[int, int]:
    """By feature below, the number of the linear row that hands it on."""
    return {p: n for n, row in enumerate(rows) if row.linear for p, w in enumerate(row.plus) if w}


@dataclass
class Known:
    """Recovered layers, first to last; the last one may still be growing.

    Affine maps are integer matrices of shape (neurons, inputs + 1): gradient, then constant.
    """

    inputs: int
    layers: list[list[Row]] = field(default_factory=list)
    _maps: dict[tuple[int, Pattern], fmpz_mat] = field(default_factory=dict, repr=False)
    _columns: list[tuple[fmpz_mat, fmpz_mat, fmpz_mat, list[bool]]] = field(default_factory=list, repr=False)
    _twins: dict[int, dict[int, int]] = field(default_factory=dict, repr=False)

    def changed(self) -> None:
        """To be called whenever rows were added or replaced."""
        self._maps.clear()
        self._columns.clear()
        self._twins.clear()

    def replace_last(self, rows: list[Row]) -> None:
        """Take these rows for the last layer; what was computed for the layers before it is kept."""
        last = len(self.layers) - 1
        self.layers[last] = rows
        self._maps = {key: maps for key, maps in self._maps.items() if key[0] < last}
        del self._columns[last:]
        self._twins.pop(last, None)

    def twins(self, layer: int) -> dict[int, int]:
        """The opposite twins of a layer (from 0), see `opposite_twins`."""
        if layer not in self._twins:
            self._twins[layer] = opposite_twins(self.layers[layer])
        return self._twins[layer]

    def seconds(self, layer: int) -> list[int]:
        """Of every two opposite twins of a layer the later one: its hyperplane is that of the first."""
        return [neuron for neuron, twin in self.twins(layer).items() if twin < neuron]

    def crossing(self, layer: int, neuron: int) -> list[int]:
        """The neurons of a layer that change their state where this one does: itself, and an opposite twin."""
        twin = self.twins(layer).get(neuron)
        return [neuron] if twin is None else [neuron, twin]

    def preactivations(self, points: Sequence[Point]) -> list[list[list[int]]]:
        """Every known preactivation, by layer, then point, then neuron, in units of 2^-FRACTION_BITS (exact)."""
        if not self.layers:
            return []
        fresh = self.layers[len(self._columns) :]
        self._columns += [(*_columns(rows), [row.linear for row in rows]) for rows in fresh if rows]
        features = fmpz_mat([list(point) for point in points])
        ones = fmpz_mat(len(points), 1, [1] * len(points))
        negatives = None
        found = []
        for plus, minus, bias, linear in self._columns:
            values = features * plus + ones * bias
            if negatives is not None:
                values += negatives * minus
            table = values.tolist()
            found.append([[int(v) for v in row] for row in table])
            features = fmpz_mat([[v if v > 0 or on else 0 for v, on in zip(row, linear)] for row in table])
            negatives = fmpz_mat([[0 if v > 0 or on else -v for v, on in zip(row, linear)] for row in table])
        if not self.layers[-1]:
            found.append([[] for _ in points])
        return found

    def patterns(self, points: Sequence[Point]) -> list[Pattern]:
        """The side of every known neuron at every point (on its hyperplane: negative; of a linear row: positive)."""
        if not self.layers:
            return [()] * len(points)
        by_layer = self.preactivations(points)
        linear = [[row.linear for row in rows] for rows in self.layers]
        return [
            tuple(
                tuple(v > 0 or on for v, on in zip(layer[number], flags, strict=True))
                for layer, flags in zip(by_layer, linear, strict=True)
            )
            for number in range(len(points))
        ]

    def acts(self, layer: int, feature: int, pattern: Pattern) -> bool:
        """Is what a row of a layer (from 0) hands on other than 0 there? A linear one hands on what is on below."""
        row = self.layers[layer][feature]
        if not (row.linear and layer):
            return pattern[layer][feature]
        return any(self.acts(layer - 1, p, pattern) for p, w in enumerate(row.plus) if w)

    def affine(self, layer: int, pattern: Pattern) -> fmpz_mat:
        """The affine map of the preactivations of `layer` (from 0; -1: the inputs) where earlier layers are so."""
        key = (layer, pattern[: max(layer, 0)])
        if key not in self._maps:
            if len(self._maps) * (self.inputs + 1) ** 2 > KEPT_ENTRIES:
                self._maps.clear()
            self._maps[key] = self._build(layer, pattern)
        return self._maps[key]

    def _build(self, layer: int, pattern: Pattern) -> fmpz_mat:
        if layer < 0:
            return fmpz_mat([[int(i == j) for j in range(self.inputs + 1)] for i in range(self.inputs)])
        rows = self.layers[layer]
        if not rows:
            return fmpz_mat(0, self.inputs + 1)
        if layer == 0:
            return fmpz_mat([[*row.plus, row.bias] for row in rows])
        below = self.affine(layer - 1, pattern)
        table = (fmpz_mat([row.effective(pattern[layer - 1]) for row in rows]) * below).tolist()
        for entries, row in zip(table, rows, strict=True):
            entries[-1] += row.bias
        return fmpz_mat(table)


def _columns(rows: Sequence[Row]) -> tuple[fmpz_mat, fmpz_mat, fmpz_mat]:
    plus = fmpz_mat([list(row.plus) for row in rows]).transpose()
    minus = fmpz_mat([list(row.minus) for row in rows]).transpose()
    return plus, minus, fmpz_mat([[row.bias << FRACTION_BITS for row in rows]])
