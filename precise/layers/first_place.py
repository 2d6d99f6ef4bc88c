"""Where a weight that nothing has shown would act first: the place where the least weight would turn its neuron on.

A row lacks the weight of a feature that was on nowhere on its surface. Where the feature is on, a weight turns the
row's neuron on if it is more than -z / h, z the row without it and h the feature's value. The least of this ratio over
a box is found by a mixed-integer program, again and again with the ratio of the point before as the weight [D67].
Whether the weight acts anywhere in the box is then seen at one point.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np

from precise.regions.float_layers import FloatLayers
from precise.regions.hyperplane import Vector
from precise.regions.local_map import Known
from precise.regions.program import CLOSE, LayerProgram
from precise.signatures.reach import Where

LARGEST = 2.0**10  # times a row's usual weight, none is taken to be larger
MOST = 12  # ratios, each less than the one before


def first_places(
    known: Known, layer: int, number: int, feature: int, lacking: Mapping[Where, Set[int]], size: float
) -> Vector:
    """Points at which ever smaller weights would turn a neuron on; nothing is asked.

    Args:
        known: all layers below the neuron's, whose signs are known, and its own.
        layer, number: the neuron, from 0; its layer is not the first.
        feature: whose weight is lacking.
        lacking: of every neuron the features whose weights it lacks, this one's too.
        size: of the inputs, |x| <= size, in input units.

    Returns:
        Shape (points, inputs), the last one that where the least weight would do, as far as it was found; none where
        the feature is nowhere on.
    """
    absent = lacking[layer, number]
    row = known.layers[layer][number].without(sorted(absent))
    below = [
        [other.without(sorted(lacking.get((at, n), ()))) for n, other in enumerate(rows)]
        for at, rows in enumerate(known.layers[:layer])
    ]
    floats = FloatLayers(Known(known.inputs, [*below, [row]]))
    if not floats.one_sided:
        return np.empty((0, known.inputs))
    weights = np.abs(floats.maps()[-1][0])
    usual = float(np.median(weights[weights > 0])) if weights.any() else 1.0
    program, others = LayerProgram(floats, size), sorted(absent - {feature})
    points: list[Vector] = []
    least = usual * LARGEST
    for _ in range(MOST):
        point = program.highest(feature, least, others)
        if point is None:
            break
        features, values = floats.topmost(point[None], 2)
        value, on = float(values[0, 0]), float(features[0, feature])
        before = least
        if on <= 0.0 or (least := -value / on) >= before:
            break
        points.append(point)
        if least >= before - CLOSE * abs(before) or least <= -usual * LARGEST:
            break
    return np.array(points).reshape(-1, known.inputs)
