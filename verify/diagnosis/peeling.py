"""The layers of a recovered network read one after the other, each on top of what the ones before are.

A layer is read against the original's own rows, never through values: so a layer behind a wrong one is judged by its
own numbers, although everything it puts out is wrong. Readings that are equally good so far are all followed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from precise.network import Network
from precise.symmetry.merging import rows_of
from verify.diagnosis.layer_fit import LayerFit
from verify.diagnosis.sides import Reading, inputs_as_they_are

MOST_FOLLOWED = 16  # readings of the first layers, at any time


@dataclass(frozen=True)
class Peeling:
    """A reading of every layer; its cost is the number of elementary changes that explain all differences."""

    readings: tuple[Reading, ...] = ()
    left_out: int | None = None  # the cost so far of the cheapest reading that was not followed; None: all were

    @property
    def cost(self) -> int:
        """Elementary changes, see `verify.diagnosis.layer_fit`."""
        return sum(reading.cost for reading in self.readings) - self._dropped

    @property
    def _dropped(self) -> int:
        """Wrong entries of rows that the next layer's weights show to be no counterparts at all: they do not count."""
        return sum(
            len(wrong)
            for reading, after in pairwise(self.readings)
            for wrong, seen in zip(reading.wrong, after.columns, strict=True)
            if seen is None
        )

    @property
    def vague(self) -> frozenset[int]:
        """The layers (from 1) with a row that is none of the original's: what it stands for is a guess."""
        return frozenset(
            number
            for number, reading in enumerate(self.readings, 1)
            if any(side is not None and side.slack is None for side in reading.rows)
        )

    @property
    def natural(self) -> int:
        """How many neurons are on the original's own scale."""
        return sum(reading.natural for reading in self.readings)


def peel(original: Network, recovered: Network) -> list[Peeling]:
    """Readings of all layers, best first; the first ones of equal cost are equally good explanations.

    Args:
        original: any network.
        recovered: one with as many layers, inputs and outputs, without copies of neurons.
    """
    pairs = list(zip(rows_of(original), rows_of(recovered), strict=True))
    followed, left_out = [Peeling()], []
    for number, (rows, others) in enumerate(pairs):
        first, last = number == 0, number == len(pairs) - 1
        fits: dict[object, tuple[list[Reading], int | None]] = {}
        grown = []
        for peeling in followed:
            before = inputs_as_they_are(original.input_width) if first else peeling.readings[-1].rows
            if before not in fits:
                thorough = peeling.cost < sum(len(reading.rows) for reading in peeling.readings)
                fits[before] = LayerFit(rows, others, before, first, last, thorough).readings()
            readings, cost = fits[before]
            grown += [Peeling((*peeling.readings, reading)) for reading in readings]
            left_out += [] if cost is None else [peeling.cost + cost]
        grown.sort(key=lambda peeling: (peeling.cost, -peeling.natural))
        left_out += [peeling.cost for peeling in grown[MOST_FOLLOWED:][:1]]
        followed = grown[:MOST_FOLLOWED]
    return [replace(peeling, left_out=min(left_out, default=None)) for peeling in followed]
