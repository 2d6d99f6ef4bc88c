"""Signs of a layer from exact equations of the next one.

A row of layer k+1 is solved with separate coefficients for relu(eta_j) and relu(-eta_j). Neuron j of layer k feeds it
through one of the two only, and the non-zero one is the active side. (Canales-Martinez et al., EUROCRYPT 2024, and
Foerster et al., NeurIPS 2024, decide the same question by comparing magnitudes.)
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from enum import Enum

from precise.regions.local_map import Row


class Sign(Enum):
    """What the rows of the next layer say about one neuron."""

    POSITIVE = 1  # active where the recovered preactivation is positive
    NEGATIVE = -1  # active where it is negative
    BOTH = 2  # two neurons share this hyperplane, one active on each side
    UNSEEN = 0  # no row tells


class SignEvidence:
    """Which sides of a layer's neurons were seen to act on the next layer.

    A surface of any deeper layer tells the same as one of the next: all of them depend on the active sides only.
    """

    def __init__(self, neurons: int) -> None:
        self.neurons = neurons
        self._plus: set[int] = set()
        self._minus: set[int] = set()

    def add(self, acting: Set[int]) -> None:
        """Take in unknowns (plus from 0, minus from `neurons`) that are other than 0."""
        self._plus |= {u for u in acting if u < self.neurons}
        self._minus |= {u - self.neurons for u in acting if self.neurons <= u < 2 * self.neurons}

    def signs(self) -> list[Sign]:
        """The signs as far as they are seen."""
        return [_sign(j in self._plus, j in self._minus) for j in range(self.neurons)]


def _sign(plus: bool, minus: bool) -> Sign:
    if plus and minus:
        return Sign.BOTH
    return Sign.POSITIVE if plus else Sign.NEGATIVE if minus else Sign.UNSEEN


def apply_signs(rows: Sequence[Row], signs: Sequence[Sign]) -> list[Row]:
    """The layer with every neuron active on its positive side; BOTH gives two neurons, the positive one first."""
    result = []
    for row, sign in zip(rows, signs, strict=True):
        if sign is not Sign.NEGATIVE:
            result.append(row)
        if sign in (Sign.NEGATIVE, Sign.BOTH):
            result.append(row.negated())
    return result


def rows_of(signs: Sequence[Sign]) -> list[list[int]]:
    """Which rows of `apply_signs` belong to each neuron."""
    found: list[list[int]] = []
    count = 0
    for sign in signs:
        own = 2 if sign is Sign.BOTH else 1
        found.append(list(range(count, count + own)))
        count += own
    return found


def acting_unknowns(signs: Sequence[Sign]) -> list[int]:
    """The unknowns (plus ..., minus ..., bias) of a row that may be other than 0, in the order of `apply_signs`."""
    count = len(signs)
    chosen: list[int] = []
    for j, sign in enumerate(signs):
        if sign is not Sign.NEGATIVE:
            chosen.append(j)
        if sign in (Sign.NEGATIVE, Sign.BOTH):
            chosen.append(count + j)
    return [*chosen, 2 * count]
