"""All that was measured: sampled lines and the regions on them; it grows line by line and serves every layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from precise.rounding.balls import Ball, dot, sign_of
from precise.rounding.regions import Region, SampledLine, measure, random_line, sample_line
from precise.rounding.view import GridPoint, View

SCALES = tuple(2.0**e for e in range(-1, 6))  # of random lines; those that meet more bends are drawn more often

Explained = Callable[[SampledLine], set[int]]  # the samples after which known neurons change their state


@dataclass(frozen=True)
class Bend:
    """Two neighbouring regions of one line: the difference of their affine functions is a neuron's row, scaled.

    The critical point itself is where both functions meet, between `before` and `after`.
    """

    normal: tuple[Ball, ...]
    constant: Ball
    before: Region
    after: Region


@dataclass
class Survey:
    """Lines and regions of one slice."""

    view: View
    random: Random
    lines: list[SampledLine] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    bends: list[Bend] = field(default_factory=list)
    _yield: dict[float, list[int]] = field(default_factory=dict)  # scale -> runs seen on each line

    def add_random_line(self, explained: Explained) -> None:
        """One more line through a random place; slopes are asked for only beside bends that are not explained."""
        weights = [1 + sum(self._yield.get(s, [20])) / len(self._yield.get(s, [20])) for s in SCALES]
        scale = self.random.choices(SCALES, weights)[0]
        line = sample_line(self.view, *random_line(self.view, self.random, scale))
        self._yield.setdefault(scale, []).append(len(line.runs))
        self.lines.append(line)
        known = explained(line)
        self._add(line, [n for n in range(len(line.runs) - 1) if line.runs[n].last not in known])

    def add_line(self, origin: GridPoint, step: GridPoint, samples: int) -> None:
        """A short line at a chosen place; it is not counted among the random ones, which confirm rows."""
        line = sample_line(self.view, origin, step, samples)
        self._add(line, range(len(line.runs) - 1))

    def _add(self, line: SampledLine, gaps: Sequence[int]) -> None:
        """Measure the regions beside gaps between runs; each gap of one step may show a neuron."""
        narrow = [n for n in gaps if line.runs[n + 1].first - line.runs[n].last <= 1]
        wanted = sorted({m for n in narrow for m in (n, n + 1)})
        runs = [line.runs[m] for m in wanted]
        centres = [line.point((r.first + r.last) // 2) for r in runs]
        length = sum(float(s) ** 2 for s in line.step) ** 0.5
        steps = [max(1, int((r.last - r.first) / 2 * length)) for r in runs]
        regions = dict(zip(wanted, measure(self.view, centres, steps), strict=True))
        self.regions += [r for r in regions.values() if r is not None]
        for n in narrow:
            a, b = regions[n], regions[n + 1]
            ends = [line.point(line.runs[n].last), line.point(line.runs[n + 1].first)]
            bend = bend_between(self.view, a, b, ends) if a is not None and b is not None else None
            if bend is not None:
                self.bends.append(bend)


def bend_between(view: View, before: Region, after: Region, ends: Sequence[GridPoint]) -> Bend | None:
    """The difference of two regions' functions; None if it is proved not to change its sign between the ends."""
    normal = [b - a for a, b in zip(before.gradient, after.gradient, strict=True)]
    constant = _offset(view, after) - _offset(view, before)
    sides = [sign_of(dot(normal, view.balls(p)) + constant) for p in ends]
    if sides[0] * sides[1] > 0:
        return None
    return Bend(tuple(normal), constant, before, after)


def _offset(view: View, region: Region) -> Ball:
    return region.value - dot(list(region.gradient), view.balls(region.centre))
