"""Signatures: the row (weights and bias, up to a non-zero factor) of one neuron of the first unknown layer.

A surface found on a line belongs to some unknown layer. Walking along it either gathers enough exact equations for a
row of the wanted layer, or meets a place where it bends without a known neuron changing state; then the bending
neuron is of a lower layer and the search goes on along its surface. Every region visited gives (row . local map =
normal); this also fills up the rank that a single region of a deep network lacks (Liu et al., EUROCRYPT 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from flint import fmpq

from precise.arithmetic import primitive
from precise.equations.partial_rows import PartialRow, partial_row
from precise.equations.row_system import RowSystem
from precise.equations.superfluous import superfluous
from precise.regions.aim import outlying
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known, Row
from precise.regions.probe import Point
from precise.regions.walk import Bent, Crossed, Lost, Moved, Surface, Walker
from precise.signs.partial import acting_sides

REDUNDANT = 3  # equations beyond full rank before a row is believed; each holds by chance once in 2^60
FARTHEST = (2.0**-1, 2.0**9)  # how far a step goes where no known neuron is met, drawn between these
LOST_STEPS = 30  # steps in a row that lead nowhere before a surface is given up
WANDER_STEPS = 4  # steps on a surface known to be deeper, in the hope of a bend at an unknown neuron
STALLED_STEPS = 30  # steps in a row without a new equation before a partial row is returned
UNAIMED = 0.0  # of the steps: what keeps a walk from its aim may lie behind another hyperplane


@dataclass
class Trail:
    """What following one candidate gave."""

    row: Row | None = None
    system: RowSystem | None = None  # of the last surface, complete or not
    end: str = ""  # why there is no row
    steps: int = 0
    descents: int = 0
    acting: frozenset[int] = frozenset()  # sides of neurons below that are certain to act, see `acting_sides`
    lacking: tuple[int, ...] = ()  # neurons below whose weight the row has only as "large", see `reach`
    witness: Point | None = None  # the last point on the surface, unless it belongs to a deeper layer

    @property
    def partial(self) -> PartialRow | None:
        """The equations gathered on the wanted layer's surface, when they are no whole row."""
        if self.row or self.witness is None or self.system is None or not self.system.consistent:
            return None
        return partial_row(self.system.equations, self.witness)


class RowSearch:
    """Follows candidates towards rows of layer number `depth` (from 0), the first one that is not complete."""

    def __init__(self, walker: Walker, separate: bool, random: Random, postponed: Sequence[int] = ()) -> None:
        """postponed: neurons below whose weights are taken as 0 for now."""
        self.walker = walker
        self._postponed = postponed
        self._zero = [*postponed, *superfluous(walker.known, len(walker.known.layers) - 2)]
        self.known: Known = walker.known
        self.separate = separate  # are there unknowns for both sides of every neuron below?
        self._random = random
        self._generator = np.random.default_rng(random.getrandbits(64))

    @property
    def depth(self) -> int:
        """The layer whose rows are wanted (from 0): the growing last layer of the known part."""
        return len(self.known.layers) - 1

    @property
    def features(self) -> int:
        """The number of neurons that feed the wanted layer (inputs for layer 0)."""
        return self.known.inputs if self.depth == 0 else len(self.known.layers[self.depth - 1])

    def follow(self, surface: Surface) -> Trail:
        """Follow a surface and the surfaces that bend it, down to the wanted layer."""
        trail = Trail()
        for _ in range(64):
            lower = self._gather(surface, trail)
            trail.acting |= self._acting(trail.system)
            if lower is None:
                return trail
            trail.descents += 1
            surface = lower
        trail.end = "descended too often"
        return trail

    def _acting(self, system: RowSystem | None) -> frozenset[int]:
        """A surface of any deeper layer tells the active sides as well as one of the wanted layer."""
        told = self.separate and system is not None and system.consistent
        return acting_sides(system, self.features) if system and told else frozenset()

    def _gather(self, surface: Surface, trail: Trail) -> Surface | None:
        """Walk on one surface; returns a lower one if it is met, else leaves the outcome in the trail."""
        system = RowSystem(self._unknowns())
        trail.system = system
        system.add([*self._equations(surface), *self._absent()])
        visited = {(j, s) for j, s in enumerate(self._sides(surface))} | {(j, True) for j in self._postponed}
        deeper = False
        lost = stalled = straight = wandered = 0
        while lost < LOST_STEPS and stalled < STALLED_STEPS and wandered < WANDER_STEPS:
            wandered += deeper
            trail.steps += 1
            event = self.walker.step(surface, self._aim(surface, visited, lost), self._reach(surface))
            if isinstance(event, Bent):
                return event.lower
            if isinstance(event, Lost):
                trail.end = event.reason
                lost += 1
                continue
            lost = 0
            surface = event.surface
            stalled += 1
            if isinstance(event, Moved):
                straight += 1
            elif isinstance(event, Crossed) and event.layer == self.depth:
                straight += 1
                deeper = deeper or event.bend != 0
            if not deeper:
                if isinstance(event, Crossed) and event.layer < self.depth:
                    stalled = 0 if system.add(self.news(event)) else stalled
                    visited |= {(j, s) for j, s in enumerate(self._sides(surface))}
                deeper = deeper or not system.consistent
                if self._enough(system, straight):
                    trail.witness = surface.point
                    trail.row = self._row(system)
                    return None
        trail.end = "deeper" if deeper else trail.end or "no new equations"
        if not deeper:
            trail.witness = surface.point
        return None

    def _enough(self, system: RowSystem, straight: int) -> bool:
        if not system.complete:
            return False
        return straight >= 2 * REDUNDANT if self.depth == 0 else system.redundant >= REDUNDANT

    # -- equations -------------------------------------------------------------------------------------------------

    def _unknowns(self) -> int:
        return self.features * (2 if self.separate else 1) + 1

    def _sides(self, surface: Surface) -> tuple[bool, ...]:
        return surface.pattern[self.depth - 1] if self.depth else (True,) * self.features

    def _equations(self, surface: Surface) -> list[list[fmpq | int]]:
        """(row . local map = normal, row . local constant + bias = constant), one equation an input and one more."""
        below = self.known.affine(self.depth - 1, surface.pattern).tolist()
        right = [surface.scale * v for v in (*surface.plane.normal, surface.plane.constant)]
        active = self._sides(surface)
        equations: list[list[fmpq | int]] = []
        for number, value in enumerate(right):
            column = [int(entries[number]) for entries in below]
            plus = [c if a else 0 for c, a in zip(column, active, strict=True)]
            minus = [-c if not a else 0 for c, a in zip(column, active, strict=True)]
            bias = int(number == len(right) - 1)
            equations.append([*plus, *(minus if self.separate else ()), bias, value])
        return equations

    def _absent(self) -> list[list[fmpq | int]]:
        """The weights that are postponed are 0, and those of features that others make superfluous."""
        return [[*(int(c == j) for c in range(self._unknowns())), 0] for j in self._zero]

    def news(self, event: Crossed) -> list[list[fmpq | int]]:
        """The equations that a crossing adds: one for a neuron that feeds the row, else those of a new local map."""
        if event.layer < self.depth - 1:
            return self._equations(event.surface)
        equation: list[fmpq | int] = [0] * self._unknowns()
        for neuron in self.known.crossing(event.layer, event.neuron):
            equation[neuron] = 1
            if self.separate:
                equation[self.features + neuron] = 1
        entered = event.surface.pattern[event.layer][event.neuron]
        return [[*equation, event.bend if entered else -event.bend]]

    def _row(self, system: RowSystem) -> Row | None:
        answer = system.solve()
        if answer is None:
            return None
        return Row.of([int(v.p) for v in primitive(answer)], self.features)

    # -- where to go -----------------------------------------------------------------------------------------------

    def _reach(self, surface: Surface) -> float:
        low, high = np.log2(FARTHEST)
        return float(2.0 ** self._generator.uniform(low, high)) * outlying(surface.point)

    def _aim(self, surface: Surface, visited: set[tuple[int, bool]], lost: int) -> Vector:
        """Towards a neuron whose other side was not seen yet, away from the one crossed last, with some noise."""
        noise = self._generator.standard_normal(self.known.inputs)
        noise /= np.linalg.norm(noise)
        direction = noise
        target = self._target(surface, visited) if lost < LOST_STEPS // 2 else None
        if target is not None:
            direction = target + 0.4 * noise
        return direction

    def _target(self, surface: Surface, visited: set[tuple[int, bool]]) -> Vector | None:
        """Towards one of the hyperplanes behind which a side would be new; now and then towards none."""
        if self.depth == 0 or self._random.random() < UNAIMED:
            return None
        units = self.walker.planes(self.depth - 1, surface.pattern).units
        both = self.separate or any(row.linear for row in self.known.layers[self.depth - 1])
        towards: list[Vector] = []
        for neuron, positive in enumerate(self._sides(surface)):
            wanted = not positive
            if (wanted or both) and (neuron, wanted) not in visited and units[neuron].any():
                towards.append(units[neuron] * (1.0 if wanted else -1.0))
        return self._random.choice(towards) if towards else None
