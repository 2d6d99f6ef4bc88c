"""What an oracle promises about its error: a bound for every answer, never an assumption of the extraction.

A bound may use the point, the answer and constants that the oracle publishes. It holds for the exact function of the
network that the oracle evaluates.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from flint import fmpq

from precise.arithmetic import Batch
from precise.journal.oracle import JournaledOracle
from precise.oracle import Oracle
from precise.oracles.formats import Format

Radii = list[list[fmpq]]  # shape (points, outputs)


class Promise(Protocol):
    """The error of an oracle's answers."""

    statement: str  # one phrase for reports
    input_bits: int | None  # coordinates of at most this mantissa are taken as they are; None: all are
    evaluation: Format | None  # answers are the network's layers evaluated in it; None: nothing is said of how

    def radii(self, points: Batch, answers: Batch) -> Radii:
        """|answer - exact output| is at most this, shape (points, outputs)."""

    def underflow(self, points: Batch) -> float:
        """The part of the error that underflow may cause, if there is an `evaluation`; at most, for all points."""


class RelativePromise:
    """Correctly rounded to a mantissa of P bits.

    An answer is m 2^q with 2^(P-1) <= |m| < 2^P, and the exact output lies within half a unit, 2^(q-1), of it. As
    |m| >= 2^(P-1), half a unit is at most |answer| 2^-P.
    """

    input_bits: int | None = None
    evaluation: Format | None = None

    def __init__(self, bits: int) -> None:
        self.statement = f"correctly rounded to {bits} bits"
        self._unit = fmpq(1, 1 << bits)

    def radii(self, points: Batch, answers: Batch) -> Radii:
        """|answer| 2^-P."""
        return [[abs(value) * self._unit for value in row] for row in answers.rows()]

    def underflow(self, points: Batch) -> float:
        """None: the bound is relative."""
        return 0.0


class AbsolutePromise:
    """Every error is at most one number."""

    input_bits: int | None = None
    evaluation: Format | None = None

    def __init__(self, bound: fmpq, statement: str) -> None:
        self.statement = statement
        self._bound = bound

    def radii(self, points: Batch, answers: Batch) -> Radii:
        """The number, for every answer."""
        return [[self._bound] * answers.width for _ in range(answers.size)]

    def underflow(self, points: Batch) -> float:
        """None beyond the bound."""
        return 0.0


@runtime_checkable
class _Promising(Protocol):
    promise: Promise


def promise_of(oracle: Oracle) -> Promise:
    """The oracle's own promise, or the one that its `precision` states."""
    if isinstance(oracle, JournaledOracle):
        return promise_of(oracle.inner)
    if isinstance(oracle, _Promising):
        return oracle.promise
    if oracle.precision is None:
        return AbsolutePromise(fmpq(0), "exact")
    return RelativePromise(oracle.precision)
