"""Points that are asked again at the end: an oracle that changes over time, or is noisy, contradicts itself there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import fmpq

FIRST = 8  # points of a run that are kept, all of them
GROWTH = 1.5  # then one whenever so many times as many were asked, so that every time of the run is covered alike


@dataclass(frozen=True)
class Kept:
    """A point that was asked, with its answer."""

    row: tuple[int, ...]  # coordinates in units of 2^-bits
    bits: int
    answer: fmpq
    number: int  # points asked until then


@dataclass
class Repeats:
    """A few of the points that were asked, about 40 of a million."""

    kept: list[Kept] = field(default_factory=list)
    asked: int = 0

    def note(self, rows: Sequence[Sequence[int]], bits: int, answers: Sequence[fmpq]) -> None:
        """Keep some of these points."""
        for row, answer in zip(rows, answers, strict=True):
            self.asked += 1
            if len(self.kept) < FIRST or self.asked >= GROWTH * self.kept[-1].number:
                self.kept.append(Kept(tuple(row), bits, answer, self.asked))
