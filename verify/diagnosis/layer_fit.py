"""One layer of a recovered network read as the original's: which neuron is which, on what scale, what is left over.

A right layer of a recovered network is B[j, m] = s_j A[p(j), q(m)] / t_m: its neurons and its inputs in an order and on
scales of their own. Faults are entries for which that fails, and inputs whose order q and scales t are not those of the
layer before. The best reading is the one with the fewest elementary changes: a wrong entry, a scale, an exchange, a
sign, a neuron that is missing or too many each count 1; a limited precision of all rows together counts IMPRECISE.

Floats propose readings (`verify.diagnosis.agreement`); which entries agree is decided in exact arithmetic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np
from flint import fmpq
from scipy.optimize import linear_sum_assignment

from verify.diagnosis.agreement import assignment, bits_in_common, log2, logarithms
from verify.diagnosis.merging import Rows

ONE, EXACT = fmpq(1), fmpq(0)
NARROW = 6  # inputs up to which every exchange of two or three is tried
MOST_ANCHORS = 4  # inputs whose scale is taken on trust, one after the other, when the rows' own scales fail
IMPRECISE = 2  # so that one wrong entry is not taken for it
FEW_VOTERS = 3  # rows: their weights alone do not tell whose they are
MOST_READINGS = 8  # of one layer that fit equally well
COARSEST = -3  # of log2 of the error that is allowed in a layer of limited precision
OUTLIER = 4  # bits: an entry so much further off than the layer's median is wrong by itself


@dataclass(frozen=True)
class Side:
    """A recovered neuron as seen from one side: from its own row, or from the next layer's weights."""

    partner: int  # the original's neuron, from 0
    scale: fmpq  # the recovered value is this multiple of the original's; negative: the sign is wrong
    slack: fmpq | None = EXACT  # how far, relatively, the scale may be off; None: nothing is known of it


Sides = tuple[Side | None, ...]  # by recovered neuron; None: it has no counterpart


@dataclass(frozen=True)
class Reading:
    """A layer read as the original's."""

    rows: Sides
    columns: Sides
    wrong: tuple[tuple[int, ...], ...]  # by recovered neuron: the entries that differ, 0 the bias, m input m
    slack: fmpq  # entries agree up to this relative error; 0: exactly
    missing: tuple[int, ...]  # the original's neurons that no row is
    cost: int  # elementary changes

    @property
    def natural(self) -> int:
        """How many inputs are on the original's own scale: of two equal readings the more natural one is named."""
        return sum(side is not None and side.scale == 1 for side in self.columns)


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
        self._home = {side.partner: side for side in before if side is not None}
        self._left_out: list[int] = []  # costs of readings of which there were more than were looked at

    def readings(self) -> tuple[list[Reading], int | None]:
        """The best readings, cheapest first, and the cost of the best one that was left out (None: none was).

        Those of equal cost are equally good explanations.
        """
        found = self._read(self._before)
        best, most = self._best(found), 2 * len(self._before)  # beyond it nothing fits: any order may be the right one
        if best > 2 and (best <= most or self._thorough) and not self._fixed and len(self._before) <= NARROW:
            for order in self._orders(3 if best > most else 2):
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
        choices = self._columns(rows, slack)
        for _ in range(3):
            aligned = self._aligned(choices[0])
            again = self._scaled(aligned, self._partners(aligned), None, slack, rows)
            if again == rows:
                break
            rows, choices = again, self._columns(again, slack)
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
            side = _row_side(i, self._a[i], row, slack)
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
            common = ONE if self._output else _modes(ratios, EXACT)[0][0]
            imprecise += 2 * sum(ratio == common for ratio in ratios) < len(ratios) + 1
            centre = ONE if self._output else _centre(ratios)
            gaps += [log2(ratio / centre - 1) for ratio in ratios if ratio != centre]
        if 4 * imprecise < 3 * len(partners) or not gaps:
            return EXACT
        exponent = int(np.ceil(np.median(gaps))) + OUTLIER
        return fmpq(2) ** exponent if exponent <= COARSEST else EXACT

    # --- inputs ---

    def _columns(self, rows: Sides, slack: fmpq) -> list[Sides]:
        """The inputs' order and scales that fit the rows best; several where they fit equally well."""
        voters = [(j, side) for j, side in enumerate(rows) if side is not None and side.slack is not None]
        open_ones: list[int] = []
        chosen = [None if side is None else replace(side, scale=abs(side.scale)) for side in self._before]
        for m, side in enumerate(self._before):
            if side is None or side.slack is None or self._mismatches(m, side.partner, abs(side.scale), voters, slack):
                open_ones.append(m)
        held = {side.partner for m, side in enumerate(chosen) if side is not None and m not in open_ones}
        originals = [i for i in range(len(self._a[0]) - 1) if i not in held]
        if not open_ones:
            return [tuple(chosen)]
        options = self._options(open_ones, originals, voters, slack)
        for m in open_ones:
            chosen[m] = None
        ties: list[list[tuple[int, Side | None]]] = []
        for m, i in self._assigned(open_ones, originals, options):
            cheapest = min(cost for cost, _ in options[m, i])
            ties.append([(m, side) for cost, side in options[m, i] if cost == cheapest])
        found = []
        for choice in product(*ties):
            changed = list(chosen)
            for m, side in choice:
                changed[m] = side
            found.append(tuple(changed))
            if len(found) > MOST_READINGS:  # one more shows that some are left out
                break
        return found

    def _options(
        self, open_ones: list[int], originals: list[int], voters: list[tuple[int, Side]], slack: fmpq
    ) -> dict[tuple[int, int], list[tuple[int, Side | None]]]:
        """(cost, side) of every pair of inputs that is worth a look."""
        near = self._near(open_ones, originals, voters)
        options = {}
        for m in open_ones:
            own = self._before[m]
            told = own is not None and own.slack is not None  # then it is no neuron that has no row
            for i in originals:
                if told and i not in self._home:
                    continue
                own_place = own is not None and own.partner == i
                if (m, i) in near or own_place or len(open_ones) <= NARROW or self._at_home(m, i, voters):
                    options[m, i] = self._option(m, i, voters, slack)
        return options

    def _at_home(self, m: int, i: int, voters: list[tuple[int, Side]]) -> bool:
        """Are the weights on an input another one's, on the scale of its row? Few weights show no pattern otherwise."""
        home = self._home.get(i)
        if len(voters) > FEW_VOTERS or home is None or home.slack is None:
            return False
        return all(
            _near_to(self._b[j][m + 1] * abs(home.scale), side.scale * self._a[side.partner][i + 1], home.slack)
            for j, side in voters
        )

    def _option(self, m: int, i: int, voters: list[tuple[int, Side]], slack: fmpq) -> list[tuple[int, Side | None]]:
        home = self._home.get(i)
        ratios = [
            side.scale * self._a[side.partner][i + 1] / self._b[j][m + 1]
            for j, side in voters
            if self._b[j][m + 1] and self._a[side.partner][i + 1]
        ]
        known = home is not None and home.slack is not None
        scales = [abs(home.scale)] if known and home is not None else []
        scales += [ratio for ratio, _ in _modes(ratios, slack)[:MOST_READINGS]] if ratios else []
        found: list[tuple[int, Side | None]] = []
        for scale in dict.fromkeys(scales):
            link = int(known and home is not None and not _near_to(scale, abs(home.scale), home.slack or EXACT))
            found.append((link + self._mismatches(m, i, scale, voters, slack), Side(i, scale)))
        if not known and len(voters) == 1:
            found = [(cost, side) for cost, side in found if side is not None and side.scale == 1]
        if not known and (not found or min(cost for cost, _ in found) >= max(2, len(voters) - 1)):
            found.append((2, None))  # neither its row nor its weights are those of any neuron
        return found or [(len(voters), Side(i, ONE))]

    def _near(self, open_ones: list[int], originals: list[int], voters: list[tuple[int, Side]]) -> set[tuple[int, int]]:
        """For every open input the original's two inputs whose weights are most nearly a multiple of its own."""
        if len(open_ones) <= NARROW or not voters:
            return set()
        first = logarithms([[side.scale * self._a[side.partner][i + 1] for _, side in voters] for i in originals])
        second = logarithms([[self._b[j][m + 1] for j, _ in voters] for m in open_ones])
        bits = bits_in_common(second, first)
        best = np.argsort(-bits, axis=1)[:, :2]
        return {(m, originals[int(place)]) for m, places in zip(open_ones, best, strict=True) for place in places}

    def _assigned(
        self,
        open_ones: list[int],
        originals: list[int],
        options: dict[tuple[int, int], list[tuple[int, Side | None]]],
    ) -> Iterator[tuple[int, int]]:
        unfit = 4.0 * len(self._b) + 4
        costs = np.full((len(open_ones), len(originals)), unfit)
        for (m, i), choices in options.items():
            own = self._before[m]
            moved = own is not None and own.slack is not None and own.partner != i
            costs[open_ones.index(m), originals.index(i)] = min(cost for cost, _ in choices) + 0.5 * moved
        for row, column in zip(*linear_sum_assignment(costs), strict=True):
            if costs[row, column] < unfit:
                yield open_ones[row], originals[column]

    def _mismatches(self, m: int, i: int, scale: fmpq, voters: list[tuple[int, Side]], slack: fmpq) -> int:
        return sum(
            not _near_to(self._b[j][m + 1] * scale, side.scale * self._a[side.partner][i + 1], slack)
            for j, side in voters
        )

    def _orders(self, longest: int) -> Iterator[Sides]:
        """The inputs with some of them moved round: two, and more up to `longest`."""
        for size in range(2, longest + 1):
            for first, *others in combinations(range(len(self._before)), size):
                for order in permutations(others):
                    changed, cycle = list(self._before), (first, *order)
                    for place, other in zip(cycle, (*order, first), strict=True):
                        changed[place] = self._before[other]
                    yield tuple(changed)

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
        found = [] if _near_to(other[0], side.scale * row[0], slack) else [0]
        for m, column in enumerate(columns, 1):
            if column is not None and not _near_to(
                other[m] * column.scale, side.scale * row[column.partner + 1], slack
            ):
                found.append(m)
        return tuple(found)

    def _link_cost(self, columns: Sides) -> int:
        """What it takes to lead from the rows of the layer before to these inputs."""
        return exchanges(self._before, columns) + sum(
            2 if column is None else int(home is not None and not _linked(column, home))
            for own, column in zip(self._before, columns, strict=True)
            if not (own is None and column is None)
            for home in [None if column is None else self._home.get(column.partner)]
        )


def exchanges(rows: Sides, columns: Sides) -> int:
    """How many exchanges of two neurons lead from the order of the rows to that of the next layer's weights."""
    return sum(len(cycle) - 1 for cycle in cycles(rows, columns))


def cycles(rows: Sides, columns: Sides) -> list[list[int]]:
    """The recovered neurons (from 0) whose rows and outgoing weights changed places, cycle by cycle.

    The row at each place of a cycle belongs at the next one.
    """
    home = {side.partner: m for m, side in enumerate(columns) if side is not None}
    step = {
        m: home[side.partner]
        for m, side in enumerate(rows)
        if side is not None and side.slack is not None and side.partner in home
    }
    found, seen = [], set()
    for start in step:
        if start in seen or step[start] == start:
            continue
        cycle, at = [], start
        while at in step and at not in seen:
            seen.add(at)
            cycle.append(at)
            at = step[at]
        if len(cycle) > 1:
            found.append(cycle)
    return found


def inputs_as_they_are(count: int) -> Sides:
    """The inputs of a network, which have their order and their scale."""
    return tuple(Side(number, ONE) for number in range(count))


def _linked(column: Side, home: Side) -> bool:
    return home.slack is None or _near_to(column.scale, abs(home.scale), home.slack)


def _near_to(value: fmpq, right: fmpq, slack: fmpq) -> bool:
    """Is the value right, up to a relative error of `slack`?"""
    return bool(value == right if not slack else abs(value - right) <= slack * abs(right))


def _row_side(partner: int, row: list[fmpq], other: Sequence[fmpq | None], slack: fmpq) -> Side:
    """The scale on which most entries of two rows agree; of slack None if no two agree on one."""
    ratios = [b / a for a, b in zip(row, other, strict=True) if a and b]
    if not ratios:
        same = not any(row) and not any(v for v in other if v is not None)
        return Side(partner, ONE, EXACT if same else None)
    scale, count = _modes(ratios, slack)[0]
    expected = len([a for a, b in zip(row, other, strict=True) if b is not None and (a or b)])
    weak = 2 * count < expected if slack else count < 2 <= expected or (count == 2 and expected > NARROW)
    return Side(partner, scale, None if weak else slack)


def _modes(ratios: Sequence[fmpq], slack: fmpq) -> list[tuple[fmpq, int]]:
    """The most frequent ratios with how often they occur, 1 and -1 first among equals; with slack only the centre."""
    if slack:
        centre = _centre(ratios)
        return [(centre, sum(_near_to(ratio, centre, slack) for ratio in ratios))]
    counts = Counter(ratios)
    most = max(counts.values())
    if most == 1 and len(ratios) > NARROW:
        centre = _centre(ratios)
        return [(centre, 1), *((r, 1) for r in dict.fromkeys(ratios) if r != centre)]
    found = [(ratio, most) for ratio, count in counts.items() if count == most]
    return sorted(found, key=lambda pair: abs(pair[0]) != 1)


def _centre(ratios: Sequence[fmpq]) -> fmpq:
    """The ratio in the middle of the densest third of them (of one sign, the more frequent one)."""
    positive = [ratio for ratio in ratios if ratio > 0]
    side = positive if 2 * len(positive) >= len(ratios) else [ratio for ratio in ratios if ratio < 0]
    ordered = sorted(side, key=abs)
    width = min(len(ordered), max(2, -(-len(ratios) // 3)))
    sizes = [log2(ratio) for ratio in ordered]
    start = min(range(len(ordered) - width + 1), key=lambda n: sizes[n + width - 1] - sizes[n])
    return ordered[start + width // 2 if width > 2 else start]
