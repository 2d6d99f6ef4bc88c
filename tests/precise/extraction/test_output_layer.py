"""The points whose local maps give the output layer."""

from __future__ import annotations

import pytest

from precise.layers.output_layer import both_sides
from precise.regions.local_map import Known, Row
from precise.regions.probe import FRACTION_BITS


@pytest.mark.parametrize("offset", [0, 1, -1])
def test_points_lie_on_either_side_of_a_sharp_corner(offset: int) -> None:
    below = [Row((1, 0), (0, 0), 0), Row((-1, 0), (0, 0), 0), Row((0, 1), (0, 0), 100)]
    bent = Row((5, 5, 1), (0, 0, 0), -100)  # y + 5 |x|
    known = Known(2, [below, [bent]])
    unit = 1 << (FRACTION_BITS - 60)
    points = both_sides(known, 0, [offset * unit, -5 * abs(offset) * unit])
    assert [pattern[-1] for pattern in known.patterns(points)] == [(True,), (False,)]
