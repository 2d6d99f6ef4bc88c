"""Splits on phases: where g is close to f, a pair of neurons is active or inactive, and one split decides both.

An *execution* is an input with a phase 0 or 1 for every pair. It has f's own values z and h = max(0, z), but
e = phase times d, so that its differences are affine in each phase. A phase is admissible where z >= -reach (1) or
z <= reach (0), with the reach a bound of |d| on the whole domain.

Why bounds over the admissible executions are bounds over the inputs: e = max(0, z + d) - max(0, z) lies between 0
and d, so e = t d with t in [0, 1], and t is 0 or 1 itself unless z and z + d have different signs, which needs
|z| <= |d| <= reach. A difference of a later layer or of the outputs is affine in each t, as z and h do not depend on
them. So putting 0 or 1 for one t after the other, whichever does not lessen it, ends at an admissible execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flint import fmpq

from verify.checker.block import Block
from verify.checker.encoding import Json
from verify.checker.joint import ONE, ZERO, JointLayer, Row
from verify.checker.weak_duality import Bounds, Part


@dataclass(frozen=True)
class PhaseBlock(Block):
    """The executions of a pair with z in [zl, zu] and d in [dl, du]; the bounds of g do not count."""

    reach: fmpq
    phases: tuple[int, ...] = (0, 1)

    @classmethod
    def first(cls, block: Block) -> PhaseBlock:
        """On the whole domain, where the reach is fixed."""
        reach = max(abs(block.dl), abs(block.du))
        return cls(block.zl, block.zu, block.dl, block.du, block.gl, block.gu, reach)

    def bounded(self, kind: str, side: str, bound: fmpq) -> Block:
        """The part where z or d is at least (side "lower") or at most (side "upper") the bound."""
        if kind == "g":
            raise ValueError("an execution has no value of g's neuron")
        return super().bounded(kind, side, bound)

    def _within(self, lows: Sequence[fmpq], highs: Sequence[fmpq]) -> Block:
        (zl, dl, _), (zu, du, _) = lows, highs
        if (zl, zu, dl, du) == (self.zl, self.zu, self.dl, self.du):
            return self  # it may know its vertices already
        return replace(self, zl=zl, zu=zu, dl=dl, du=du)

    def decided(self, phase: int) -> PhaseBlock:
        """The executions with this phase."""
        return replace(self, phases=tuple(p for p in self.phases if p == phase))

    @cached_property
    def lines(self) -> list[tuple[int, list[tuple[fmpq, fmpq]]]]:
        """Per phase that has executions, all (z, h) where a function that is affine in them can be greatest."""
        found = []
        for phase in self.phases:
            low = max(self.zl, -self.reach) if phase else self.zl
            high = self.zu if phase else min(self.zu, self.reach)
            if low <= high and self.dl <= self.du:
                values = [low, high, *([ZERO] if low < 0 < high else [])]
                found.append((phase, [(z, max(z, ZERO)) for z in values]))
        return found

    @cached_property
    def vertices(self) -> list[tuple[fmpq, fmpq, fmpq, fmpq]]:
        """All (z, d, h, e) where a function that is affine in z, d, h, e can be greatest; none: no execution."""
        ends = self.dl, self.du
        return [(z, d, h, phase * d) for phase, line in self.lines for z, h in line for d in ends]

    @cached_property
    def active(self) -> tuple[fmpq, fmpq] | None:
        """(1, 1) or (0, 0): the one phase that is left; None: both are, or none."""
        left = {phase for phase in self.phases if (self.zu >= -self.reach if phase else self.zl <= self.reach)}
        return (ONE * left.pop(),) * 2 if len(left) == 1 else None

    @cached_property
    def alike(self) -> bool | None:
        """Whether h = z and e = d, or h = e = 0, in all executions; None: neither, or no execution."""
        if self.active is None or not self.vertices or not (self.zl >= 0 if self.active[0] else self.zu <= 0):
            return None
        return bool(self.active[0])

    def support(self, h: fmpq, e: fmpq, z: fmpq, d: fmpq) -> fmpq | None:
        """The maximum over the block of h times its h + e times its e - z times its z - d times its d."""
        if self.alike is not None and (z, d) == self.exact(h, e):
            return ZERO
        return self.greatest(h, e, z, d)

    def greatest(self, h: fmpq, e: fmpq, z: fmpq, d: fmpq) -> fmpq | None:
        """The same maximum: in a phase z and d do not depend on each other. None: no execution."""
        found = []
        for phase, line in self.lines:
            slope = e - d if phase else -d
            most = slope * (self.du if slope > 0 else self.dl)
            found.append(max(h * state - z * value for value, state in line) + most)
        return max(found, default=None)

    def slopes(self, h: fmpq, e: fmpq) -> tuple[fmpq, fmpq]:
        """The rule: multipliers of (z, d) for coefficients of (h, e), slopes of planes above the block."""
        if self.active is not None:
            return self.exact(h, e)
        return self.chord(h), self.share(e)


class PhaseBounds(Bounds):
    """What is true of all admissible executions on a part of the domain."""

    def __init__(self, layers: Sequence[JointLayer], domain: Json, mantissa: int | None) -> None:
        for k in range(1, len(layers)):
            rows = layers[k].matrix.tolist()[: layers[k].blocks]
            if any(v != 0 for row in rows for v in row[layers[k - 1].blocks :]):
                raise ValueError("f's values depend on differences: phases need every neuron of g to have a partner")
        super().__init__(layers, domain, mantissa)

    def _interval(self, k: int, low: Row, high: Row) -> tuple[Block, ...]:
        return tuple(PhaseBlock.first(block) for block in super()._interval(k, low, high))

    def split(self, part: Part, entry: Sequence[Any]) -> list[Part]:
        """The two parts of a split: by phase 0 or 1 of a pair; of an input, and of z or d at 0, too."""
        if entry[0] != "phase" or part.empty:
            return super().split(part, entry)
        k, i = self.place(entry)
        halves = []
        for phase in (0, 1):
            blocks = list(part.blocks[k])
            block = blocks[i]
            assert isinstance(block, PhaseBlock)
            blocks[i] = block.decided(phase)
            within = (*part.blocks[:k], tuple(blocks), *part.blocks[k + 1 :])
            # the layers above are not bounded again: "tighten" does that where it is worth it
            halves.append(replace(part, blocks=within, empty=not blocks[i].vertices))
        return halves
