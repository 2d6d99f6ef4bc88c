"""The slopes of one output along inputs outside the slice: work on a point that workers can share."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq

from precise.regions.probe import Calibration, Point, Probe


@dataclass(frozen=True)
class Reading:
    """A point of the slice, and what is to be read there."""

    point: Point
    output: int  # from 0
    inputs: tuple[int, ...]  # outside the slice
    calibration: Calibration


@dataclass(frozen=True)
class Slopes:
    """What was read."""

    values: tuple[fmpq, ...]  # one an input
    queries: int


def read(probe: Probe, reading: Reading) -> Slopes:
    """Read them; what is learned about sizes meanwhile does not reach the next reading.

    Raises:
        PrecisionError: the oracle's precision cannot hold exact answers for this network.
        BudgetExceeded, OracleError: from the oracle.
    """
    asked = probe.queries
    single = probe.output(reading.output)
    single.adopt(reading.calibration)
    values = single.slopes_outside(reading.point, reading.inputs)
    return Slopes(tuple(values), probe.queries - asked)
