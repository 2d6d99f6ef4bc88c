"""The inputs of one layer read as the original's: in which order and on which scales its weights take them.

Where the rows of the layer before and the weights on them agree, there is nothing to choose. The inputs that are left
are assigned to the original's that are left, at the least number of wrong entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
from flint import fmpq
from scipy.optimize import linear_sum_assignment

from precise.symmetry.merging import Rows
from verify.diagnosis.agreement import bits_in_common, logarithms
from verify.diagnosis.scales import modes
from verify.diagnosis.sides import EXACT, ONE, Side, Sides, near_to

NARROW = 6  # inputs up to which every exchange of two or three is tried
FEW_VOTERS = 3  # rows: their weights alone do not tell whose they are
MOST_READINGS = 8  # of one layer that fit equally well


class InputFit:
    """The choices for the inputs of a layer."""

    def __init__(self, original: Rows, recovered: Rows, before: Sides) -> None:
        """Rows (bias, weights ...) of both layers, and what the rows of the layer before are."""
        self._a, self._b, self._before = original, recovered, before
        self._home = {side.partner: side for side in before if side is not None}

    def choices(self, rows: Sides, slack: fmpq) -> list[Sides]:
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
            near_to(self._b[j][m + 1] * abs(home.scale), side.scale * self._a[side.partner][i + 1], home.slack)
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
        scales += [ratio for ratio, _ in modes(ratios, slack)[:MOST_READINGS]] if ratios else []
        found: list[tuple[int, Side | None]] = []
        for scale in dict.fromkeys(scales):
            link = int(known and home is not None and not near_to(scale, abs(home.scale), home.slack or EXACT))
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
            not near_to(self._b[j][m + 1] * scale, side.scale * self._a[side.partner][i + 1], slack)
            for j, side in voters
        )

    def orders(self, longest: int) -> Iterator[Sides]:
        """The inputs with some of them moved round: two, and more up to `longest`."""
        for size in range(2, longest + 1):
            for first, *others in combinations(range(len(self._before)), size):
                for order in permutations(others):
                    changed, cycle = list(self._before), (first, *order)
                    for place, other in zip(cycle, (*order, first), strict=True):
                        changed[place] = self._before[other]
                    yield tuple(changed)
