"""The output layer: affine in the last hidden layer, from values at the measured regions' centres.

Every centre gives one equation per output. All of them enter one weighted least-squares inverse, and the enclosure
satisfies all of them: a wrong row or sign below makes the equations inconsistent, which is proved and ends the layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from precise.rounding.balls import Vector, solve_consistent
from precise.rounding.known import KnownLayers
from precise.rounding.regions import Region
from precise.rounding.view import View

EQUATIONS = 6  # an unknown


def output_rows(view: View, known: KnownLayers, regions: Sequence[Region], outputs: int) -> list[Vector] | None:
    """(weights ..., bias) of every output; None if no such row fits all equations."""
    unknowns = len(known.layers[-1]) + 1
    stride = max(1, len(regions) // (EQUATIONS * unknowns))
    centres = [region.centre for region in regions[::stride]]
    matrix = [[*known.hidden(view.balls(centre)), arb(1)] for centre in centres]
    right = [[region.value] for region in regions[::stride]] if outputs == 1 else view.ask_outputs(centres)
    found = [solve_consistent(matrix, [row[o] for row in right]) for o in range(outputs)]
    rows = [row for row in found if row is not None]
    return rows if len(rows) == outputs else None
