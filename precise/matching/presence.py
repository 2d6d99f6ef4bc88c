"""Is the predicted surface of a row really there? On every sampled line the crossings of a row can be computed.

A row is believed when lines bend where it says, at PRESENT places at least, and everywhere else as well where its
effect is not cut off. Inactive neurons above can cut it off only together with the whole output (generic weights): a
line without a bend speaks against the row if the output is proved to change along it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from precise.matching.partial import BIAS
from precise.rounding.balls import Ball, Floats, middle, radius, surely_not_zero
from precise.rounding.known import KnownLayers
from precise.rounding.regions import Run, SampledLine
from precise.rounding.view import View

PRESENT = 6


@dataclass(frozen=True)
class Presence:
    """Predicted crossings: with a bend, without one; those that cannot be told are not counted."""

    present: int
    absent: int

    def __add__(self, other: Presence) -> Presence:
        return Presence(self.present + other.present, self.absent + other.absent)

    @property
    def confirmed(self) -> bool:
        """Enough places, and no exception."""
        return self.present >= PRESENT and self.absent == 0


class Inputs:
    """What a layer's neurons get along every sampled line, in float64; kept, as lines only become more."""

    def __init__(self, view: View, known: KnownLayers) -> None:
        self._view, self._known = view, known
        self._kept: list[Floats] = []

    def along(self, lines: Sequence[SampledLine]) -> list[Floats]:
        """Shape (samples, inputs of the layer) for every line."""
        self._kept += [inputs_along(self._view, self._known, line) for line in lines[len(self._kept) :]]
        return self._kept


def inputs_along(view: View, known: KnownLayers, line: SampledLine) -> Floats:
    """What the layer above `known` gets along a line, in float64: shape (samples, inputs of the layer)."""
    points = _places(view, line)
    return np.maximum(known.float_values(points)[-1], 0) if known.depth else points


def known_crossings(view: View, known: KnownLayers, line: SampledLine) -> set[int]:
    """The samples after which some known neuron changes its sign."""
    layers = known.float_values(_places(view, line))
    return {int(i) for v in layers for i in np.flatnonzero((np.sign(v[:-1]) != np.sign(v[1:])).any(axis=1))}


def _places(view: View, line: SampledLine) -> Floats:
    return np.array([view.floats(line.point(i)) for i in range(len(line.values))])


def crossings(held: Floats, entries: Mapping[int, Ball]) -> list[int]:
    """The samples i after which a row changes its sign for sure, as far as its known entries tell."""
    columns = [j for j in entries if j != BIAS]
    weights = np.array([middle(entries[j]) for j in columns])
    spread = np.array([radius(entries[j]) for j in columns])
    values = held[:, columns] @ weights + middle(entries[BIAS])
    doubt = np.abs(held[:, columns]) @ spread + radius(entries[BIAS])
    told = doubt <= np.abs(values)
    if len(columns) < held.shape[1]:
        told &= np.abs(np.delete(held, columns, axis=1)).max(axis=1) == 0
    changes = (np.sign(values[:-1]) != np.sign(values[1:])) & told[:-1] & told[1:]
    return [int(i) for i in np.flatnonzero(changes)]


def presence(line: SampledLine, held: Floats, entries: Mapping[int, Ball]) -> Presence:
    """Compare a row's predicted crossings with the runs of one line."""
    present = absent = 0
    for i in crossings(held, entries):
        present += not any(r.first < i + 1 and r.last > i for r in line.runs)
        absent += any(r.first < i and r.last > i + 1 and _slopes(line, r) for r in line.runs)
    return Presence(present, absent)


def _slopes(line: SampledLine, run: Run) -> bool:
    """Is the output proved to change along a run?"""
    return surely_not_zero(line.values[run.last] - line.values[run.first])
