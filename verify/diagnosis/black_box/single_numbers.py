"""One number that is far off: where least squares would not arrive by itself, every number is tried at many values.

The outputs are affine in a number as long as no neuron changes state, so between the values at which its neuron would
change state at some point there is nothing to miss. Their quantiles and as many values evenly between them are tried,
for every bias, and for every weight where there are not too many; from the best ones least squares goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from verify.diagnosis.black_box.answers import Answers, Floats
from verify.diagnosis.black_box.parameter_fit import FloatNetwork, Parameter

VALUES = 20  # quantiles of a number, and as many evenly
POINTS = 96  # looked at
MOST_NUMBERS = 2_000  # tried; the biases come first
BEST = 12  # that least squares starts from


def far_starts(network: FloatNetwork, points: Floats, answers: Answers) -> list[tuple[Parameter, float]]:
    """Numbers of hidden layers with values from which least squares may arrive, the best first.

    Args:
        network: in which one number may be wrong.
        points: in input units, shape (points, inputs).
        answers: at these points.
    """
    few = np.unique(np.linspace(0, len(points) - 1, POINTS).astype(int))
    points, wanted = points[few], answers.values[few]
    held = network.held(points)
    found: list[tuple[float, Parameter, float]] = []
    for number, parameter in enumerate(_numbers(network)):
        if number == MOST_NUMBERS:
            break
        values, errors = _tried(network, held, parameter, wanted)
        if len(values):
            best = int(np.argmin(errors))
            found.append((float(errors[best]), parameter, float(values[best])))
    found.sort(key=lambda one: one[0])
    return [(parameter, value) for _, parameter, value in found[:BEST]]


def _numbers(network: FloatNetwork) -> Iterator[Parameter]:
    """Biases, then weights, of the hidden layers."""
    hidden = list(enumerate(network.arrays[:-1], 1))
    yield from ((k, i, 0) for k, (weights, _) in hidden for i in range(1, weights.shape[1] + 1))
    for k, (weights, _) in hidden:
        yield from ((k, i, j) for i in range(1, weights.shape[1] + 1) for j in range(1, weights.shape[0] + 1))


def _tried(network: FloatNetwork, held: list[Floats], parameter: Parameter, wanted: Floats) -> tuple[Floats, Floats]:
    """Values of a number and the squared error with each."""
    k, i, j = parameter
    weights, biases = network.arrays[k - 1]
    below = held[k - 1]
    factor = below[:, j - 1] if j else np.ones(len(below))
    now = float(weights[j - 1, i - 1] if j else biases[i - 1])
    own = below @ weights[:, i - 1] + biases[i - 1]
    acting = factor != 0
    if not acting.any():
        return np.empty(0), np.empty(0)
    turns = now - own[acting] / factor[acting]  # with such a value the neuron would change state at a point
    quantiles = np.quantile(turns, (np.arange(VALUES) + 0.5) / VALUES)
    values = np.concatenate([quantiles, np.linspace(turns.min(), turns.max(), VALUES)])
    others = np.maximum(own + (values[:, None] - now) * factor, 0) - np.maximum(own, 0)
    change = others[:, :, None] * network.arrays[k][0][i - 1]
    after = held[k] @ network.arrays[k][0] + network.arrays[k][1] + change
    for above, offsets in network.arrays[k + 1 :]:
        after = np.maximum(after, 0) @ above + offsets
    return values, np.asarray(((after - wanted) ** 2).sum(axis=(1, 2)))
