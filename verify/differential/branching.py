"""Which split of a part is made: the one from which both halves are expected to gain most.

The gap of a neuron is what its own relaxation loses at a point. How much of it a split wins back is learned from the
splits that were made before: pseudo-costs, with the product of both halves as the score [AKM05].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

# ("input", input from 0, float) or ("z" | "g" | "phase", layer from 1, block from 0)
Split = tuple[object, ...]
LEAST = 1e-6  # of the excess: what a half gains at least, so that the gain of the other one counts


@dataclass(frozen=True)
class Candidate:
    """A split that is possible."""

    split: Split
    gap: float  # what the relaxation loses there at a point of the part, not negative and finite


@dataclass
class _Mean:
    total: float = 0.0
    count: int = 0

    def take(self, value: float) -> None:
        self.total += value
        self.count += 1


@dataclass
class Branching:
    """What the splits so far have shown, one search's worth."""

    _halves: dict[tuple[object, ...], _Mean] = field(default_factory=dict)  # (target, split, half): gains by gap
    _layers: dict[tuple[object, ...], _Mean] = field(default_factory=dict)  # (target, kind, layer): the same
    _all: _Mean = field(default_factory=_Mean)

    def learn(self, target: int, candidate: Candidate, gains: Sequence[float]) -> None:
        """Note by how much the bounds of both halves were below the one before the split."""
        for half, gain in enumerate(gains):
            if not (candidate.gap > 0 and math.isfinite(gain / candidate.gap)):
                continue
            own = self._halves.setdefault((target, candidate.split, half), _Mean())
            for mean in (own, self._layers.setdefault((target, *candidate.split[:2]), _Mean()), self._all):
                mean.take(max(gain, 0.0) / candidate.gap)

    def best(self, target: int, candidates: Sequence[Candidate], excess: float) -> Candidate:
        """The candidate with the greatest product of gains, the first of equal ones.

        Args:
            target: whose bound is to be lowered.
            candidates: of the part, at least one; the greatest gap first.
            excess: of the bound over the limit; a half has no use for more gain than this.
        """
        if len(candidates) == 1 or not 0 < excess < math.inf:
            return candidates[0]

        def score(candidate: Candidate) -> float:
            gains = (candidate.gap * self._expected(target, candidate.split, half) for half in (0, 1))
            return math.prod(min(max(gain / excess, LEAST), 1.0) for gain in gains)

        return max(candidates, key=score)

    def _expected(self, target: int, split: Split, half: int) -> float:
        """The gain for each unit of the gap: of the same half before, or of its layer, or of all."""
        own, layer = self._halves.get((target, split, half)), self._layers.get((target, *split[:2]))
        mean = own or layer or self._all
        return mean.total / mean.count if mean.count else 1.0
