"""Rigorous bounds on the joint network over a part of the input domain, by weak duality.

The affine equations of the layers move into the objective with any multipliers whatever [DSGMK18]. What
remains is maximised block by block over the vertices of each block's own domain, and over the box of inputs.
A bad multiplier makes a bound weaker, never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flint import fmpq, fmpq_mat, fmpz, fmpz_mat

from verify.checker.block import KINDS, Block
from verify.checker.encoding import Json, number, numbers, rounded
from verify.checker.joint import ONE, ZERO, JointLayer, Row


@dataclass(frozen=True)
class Box:
    """A box of inputs; parts that share it also share its integers."""

    lower: tuple[fmpq, ...]
    upper: tuple[fmpq, ...]

    @cached_property
    def around(self) -> tuple[fmpz_mat, fmpz_mat, fmpz]:
        """Twice the centre and the radius, columns of integers over one denominator, which comes doubled as well."""
        numerators, denominator = fmpq_mat(2, len(self.lower), [*self.lower, *self.upper]).numer_denom()
        ends = numerators.transpose()
        return ends * fmpz_mat(2, 1, [1, 1]), ends * fmpz_mat(2, 1, [-1, 1]), 2 * denominator

    def greatest(self, rows: fmpz_mat) -> list[fmpq]:
        """The maxima over the box of each row times the inputs: at the centre, and the sizes times the radius."""
        centre, radius, denominator = self.around
        sizes = fmpz_mat(rows.nrows(), rows.ncols(), list(map(abs, rows.entries())))
        return [fmpq(total, denominator) for total in (rows * centre + sizes * radius).entries()]


@dataclass(frozen=True)
class Part:
    """A part of the input domain, and what is known of every neuron on it."""

    box: Box
    blocks: tuple[tuple[Block, ...], ...]  # per hidden layer
    empty: bool = False  # proved to hold no input

    @property
    def lower(self) -> tuple[fmpq, ...]:
        """Of the inputs."""
        return self.box.lower

    @property
    def upper(self) -> tuple[fmpq, ...]:
        """Of the inputs."""
        return self.box.upper


class Bounds:
    """The joint network with its domain: what is true on a part of it."""

    def __init__(self, layers: Sequence[JointLayer], domain: Json, mantissa: int | None) -> None:
        self.layers = layers
        self.absolute = [_absolute(layer.matrix) for layer in layers]
        self.first = layers[0].matrix.numer_denom()
        self.offsets = [fmpq_mat(2 * layer.blocks, 1, list(layer.offsets)) for layer in layers]
        self.mantissa = mantissa  # bits that the rule's multipliers are rounded to; None: not rounded
        self.facets = [(numbers(row), number(bound)) for row, bound in domain["halfspaces"]]
        lower, upper = numbers(domain["lower"]), numbers(domain["upper"])
        if {len(lower), len(upper), *(len(row) for row, _ in self.facets)} != {layers[0].matrix.ncols()}:
            raise ValueError("the domain has another number of inputs than the networks")
        self.root = self.forward(_boxed(lower, upper), 0)

    def forward(self, part: Part, start: int) -> Part:
        """The part with interval bounds of the hidden layers from `start`, met with those already known."""
        if part.empty:
            return part
        blocks = list(part.blocks)
        for k in range(start, len(self.layers) - 1):
            low, high = list(part.lower), list(part.upper)
            if k > 0:
                ranges = [r for block in blocks[k - 1] if (r := block.states) is not None]
                if len(ranges) < len(blocks[k - 1]):
                    return replace(part, empty=True)
                low = [r[0] for r in ranges] + [r[2] for r in ranges]
                high = [r[1] for r in ranges] + [r[3] for r in ranges]
            fresh = self._interval(k, low, high)
            known = blocks[k] if k < len(blocks) else fresh
            blocks[k : k + 1] = [tuple(a.meet(b) for a, b in zip(known, fresh, strict=True))]
        return replace(part, blocks=tuple(blocks))

    def _interval(self, k: int, low: Row, high: Row) -> tuple[Block, ...]:
        """The blocks of layer k when what it reads lies between `low` and `high`."""
        layer, width = self.layers[k], len(low)
        centre = fmpq_mat(width, 1, [(a + b) / 2 for a, b in zip(low, high)])
        radius = fmpq_mat(width, 1, [(b - a) / 2 for a, b in zip(low, high)])
        middle = [m + c for m, c in zip((layer.matrix * centre).entries(), layer.offsets)]
        around = (self.absolute[k] * radius).entries()
        ranges = [(m - r, m + r) for m, r in zip(middle, around)]
        return tuple(Block.of(*z, *d) for z, d in zip(ranges[: layer.blocks], ranges[layer.blocks :]))

    def suprema(
        self, part: Part, k: int, rows: Sequence[Row], duals: Sequence[Any] | None, facets: Sequence[Row]
    ) -> list[fmpq | None]:
        """Upper bounds of rows of coefficients over the preactivations (z..., d...) of layer k (from 0).

        Args:
            part: the part of the domain.
            k: the layer; the outputs are the last one.
            rows: shape (targets, 2 blocks).
            duals: the multipliers per target and per layer below, shape (2 blocks,); None: the rule's.
            facets: the non-negative multipliers of the half-spaces, per target.

        Returns:
            A bound per row; None: the part holds no input.
        """
        if part.empty:
            return [None] * len(rows)
        alpha = _matrix(rows, 2 * self.layers[k].blocks)
        totals: list[fmpq | None] = list(self._constants(k, alpha))
        for below in range(k - 1, -1, -1):
            chosen = []
            for t, row in enumerate((alpha * self.layers[below + 1].matrix).tolist()):
                given = None if duals is None else numbers(duals[t][below])
                multipliers, gain = self._through(part.blocks[below], row, given)
                chosen.append(multipliers)
                totals[t] = _sum(totals[t], gain)
            alpha = _matrix(chosen, 2 * self.layers[below].blocks)
            totals = [_sum(a, b) for a, b in zip(totals, self._constants(below, alpha))]
        # integers over one denominator from here on: no common factors to look for in long rows
        numerators, denominator = alpha.numer_denom()
        gains = self._inputs(part, numerators * self.first[0], denominator * self.first[1], facets)
        return [_sum(a, b) for a, b in zip(totals, gains, strict=True)]

    def _constants(self, k: int, alpha: fmpq_mat) -> list[fmpq]:
        return (alpha * self.offsets[k]).entries()

    def _through(self, blocks: Sequence[Block], row: Row, given: Row | None) -> tuple[Row, fmpq | None]:
        """One target's multipliers at a layer, and the sum of the maxima over its blocks."""
        n, total = len(blocks), ZERO
        if given is not None and len(given) != 2 * n:
            raise ValueError("the multipliers have the wrong number of entries")
        multipliers = [ZERO] * (2 * n)
        for i, block in enumerate(blocks):
            h, e = row[i], row[n + i]
            if given is None and block.alike is not None:  # nothing is lost, so nothing is rounded either
                if block.alike:
                    multipliers[i], multipliers[n + i] = h, e
                continue
            z, d = block.slopes(h, e) if given is None else (given[i], given[n + i])
            if given is None and self.mantissa is not None:
                z, d = rounded(z, self.mantissa), rounded(d, self.mantissa)
            gain = block.support(h, e, z, d)
            if gain is None:
                return [ZERO] * (2 * n), None
            multipliers[i], multipliers[n + i], total = z, d, total + gain
        return multipliers, total

    def _inputs(self, part: Part, rows: fmpz_mat, scale: fmpz, facets: Sequence[Row]) -> list[fmpq]:
        """The maxima of (row / scale) . x over the box, with the half-spaces moved into them by their multipliers."""
        if any(multiplier < 0 for multipliers in facets for multiplier in multipliers):
            raise ValueError("a multiplier of a half-space is negative")
        if not any(multiplier for multipliers in facets for multiplier in multipliers):
            return [value / scale for value in part.box.greatest(rows)]
        gains = []
        for row, multipliers in zip(rows.tolist(), facets, strict=True):
            left, gain = [fmpq(v, scale) for v in row], ZERO
            for multiplier, (normal, bound) in zip(multipliers, self.facets, strict=True):
                gain += multiplier * bound
                left = [v - multiplier * w for v, w in zip(left, normal)]
            extra = (v * (high if v > 0 else low) for v, low, high in zip(left, part.lower, part.upper))
            gains.append(gain + sum(extra, ZERO))
        return gains

    def tightened(self, part: Part, entry: Json) -> Part:
        """The part after one entry of a "tighten" list: better bounds of some quantities of one layer."""
        if part.empty:
            return part
        k = self.layer(entry["layer"])
        n = self.layers[k].blocks
        chosen = entry["targets"] if "targets" in entry else _unstable(part.blocks[k], entry["of"])
        rows = [unit(n, int(i), kind, side) for i, kind, side in chosen]
        facets = [numbers(f) for f in entry["facets"]] if "facets" in entry else [self.no_facets] * len(rows)
        found = self.suprema(part, k, rows, entry.get("duals"), facets) if rows else []
        return self.bounded(part, k, chosen, found)

    def bounded(self, part: Part, k: int, chosen: Sequence[Any], found: Sequence[fmpq | None]) -> Part:
        """The part with bounds of some (block, kind, side) of layer k, which `unit` says what they bound."""
        blocks = list(part.blocks[k])
        for (i, kind, side), bound in zip(chosen, found, strict=True):
            if bound is None:
                return replace(part, empty=True)
            blocks[int(i)] = blocks[int(i)].bounded(kind, side, bound if side == "upper" else -bound)
        return self.forward(_with_blocks(part, k, blocks), k + 1)

    def split(self, part: Part, entry: Sequence[Any]) -> list[Part]:
        """The two parts of a split, which cover it: of an input at a value, of a neuron's z, d or g at 0."""
        if part.empty:
            return [part, part]
        if entry[0] == "input":
            i, value = _index(entry[1], len(part.lower)), number(entry[2])
            lower, upper = list(part.lower), list(part.upper)
            upper[i], lower[i] = min(upper[i], value), max(lower[i], value)
            halves = _boxed(part.lower, upper), _boxed(lower, part.upper)
            return [self.forward(replace(half, blocks=part.blocks), 0) for half in halves]
        (k, i), kind = self.place(entry), str(entry[0])
        if kind not in KINDS:
            raise ValueError(f"there is no split of {kind!r:.20}")
        parts = []
        for side in ("upper", "lower"):
            blocks = list(part.blocks[k])
            blocks[i] = blocks[i].bounded(kind, side, ZERO)
            half = replace(_with_blocks(part, k, blocks), empty=not blocks[i].vertices)
            parts.append(self.forward(half, k + 1))
        return parts

    def place(self, entry: Sequence[Any]) -> tuple[int, int]:
        """The layer and the block, both from 0, that a split is about."""
        k = self.layer(entry[1], first=0)
        return k, _index(entry[2], self.layers[k].blocks)

    @property
    def no_facets(self) -> Row:
        """Multipliers 0 for the half-spaces."""
        return [ZERO] * len(self.facets)

    def layer(self, layer: Any, first: int = 1) -> int:
        """The index from 0 of a hidden layer counted from 1, from `first` on."""
        if not first <= int(layer) - 1 < len(self.layers) - 1:
            raise ValueError(f"layer {layer!r:.20} is none that this is possible for")
        return int(layer) - 1


def unit(n: int, i: int, kind: str, side: str) -> Row:
    """The row whose supremum is an upper bound of a block's quantity, or minus a lower bound."""
    if kind not in KINDS or side not in ("lower", "upper") or not 0 <= i < n:
        raise ValueError("there is no such bound")
    row, unit = [ZERO] * (2 * n), ONE if side == "upper" else -ONE
    if kind in ("z", "g"):
        row[i] = unit
    if kind in ("d", "g"):
        row[n + i] = unit
    return row


def _unstable(blocks: Sequence[Block], kinds: str) -> list[tuple[int, str, str]]:
    unstable = [i for i, block in enumerate(blocks) if block.active is None]
    return [(i, kind, side) for i in unstable for kind in kinds for side in ("lower", "upper")]


def _boxed(lower: Sequence[fmpq], upper: Sequence[fmpq]) -> Part:
    empty = any(low > high for low, high in zip(lower, upper))
    return Part(Box(tuple(lower), tuple(upper)), (), empty)


def _with_blocks(part: Part, k: int, blocks: Sequence[Block]) -> Part:
    return replace(part, blocks=(*part.blocks[:k], tuple(blocks), *part.blocks[k + 1 :]))


def _index(value: Any, count: int) -> int:
    if not 0 <= int(value) < count:
        raise ValueError(f"there is no input or neuron {value!r:.20}")
    return int(value)


def _sum(a: fmpq | None, b: fmpq | None) -> fmpq | None:
    return None if a is None or b is None else a + b


def _matrix(rows: Sequence[Row], width: int) -> fmpq_mat:
    return fmpq_mat(len(rows), width, [v for row in rows for v in row])


def _absolute(matrix: fmpq_mat) -> fmpq_mat:
    return fmpq_mat(matrix.nrows(), matrix.ncols(), [abs(v) for v in matrix.entries()])
