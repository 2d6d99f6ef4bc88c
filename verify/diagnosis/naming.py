"""From the readings of the layers to faults with a name, each with what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flint import fmpq

from precise.symmetry.merging import Copy, Merged, Rows, rows_of
from verify.diagnosis.agreement import log2
from verify.diagnosis.evidence import Evidence
from verify.diagnosis.fault import Certainty, Entry, Fault, Kind
from verify.diagnosis.mending import Mend, add_neuron, drop_neuron, move_rows, scale_row, set_entries, take_copy_away
from verify.diagnosis.peeling import Peeling
from verify.diagnosis.sides import Reading, Side, Sides, cycles


@dataclass(frozen=True)
class Named:
    """A fault and how a working copy of the recovered network is mended."""

    fault: Fault
    mend: Mend

    @property
    def key(self) -> object:
        """What makes it another fault than a second one."""
        fault = self.fault
        return fault.kind, fault.layer, fault.neurons, tuple(entry.index for entry in fault.entries)


def name_faults(original: Merged, recovered: Merged, peeling: Peeling, dropped: tuple[Copy, ...]) -> list[Named]:
    """All faults of one explanation, in the order in which they are mended: missing neurons come last.

    Args:
        original: the original without copies.
        recovered: the recovered network without copies.
        peeling: a reading of every layer, of the recovered network without the copies `dropped`.
        dropped: copies that are too many.
    """
    found = [_duplicate(recovered, copy) for copy in dropped]
    rows, others = rows_of(original.network), rows_of(recovered.network)
    layers = [
        _Layer(number, *pair, peeling, Evidence(original, recovered, number))
        for number, pair in enumerate(zip(rows, others, strict=True), 1)
    ]
    for layer in layers:
        found += layer.faults()
    for layer in layers[:-1]:
        found += layer.missing()
    return found


class _Layer:
    """One layer's faults; neurons count from 0 here, and from 1 in what comes out."""

    def __init__(self, number: int, original: Rows, recovered: Rows, peeling: Peeling, evidence: Evidence) -> None:
        self._number, self._a, self._b = number, original, recovered
        self._reading: Reading = peeling.readings[number - 1]
        self._output = number == len(peeling.readings)
        self._inputs: Sides = self._reading.columns
        after = None if self._output else peeling.readings[number].columns
        self._seen: Sides = tuple(Side(j, fmpq(1)) for j in range(len(recovered))) if after is None else after
        self._home = {side.partner: m for m, side in enumerate(self._seen) if side is not None}
        self._say = evidence

    def faults(self) -> list[Named]:
        """All but missing neurons, in the order in which they are mended."""
        found = [*self._precision(), *self._entries()]
        if self._output:
            return found
        return [*found, *self._factors(), *self._permutations(), *self._spurious()]

    def missing(self) -> Iterator[Named]:
        """The original's neurons that are not there."""
        for i in range(len(self._a)):
            if i not in self._home:
                name, text = self._say.original(i), self._say.missing(i)
                fault = Fault(Kind.MISSING, self._number, (name,), text, Certainty.LIKELY)
                yield Named(fault, add_neuron(self._number, i))

    # --- what each neuron should be ---

    def _row(self, m: int) -> Side | None:
        """Whose row is at a place and on what scale; where the row does not tell, what the next layer takes it for."""
        side, seen = self._reading.rows[m], self._seen[m]
        if seen is None:
            return None
        if side is None or side.slack is None or side.partner not in self._home:
            return seen
        if not side.slack:
            return side
        reckoned = self._seen[self._home[side.partner]]
        assert reckoned is not None
        return Side(side.partner, reckoned.scale * simple(side.scale / reckoned.scale, side.slack), side.slack)

    def _right(self, m: int, side: Side) -> list[fmpq | None]:
        """The row as it should be on its own scale; None where an input has no counterpart."""
        row = self._a[side.partner]
        return [
            side.scale * row[0],
            *(None if c is None else side.scale * row[c.partner + 1] / c.scale for c in self._inputs),
        ]

    def _factor(self, m: int) -> fmpq:
        """The row is this multiple of what the next layer reckons with."""
        side = self._row(m)
        assert side is not None
        reckoned = self._seen[self._home[side.partner]]
        assert reckoned is not None
        return side.scale / reckoned.scale

    # --- kinds ---

    def _precision(self) -> Iterator[Named]:
        if not self._reading.slack:
            return
        worst, values = 0, {}
        bits = []
        for m in range(len(self._b)):
            side = self._row(m)
            if side is None:
                continue
            for entry, right in enumerate(self._right(m, side)):
                if right is not None and entry not in self._reading.wrong[m]:
                    values[m, entry] = right
                    worst += self._b[m][entry] != right
                    if right and self._b[m][entry] != right:
                        bits.append(-log2((self._b[m][entry] - right) / right))
        least = max(0, int(min(bits, default=0.0)))
        yield self._named(
            Kind.PRECISION,
            (),
            self._say.precision(least, worst, len(values)),
            set_entries(self._number, values),
            bits=least,
        )

    def _entries(self) -> Iterator[Named]:
        for m in range(len(self._b)):
            side = self._row(m)
            if side is None:
                continue
            right = self._right(m, side)
            own = self._reading.rows[m]
            if own is not None and (own.slack is not None or self._output) and own.partner == side.partner:
                numbers = list(self._reading.wrong[m])
            else:
                numbers = [n for n, value in enumerate(right) if value is not None and value != self._b[m][n]]
            if not numbers:
                continue
            entries = tuple(Entry(self._say.input(n), self._b[m][n], right[n]) for n in numbers)
            yield self._named(
                Kind.OUTPUT if self._output else Kind.ENTRIES,
                (m,),
                self._say.entries(m, side.partner, entries, len(right), self._output),
                set_entries(self._number, {(m, n): right[n] for n in numbers}),
                entries=entries,
            )

    def _factors(self) -> Iterator[Named]:
        for m in range(len(self._b)):
            side = self._row(m)
            if side is None:
                continue
            factor = self._factor(m)
            if factor == 1:
                continue
            kind = Kind.SIGN if factor < 0 else Kind.SCALE
            text = self._say.factor(kind, m, side.partner, factor, len(self._a[0]), self._home[side.partner])
            yield self._named(kind, (m,), text, scale_row(self._number, m, 1 / factor), factor=factor)

    def _permutations(self) -> Iterator[Named]:
        for cycle in cycles(self._reading.rows, self._seen):
            places = tuple(sorted(cycle))
            yield self._named(
                Kind.PERMUTATION, places, self._say.permutation(cycle), move_rows(self._number, tuple(cycle))
            )

    def _spurious(self) -> Iterator[Named]:
        for m, side in enumerate(self._seen):
            if side is None:
                yield self._named(Kind.SPURIOUS, (m,), self._say.spurious(m), drop_neuron(self._number, m))

    def _named(
        self,
        kind: Kind,
        places: tuple[int, ...],
        text: str,
        mend: Mend,
        entries: tuple[Entry, ...] = (),
        factor: fmpq | None = None,
        bits: int | None = None,
    ) -> Named:
        neurons = tuple(self._say.recovered(m) for m in places)
        fault = Fault(kind, self._number, neurons, text, Certainty.LIKELY, entries, factor, bits)
        return Named(fault, mend)


def _duplicate(recovered: Merged, copy: Copy) -> Named:
    members = recovered.groups[copy.layer - 1][copy.kept - 1]
    text = Evidence(recovered, recovered, copy.layer).duplicate(members)
    return Named(Fault(Kind.DUPLICATE, copy.layer, members, text, Certainty.LIKELY), take_copy_away(copy))


def simple(value: fmpq, slack: fmpq) -> fmpq:
    """The rational with the smallest denominator within a relative error of `slack`."""
    if value < 0:
        return -simple(-value, slack)
    return _simplest(value * (1 - slack), value * (1 + slack))


def _simplest(low: fmpq, high: fmpq) -> fmpq:
    """The rational with the smallest denominator between two positive ones (continued fractions)."""
    whole = fmpq(low.p // low.q)
    if whole == low:
        return low
    if whole + 1 <= high:
        return whole + 1
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))
