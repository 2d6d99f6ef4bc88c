"""One block (a neuron of f and its partner in g): its domain, and maxima over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from flint import fmpq, fmpq_mat, fmpz

from verify.checker.encoding import rounded
from verify.checker.joint import ONE, ZERO

Value = TypeVar("Value")
BITS = 64  # domains are rounded outwards to mantissas of so many bits, to keep the numbers short
KINDS = ("z", "d", "g")  # f's value, the difference, g's value (z + d)


@dataclass(frozen=True)
class Block:
    """The domain of a block: z in [zl, zu], d in [dl, du], g = z + d in [gl, gu]."""

    zl: fmpq
    zu: fmpq
    dl: fmpq
    du: fmpq
    gl: fmpq
    gu: fmpq

    @classmethod
    def of(cls, zl: fmpq, zu: fmpq, dl: fmpq, du: fmpq) -> Block:
        """The block with these ranges, rounded outwards."""
        zl, zu, dl, du = below(zl), above(zu), below(dl), above(du)
        return cls(zl, zu, dl, du, zl + dl, zu + du)

    def meet(self, other: Block) -> Block:
        """The part in both."""
        lows = max(self.zl, other.zl), max(self.dl, other.dl), max(self.gl, other.gl)
        highs = min(self.zu, other.zu), min(self.du, other.du), min(self.gu, other.gu)
        return self._within(lows, highs)

    def bounded(self, kind: str, side: str, bound: fmpq) -> Block:
        """The part where one of z, d, g is at least (side "lower") or at most (side "upper") the bound."""
        lows, highs, place = [self.zl, self.dl, self.gl], [self.zu, self.du, self.gu], KINDS.index(kind)
        if side == "lower":
            lows[place] = max(lows[place], below(bound))
        else:
            highs[place] = min(highs[place], above(bound))
        return self._within(lows, highs)

    def _within(self, lows: Sequence[fmpq], highs: Sequence[fmpq]) -> Block:
        (zl, dl, gl), (zu, du, gu) = lows, highs
        found = Block(zl, zu, dl, du, max(gl, zl + dl), min(gu, zu + du))
        return self if found == self else found  # this one may know its vertices already

    @cached_property
    def vertices(self) -> list[tuple[fmpq, fmpq, fmpq, fmpq]]:
        """All (z, d, h, e) where a function that is affine in z, d, h, e can be greatest; none: no input.

        h and e are affine between the lines z = 0 and g = 0, so these cut the domain into convex polygons.
        """
        lines_z = _distinct(v for v in (self.zl, self.zu, ZERO) if self.zl <= v <= self.zu)
        lines_d = _distinct(v for v in (self.dl, self.du) if self.dl <= v <= self.du)
        lines_g = _distinct(v for v in (self.gl, self.gu, ZERO) if self.gl <= v <= self.gu)
        crossings = [(z, d, z + d) for z in lines_z for d in lines_d]
        crossings += [(z, g - z, g) for z in lines_z for g in lines_g]
        crossings += [(g - d, d, g) for d in lines_d for g in lines_g]
        points = _distinct(
            (z, d, g)
            for z, d, g in crossings
            if self.zl <= z <= self.zu and self.dl <= d <= self.du and self.gl <= g <= self.gu
        )
        return [(z, d, max(z, ZERO), max(g, ZERO) - max(z, ZERO)) for z, d, g in points]

    @cached_property
    def integers(self) -> tuple[list[list[fmpz]], fmpz]:
        """The vertices over one denominator: integers are added faster."""
        if not self.vertices:
            return [], fmpz(1)
        numerators, denominator = fmpq_mat([list(vertex) for vertex in self.vertices]).numer_denom()
        return numerators.tolist(), denominator

    @cached_property
    def states(self) -> tuple[fmpq, fmpq, fmpq, fmpq] | None:
        """The least and the greatest h, the least and the greatest e; None: no input."""
        if not self.vertices:
            return None
        hs, es = [v[2] for v in self.vertices], [v[3] for v in self.vertices]
        return min(hs), max(hs), min(es), max(es)

    @cached_property
    def active(self) -> tuple[fmpq, fmpq] | None:
        """1 or 0: whether f's and g's neuron are active on the whole domain; None: one of them is undecided."""
        if (self.zl < 0 < self.zu) or (self.gl < 0 < self.gu):
            return None
        return (ONE if self.zl >= 0 else ZERO), (ONE if self.gl >= 0 else ZERO)

    @cached_property
    def alike(self) -> bool | None:
        """Whether both neurons are active (h = z, e = d), or both inactive (h = e = 0); None: neither, or no input."""
        if self.active is None or self.active[0] != self.active[1] or not self.vertices:
            return None
        return bool(self.active[0])

    def support(self, h: fmpq, e: fmpq, z: fmpq, d: fmpq) -> fmpq | None:
        """The maximum over the block of h times its h + e times its e - z times its z - d times its d."""
        if self.active is not None and (z, d) == self.exact(h, e):
            return ZERO if self.vertices else None  # the function is 0 on the whole domain
        return self.greatest(h, e, z, d)

    def greatest(self, h: fmpq, e: fmpq, z: fmpq, d: fmpq) -> fmpq | None:
        """The same maximum, from the vertices; None: no input."""
        vertices, scale = self.integers
        if not vertices:
            return None
        common = h.q.lcm(e.q).lcm(z.q).lcm(d.q)
        a, b, c, f = (v.p * (common // v.q) for v in (h, e, -z, -d))
        return fmpq(max(a * vh + b * ve + c * vz + f * vd for vz, vd, vh, ve in vertices), common * scale)

    def exact(self, h: fmpq, e: fmpq) -> tuple[fmpq, fmpq]:
        """Multipliers of (z, d) that equal the coefficients of (h, e) where both neurons are decided."""
        first, second = self.active or (ZERO, ZERO)
        return h * first + e * (second - first), e * second

    def slopes(self, h: fmpq, e: fmpq) -> tuple[fmpq, fmpq]:
        """The rule: multipliers of (z, d) for coefficients of (h, e), slopes of planes above the block."""
        if self.active is not None:
            small = self.du - self.dl < self.zu - self.zl or self.zl == self.zu
            if self.active[0] == self.active[1] or not small:
                return self.exact(h, e)
            # exactly one is active, so |e| <= |d|: a multiple of d is far less than one of z
        z = self.chord(h)
        if (e < 0 and self.zl >= 0) or (e > 0 and self.gl >= 0):  # one neuron active: its side of d is a bound
            return z, e
        if (e < 0 and self.zu <= 0) or (e > 0 and self.gu <= 0):  # one inactive: so is 0
            return z, ZERO
        if self.zu <= 0 and self.gu > 0 > self.gl and e > 0:  # here e = max(0, g)
            slope = e * self.gu / (self.gu - self.gl)
            return z + slope, slope
        return z, self.share(e)

    def chord(self, h: fmpq) -> fmpq:
        """The multiplier of z for a coefficient of h = max(0, z), from the range of z."""
        if self.zl >= 0 or self.zu <= 0:
            return h if self.zl >= 0 else ZERO
        if h > 0:
            return h * self.zu / (self.zu - self.zl)
        return h if self.zu > -self.zl else ZERO

    def share(self, e: fmpq) -> fmpq:
        """The multiplier of d for a coefficient of e, which lies between 0 and d, from the range of d."""
        if self.dl >= 0 or self.du <= 0:
            return e if (self.dl >= 0) == (e > 0) else ZERO
        return e * (self.du if e > 0 else -self.dl) / (self.du - self.dl)


def _distinct(values: Iterable[Value]) -> list[Value]:
    """Each once; comparing a few rationals is faster than hashing them."""
    found: list[Value] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def below(value: fmpq) -> fmpq:
    """The value, rounded down."""
    return rounded(value, BITS)


def above(value: fmpq) -> fmpq:
    """The value, rounded up."""
    return -rounded(-value, BITS)
