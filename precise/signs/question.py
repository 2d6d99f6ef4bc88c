"""What every published way to recover signs is asked, and what it answers: one interface, one file a method.

The question is a layer whose rows are known up to their signs, above layers that are known with them. A sign +1 says
that the row as it is written is positive on the neuron's active side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from precise.rounding.known import KnownLayers
from precise.rounding.regions import Region
from precise.rounding.view import View


@dataclass(frozen=True)
class SignQuestion:
    """What a method may use."""

    view: View  # more may be asked
    known: KnownLayers  # the last layer's signs are open
    regions: Sequence[Region]  # measured already
    random: Random
    last: bool  # is the layer the last hidden one?


@dataclass(frozen=True)
class SignDecision:
    """One neuron's sign."""

    sign: int  # +1, -1; 0: cannot be told at this precision
    certain: bool  # follows from proved bounds, given the rows and the layers below
    confidence: float  # in [0, 1], in the method's own measure; 1 for certain ones
    points: int  # places that spoke for or against


UNDECIDED = SignDecision(0, False, 0.0, 0)
SignMethod = Callable[[SignQuestion], list[SignDecision]]
