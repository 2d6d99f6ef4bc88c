"""A layer read as another's: whose row every neuron has, on what scale, and what the next layer takes it for."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq

ONE, EXACT = fmpq(1), fmpq(0)


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


def linked(column: Side, home: Side) -> bool:
    """Is an input's scale the one that its neuron's own row has, as far as that is known?"""
    return home.slack is None or near_to(column.scale, abs(home.scale), home.slack)


def near_to(value: fmpq, right: fmpq, slack: fmpq) -> bool:
    """Is the value right, up to a relative error of `slack`?"""
    return bool(value == right if not slack else abs(value - right) <= slack * abs(right))
