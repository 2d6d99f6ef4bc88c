"""Signs of a layer from the exact rows of the next one.

A row of layer k+1 was solved with separate coefficients for relu(eta_j) and relu(-eta_j). Neuron j of layer k feeds
it through one of the two only, and the non-zero one is the active side. (Canales-Martinez et al., EUROCRYPT 2024, and
Foerster et al., NeurIPS 2024, decide the same question by comparing magnitudes.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Protocol

from flint import fmpq

from precise.local_map import Row


class Coefficients(Protocol):
    """A row of the next layer, hidden or output."""

    @property
    def plus(self) -> Sequence[int | fmpq]:
        """Coefficients of relu(eta_j)."""

    @property
    def minus(self) -> Sequence[int | fmpq]:
        """Coefficients of relu(-eta_j)."""


class Sign(Enum):
    """What the rows of the next layer say about one neuron."""

    POSITIVE = 1  # active where the recovered preactivation is positive
    NEGATIVE = -1  # active where it is negative
    BOTH = 2  # two neurons share this hyperplane, one active on each side
    UNSEEN = 0  # no row depends on it


def read_signs(rows: Sequence[Coefficients], neurons: int) -> list[Sign]:
    """The sign of every neuron of a layer, as far as these rows of the next layer tell it."""
    found = []
    for j in range(neurons):
        plus = any(row.plus[j] for row in rows)
        minus = any(row.minus[j] for row in rows)
        both = Sign.BOTH if minus else Sign.POSITIVE
        found.append(both if plus else Sign.NEGATIVE if minus else Sign.UNSEEN)
    return found


def apply_signs(rows: Sequence[Row], signs: Sequence[Sign]) -> list[Row]:
    """The layer with every neuron active on its positive side; BOTH gives two neurons, the positive one first."""
    result = []
    for row, sign in zip(rows, signs, strict=True):
        if sign is not Sign.NEGATIVE:
            result.append(row)
        if sign in (Sign.NEGATIVE, Sign.BOTH):
            result.append(row.negated())
    return result


def fold(row: Row, signs: Sequence[Sign]) -> Row:
    """A row of the next layer, rewritten for the neurons that `apply_signs` gives."""
    weights: list[int] = []
    for plus, minus, sign in zip(row.plus, row.minus, signs, strict=True):
        if sign is not Sign.NEGATIVE:
            weights.append(plus)
        if sign in (Sign.NEGATIVE, Sign.BOTH):
            weights.append(minus)
    return replace(row, plus=tuple(weights), minus=(0,) * len(weights))
