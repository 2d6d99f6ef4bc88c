"""The error of a float evaluation, bounded neuron by neuron for a network that is known in balls.

The promise of a hardware oracle bounds the error by norms, for every network with these norms. Once the rows are
enclosed, the same dot products can be bounded with their own terms: if the inputs of neuron i are h_j with errors e_j,

    e'_i = sum_j |w_ij| e_j + g (sum_j |w_ij| (|h_j| + e_j) + |b_i|),    g = gamma_(n+1) + v (1 + gamma_(n+1)),

n terms other than 0, v the unit roundoff of a narrower format that results are rounded to, 0 if there is none [Hig02,
section 3.1]. An input is 0 in the evaluation as well, and no term, where its neuron is inactive by more than its error.

The recovered network differs from the evaluated one by positive factors of the neurons: h_j and e_j carry a factor d_j,
w_ij the factor d_i / d_j, so that every product above, and the bound of the output, is the same for both. Only what
underflow costs is not; it has its own, tiny bound in the promise.
"""

from __future__ import annotations

import numpy as np

from precise.oracles.formats import Format
from precise.rounding.balls import Floats
from precise.rounding.intervals import SLACK, Interval, IntervalNetwork, Pass


def evaluation_error(kind: Format, network: IntervalNetwork, points: Floats, found: Pass) -> Floats:
    """|computed - exact output| without underflow, shape (points, outputs).

    Args:
        kind: the format of the evaluation.
        points: floats of the format, shape (points, inputs).
        found: the network's intervals there.
    """
    unit = 2.0**-kind.accumulator_bits
    narrow = 2.0**-kind.bits if kind.bits < kind.accumulator_bits else 0.0
    size, error = np.abs(points), np.zeros_like(points)
    for number, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
        if number:
            size, error = _activated(found.hidden[number - 1], error)
        terms = np.count_nonzero(size + error, axis=1)[:, None] + 1.0
        gamma = terms * unit / (1 - terms * unit)
        growth = (gamma + narrow * (1 + gamma)) * (1 + SLACK)
        passed_on = error @ weights.size
        error = (passed_on + growth * (size @ weights.size + passed_on + biases.size)) * (1 + SLACK)
    return np.asarray(error)


def _activated(exact: Interval, error: Floats) -> tuple[Floats, Floats]:
    """The size and the error of the neurons' outputs: none where both evaluations are surely 0."""
    active = exact.mid + (exact.rad + error) * (1 + SLACK) > 0
    return np.maximum(exact.mid + exact.rad, 0) * (1 + SLACK) * active, error * active
