"""One layer of a recovered network read as the original's: which neuron is which, on what scale, what is left over.

A right layer of a recovered network is B[j, m] = s_j A[p(j), q(m)] / t_m: its neurons and its inputs in an order and on
scales of their own. Faults are entries for which that fails, and inputs whose order q and scales t are not those of the
layer before. The best reading is the one with the fewest elementary changes: a wrong entry, a scale, an exchange, a
sign, a neuron that is missing or too many each count 1; a limited precision of all rows together counts IMPRECISE.

Floats propose readings (`verify.diagnosis.agreement`); which entries agree is decided in exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from flint import fmpq

from precise.symmetry.merging import Rows
from verify.diagnosis.agreement import assignment, bits_in_common, log2, logarithms
from verify.diagnosis.input_fit import MOST_READINGS, NARROW, InputFit
from verify.diagnosis.scales import centre_of, modes, row_side
from verify.diagnosis.sides import EXACT, ONE, Reading, Side, Sides, exchanges, linked, near_to

MOST_ANCHORS = 4  # inputs whose scale is taken on trust, one after the other, when the rows' own scales fail
IMPRECISE = 2  # so that one wrong entry is not taken for it
COARSEST = -3  # of log2 of the error that is allowed in a layer of limited precision
OUTLIER = 4  # bits: an entry so much further off than the layer's median is wrong by itself


class LayerFit:
    """The readings of one layer.

    Args:
        original: its rows, (bias, weights ...).
        recovered: the same of the recovered network.
        before: what the rows of the layer before are; for the first layer the inputs themselves.
        fixed: are the inputs those of the network, whose order and scales are given?
        output: is it the output layer, whose neurons' order and scales are given?
        thorough: are other orders of the inputs tried, however little fits? That pays where little was wrong so far.
    """

    def __init__(
        self,
        original: Rows,
        recovered: Rows,
        before: Sides,
        fixed: bool,
        output: bool,
        thorough: bool = False,
    ) -> None:
        self._thorough = thorough
        self._a, self._b, self._before = original, recovered, before
        self._fixed, self._output = fixed, output
        self._inputs = InputFit(original, recovered, before)
        self._home = {side.partner: side for side in before if side is not None}
        self._left_out: list[int] = []  # costs of readings of which there were more than were looked at

    def readings(self) -> tuple[list[Reading], int | None]:
        """The best readings, cheapest first, and the cost of the best one that was left out (None: none was).

        Those of equal cost are equally good explanations.
        """
        found = self._read(self._before)
        best, most = self._best(found), 2 * len(self._before)  # beyond it nothing fits: any order may be the right one
        if best > 2 and (best <= most or self._thorough) and not self._fixed and len(self._before) <= NARROW:
            for order in self._inputs.orders(3 if best > most else 2):
                found += self._read(order)
        unique = {(r.rows, r.columns, r.slack): r for r in found}
        ordered = sorted(unique.values(), key=lambda r: (r.cost, -r.natural))
        left_out = [*self._left_out, *(reading.cost for reading in ordered[MOST_READINGS:])]
        return ordered[:MOST_READINGS], min(left_out, default=None)

    @staticmethod
    def _best(found: Sequence[Reading]) -> int:
        return min(reading.cost for reading in found)

    def _read(self, start: Sides) -> list[Reading]:
        """Readings that start from one assumption about the inputs."""
        aligned = self._aligned(start)
        partners = self._partners(aligned)
        found = self._refined(start, self._scaled(aligned, partners, None, EXACT), EXACT)
        if self._best(found) > 1 and not self._fixed:
            for anchor in range(min(len(self._a[0]), 1 + MOST_ANCHORS)):
                found += self._refined(start, self._scaled(aligned, partners, anchor, EXACT), EXACT)
        slack = self._slack(aligned, partners) if self._best(found) > 1 else EXACT
        if slack:
            found += self._refined(start, self._scaled(aligned, partners, None, slack), slack)
        return found

    def _refined(self, columns: Sides, rows: Sides, slack: fmpq) -> list[Reading]:
        """Inputs from rows and rows from inputs in turn, until neither changes."""
        if self._fixed:
            return [self._reading(rows, columns, slack)]
        choices = self._inputs.choices(rows, slack)
        for _ in range(3):
            aligned = self._aligned(choices[0])
            again = self._scaled(aligned, self._partners(aligned), None, slack, rows)
            if again == rows:
                break
            rows, choices = again, self._inputs.choices(again, slack)
        found = [self._reading(rows, choice, slack) for choice in choices[:MOST_READINGS]]
        if len(choices) > MOST_READINGS:
            self._left_out.append(min(reading.cost for reading in found))
        return found

    # --- rows ---

    def _aligned(self, columns: Sides) -> list[list[fmpq | None]]:
        """The recovered rows, inputs in the original's order and scale; None where one has no counterpart."""
        places = {side.partner + 1: (m + 1, abs(side.scale)) for m, side in enumerate(columns) if side is not None}
        width = len(self._a[0])
        return [
            [row[0], *(row[places[i][0]] * places[i][1] if i in places else None for i in range(1, width))]
            for row in self._b
        ]

    def _partners(self, aligned: list[list[fmpq | None]]) -> dict[int, int]:
        """The original's neuron of every recovered one."""
        if self._output:
            return {j: j for j in range(len(self._b))}
        bits = bits_in_common(self._logarithms, logarithms(aligned))
        return {j: i for i, j in assignment(bits).items()}

    @cached_property
    def _logarithms(self) -> tuple[np.ndarray, np.ndarray]:
        return logarithms(self._a)

    def _scaled(
        self,
        aligned: list[list[fmpq | None]],
        partners: dict[int, int],
        anchor: int | None,
        slack: fmpq,
        known: Sides = (),
    ) -> Sides:
        """Every row's partner and scale: the most frequent ratio of entries, or the one at the anchor."""
        found: list[Side | None] = []
        for j, row in enumerate(aligned):
            if j not in partners:
                found.append(None)
                continue
            i = partners[j]
            if self._output:
                found.append(Side(i, ONE))
                continue
            side = row_side(i, self._a[i], row, slack)
            if anchor is not None and self._a[i][anchor] and row[anchor]:
                side = Side(i, row[anchor] / self._a[i][anchor], slack)  # type: ignore[operator]
            elif side.slack is None and j < len(known) and (old := known[j]) is not None and old.partner == i:
                side = old  # an anchored scale, where the row alone tells none
            found.append(side)
        return tuple(found)

    def _slack(self, aligned: list[list[fmpq | None]], partners: dict[int, int]) -> fmpq:
        """The relative error that fits a layer of limited precision; 0: its rows are not all imprecise."""
        gaps, imprecise = [], 0
        for j, i in partners.items():
            ratios = [b / a for a, b in zip(self._a[i], aligned[j], strict=True) if a and b]
            if not ratios:
                continue
            common = ONE if self._output else modes(ratios, EXACT)[0][0]
            imprecise += 2 * sum(ratio == common for ratio in ratios) < len(ratios) + 1
            centre = ONE if self._output else centre_of(ratios)
            gaps += [log2(ratio / centre - 1) for ratio in ratios if ratio != centre]
        if 4 * imprecise < 3 * len(partners) or not gaps:
            return EXACT
        exponent = int(np.ceil(np.median(gaps))) + OUTLIER
        return fmpq(2) ** exponent if exponent <= COARSEST else EXACT

    # --- the whole ---

    def _reading(self, rows: Sides, columns: Sides, slack: fmpq) -> Reading:
        wrong = tuple(self._wrong(j, side, columns, slack) for j, side in enumerate(rows))
        matched = {side.partner for side in rows if side is not None}
        missing = tuple(i for i in range(len(self._a)) if i not in matched)
        cost = sum(map(len, wrong)) + len(missing) + sum(side is None for side in rows) + IMPRECISE * bool(slack)
        cost += sum(side is not None and side.slack is not None and side.scale < 0 for side in rows)
        if not self._fixed:
            cost += self._link_cost(columns)
        return Reading(rows, columns, wrong, slack, missing, cost)

    def _wrong(self, j: int, side: Side | None, columns: Sides, slack: fmpq) -> tuple[int, ...]:
        if side is None:
            return ()
        row, other = self._a[side.partner], self._b[j]
        found = [] if near_to(other[0], side.scale * row[0], slack) else [0]
        for m, column in enumerate(columns, 1):
            if column is not None and not near_to(other[m] * column.scale, side.scale * row[column.partner + 1], slack):
                found.append(m)
        return tuple(found)

    def _link_cost(self, columns: Sides) -> int:
        """What it takes to lead from the rows of the layer before to these inputs."""
        return exchanges(self._before, columns) + sum(
            2 if column is None else int(home is not None and not linked(column, home))
            for own, column in zip(self._before, columns, strict=True)
            if not (own is None and column is None)
            for home in [None if column is None else self._home.get(column.partner)]
        )
