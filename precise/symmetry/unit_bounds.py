"""Bounds, valid on all of R^n, of units and of rows over them.

With z a unit's row and u = relu(z), neither u nor u - z = relu(-z) is ever negative; where one of them is
bounded from above, its distance from the bound is not negative either. Combinations of these with
coefficients of at least 0 are the proofs. For a row over units of layer 1 whose rows are linearly independent
they prove every bound that holds, because the units' z then take all values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flint import fmpq, fmpz

from precise.symmetry.cone import Scaled, scaled_bound

Entries = Sequence[fmpq] | Sequence[fmpz]


class UnitBounds:
    """Proved upper bounds of relu(z) and relu(-z) of every unit, and the bounds of rows that follow."""

    def __init__(self, inputs: int) -> None:
        self._first = 1 + inputs  # the feature number of unit 0
        self._units: list[Sequence[fmpz]] = []
        self._uses: list[list[int]] = []  # the units that each unit uses directly
        self._sizes = [fmpq(1)] * self._first  # of the features, so that the entries of rows are comparable
        self._upper: list[tuple[fmpq | None, fmpq | None]] = []  # of relu(z) and of relu(-z); None: no bound
        self._scaled_units: dict[int, list[Scaled]] = {}  # what is never negative because of a unit

    def add(self, units: Sequence[Sequence[fmpz]]) -> None:
        """Take in the units of the next layer, in order: rows over the features 1, inputs, units before."""
        rows = [[fmpq(value) for value in unit] for unit in units]
        highest = [(self._upper_bound(row), self._upper_bound([-value for value in row])) for row in rows]
        sizes = [max(abs(v) * size for v, size in zip(row[1:], self._sizes[1:], strict=False)) for row in rows]
        self._units += units
        self._uses += [units_of(unit, self._first) for unit in units]
        self._upper += highest
        self._sizes += sizes
        self._scaled_units.clear()  # there are more features now

    def lower(self, row: Sequence[fmpq]) -> fmpq | None:
        """A bound that the row is never below, proved; None: none was found.

        Args:
            row: over the features 1, inputs, units so far; trailing zeros may be left out.
        """
        below = _closure(units_of(row, self._first), self._uses)
        if not self._possible(row, below):
            return None
        length = self._first + len(self._units)
        padded = [*row, *[fmpq(0)] * (length - len(row))]
        return scaled_bound(self._scaled(padded), [o for unit in below for o in self._never_negative(unit, length)])

    def _upper_bound(self, row: Sequence[fmpq]) -> fmpq | None:
        low = self.lower([-value for value in row])
        return None if low is None else -low

    def _scaled(self, row: Sequence[fmpq]) -> Scaled:
        return Scaled([value * size if value else value for value, size in zip(row, self._sizes, strict=True)])

    def _possible(self, row: Sequence[fmpq], below: list[int]) -> bool:
        """A quick test: units that no other one uses must not pull the row down without end."""
        if not below:
            return not any(row[1:])
        used = {unit for number in below for unit in self._uses[number]}
        tops = [number for number in below if number not in used]
        return all(row[self._first + n] > 0 or any(b is not None for b in self._upper[n]) for n in tops)

    def _never_negative(self, number: int, length: int) -> list[Scaled]:
        if number in self._scaled_units:
            return self._scaled_units[number]
        plus = [fmpq(0)] * length
        plus[self._first + number] = fmpq(1)
        unit = self._units[number]
        minus = [*(fmpq(-value) for value in unit), *plus[len(unit) :]]
        found = [plus, minus]
        for vector, bound in zip((plus, minus), self._upper[number], strict=True):
            if bound is not None:
                found.append([bound - vector[0], *(-value for value in vector[1:])])
        self._scaled_units[number] = [self._scaled(vector) for vector in found]
        return self._scaled_units[number]


def units_of(row: Entries, first: int) -> list[int]:
    """The units that a row uses directly."""
    return [number for number, value in enumerate(row[first:]) if value]


def units_below(rows: Iterable[Entries], units: Sequence[Entries], first: int) -> list[int]:
    """The units that rows use, directly or through other units, in order."""
    direct = [number for row in rows for number in units_of(row, first)]
    return _closure(direct, [units_of(unit, first) for unit in units])


def _closure(direct: Iterable[int], uses: Sequence[list[int]]) -> list[int]:
    """Some units and those that they use, directly or through others, in order."""
    used = set(direct)
    for number in reversed(range(len(uses))):
        if number in used:
            used.update(uses[number])
    return sorted(used)
