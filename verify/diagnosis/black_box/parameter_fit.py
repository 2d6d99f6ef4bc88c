"""Some parameters of a network fitted to answers: least squares with damping, then exact residuals for more digits.

The outputs are affine in a row's entries as long as no neuron changes state, so a few Levenberg-Marquardt steps [NW06]
end at the solution. From there on residuals are computed in exact arithmetic, and every further step with the same
float64 inverse gains tens of bits, as far as the oracle's error allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from precise.arithmetic import rational, to_float
from precise.matching.rationals import simplest
from precise.network import Layer, Network
from verify.diagnosis.black_box.answers import Answers, Floats, Questions

Parameter = tuple[int, int, int]  # layer, neuron (both from 1), entry: 0 the bias, i the weight of input i
STEPS = 25
DIGIT_STEPS = 12
SPREAD = 4.0  # of the least-squares error by which an entry must have moved to count as another one
EXACT_BITS = 240  # to which the entries are followed where the oracle is exact


@dataclass(frozen=True)
class Fit:
    """Fitted values and how well they explain the answers."""

    parameters: tuple[Parameter, ...]
    values: Floats
    residual: float  # root mean square
    radius: Floats  # how far a value may be off, to first order, by the answers' errors and float64
    determined: bool  # do the answers depend on the parameters in independent ways?


class FloatNetwork:
    """A network in float64 with derivatives."""

    def __init__(self, network: Network) -> None:
        self.arrays = network.to_numpy()

    def with_values(self, parameters: Sequence[Parameter], values: Floats) -> FloatNetwork:
        """Some entries replaced."""
        other = FloatNetwork.__new__(FloatNetwork)
        other.arrays = [(w.copy(), b.copy()) for w, b in self.arrays]
        for (k, i, j), value in zip(parameters, values, strict=True):
            weights, biases = other.arrays[k - 1]
            if j:
                weights[j - 1, i - 1] = value
            else:
                biases[i - 1] = value
        return other

    def values(self, parameters: Sequence[Parameter]) -> Floats:
        """Some entries."""
        return np.array(
            [self.arrays[k - 1][0][j - 1, i - 1] if j else self.arrays[k - 1][1][i - 1] for k, i, j in parameters]
        )

    def held(self, points: Floats) -> list[Floats]:
        """The inputs of every layer, and the outputs last."""
        found = [points]
        for number, (weights, biases) in enumerate(self.arrays, 1):
            values = found[-1] @ weights + biases
            found.append(np.maximum(values, 0) if number < len(self.arrays) else values)
        return found

    def jacobian(self, held: list[Floats], parameters: Sequence[Parameter]) -> Floats:
        """Derivatives of all outputs, shape (points x outputs, parameters), outputs fastest."""
        count, outputs = held[-1].shape
        influence = np.broadcast_to(np.eye(outputs), (count, outputs, outputs))  # of a layer's preactivations
        found = np.zeros((count, outputs, len(parameters)))
        for k in range(len(self.arrays), 0, -1):
            here = [n for n, p in enumerate(parameters) if p[0] == k]
            if here:
                inputs = np.hstack([np.ones((count, 1)), held[k - 1]])
                neurons, entries = [parameters[n][1] - 1 for n in here], [parameters[n][2] for n in here]
                found[:, :, here] = influence[:, :, neurons] * inputs[:, None, entries]
            if not any(p[0] < k for p in parameters):
                break
            influence = (influence @ self.arrays[k - 1][0].T) * (held[k - 1] > 0)[:, None, :]
        return found.reshape(count * outputs, len(parameters))


def fit(network: FloatNetwork, parameters: Sequence[Parameter], points: Floats, answers: Answers) -> Fit:
    """Fit some entries, the others being as they are; points in input units, shape (points, inputs)."""
    values, damping = network.values(parameters), 1e-8
    now = network
    held = now.held(points)
    left = (answers.values - held[-1]).reshape(-1)
    jacobian = now.jacobian(held, parameters)
    for _ in range(STEPS):
        scale = np.sqrt((jacobian**2).mean(axis=0)) + 1e-300
        normal = (jacobian / scale).T @ (jacobian / scale)
        step = np.linalg.lstsq(
            normal + damping * np.eye(len(values)) * np.trace(normal) / len(values),
            (jacobian / scale).T @ left,
            rcond=None,
        )[0]
        tried = values + step / scale
        other = network.with_values(parameters, tried)
        with np.errstate(over="ignore", invalid="ignore"):  # of a step that is then refused
            held = other.held(points)
            after = (answers.values - held[-1]).reshape(-1)
            gain = 1 - float(after @ after) / max(float(left @ left), 1e-300)
        if gain > 0:
            values, now, left, damping = tried, other, after, max(damping / 10, 1e-14)
            jacobian = now.jacobian(held, parameters)
        else:
            damping = max(damping, 1e-10) * 10
        if damping > 1e6 or 0 <= gain < 1e-6:
            break
    noise = answers.errors.reshape(-1) + 2.0**-48 * np.abs(answers.values).max(initial=0.0)
    radius = np.abs(np.linalg.pinv(jacobian)) @ noise
    scale = np.sqrt((jacobian**2).mean(axis=0)) + 1e-300
    rank = int(np.linalg.matrix_rank(jacobian / scale))
    return Fit(tuple(parameters), values, float(np.sqrt(np.mean(left**2))), radius, rank == len(values))


def settled(network: Network, found: Fit, questions: Questions, answers: Answers) -> Network:
    """The network with the fitted entries as rationals; what did not move beyond its error stays as it was.

    More digits come from exact residuals; then the simplest rational within what the error allows is taken.
    """
    start = FloatNetwork(network).values(found.parameters)
    moved = np.abs(found.values - start) > SPREAD * found.radius
    parameters = [p for p, m in zip(found.parameters, moved, strict=True) if m]
    if not parameters:
        return network
    begun = FloatNetwork(network).with_values(parameters, found.values[moved])
    again = fit(begun, parameters, questions.to_floats(answers.points), answers)
    values = [rational(float(v)) for v in again.values]
    floats = FloatNetwork(network).with_values(parameters, again.values)
    jacobian = floats.jacobian(floats.held(questions.to_floats(answers.points)), parameters)
    inverse = np.linalg.pinv(jacobian)
    size = np.abs(inverse)
    batch = questions.batch(answers.points)
    radius = fmpq(0)
    for _ in range(DIGIT_STEPS):
        predicted = with_entries(network, parameters, values).evaluate(batch).rows()
        left = [a - b for mine, theirs in zip(predicted, answers.exact, strict=True) for a, b in zip(theirs, mine)]
        largest = max((abs(v) for v in left), default=fmpq(0))
        bits = int(largest.q).bit_length() - int(abs(largest.p)).bit_length() if largest else 4096
        shift = fmpq(2) ** bits
        step = inverse @ np.array([to_float(v * shift) for v in left])
        values = [v + rational(float(s)) / shift for v, s in zip(values, step, strict=True)]
        bound = max((r for row in answers.radii for r in row), default=fmpq(0))
        radius = (bound + fmpq(1, 1 << EXACT_BITS)) * rational(float(size.sum(axis=1).max()))
        if largest <= 2 * bound or bits > EXACT_BITS:
            break
    chosen = [simple_within(v, radius) for v in values]
    return with_entries(network, parameters, chosen)


def simple_within(value: fmpq, radius: fmpq) -> fmpq:
    """The simplest rational at most `radius` from a value; a float's short mantissa is preferred."""
    if abs(value) <= radius:
        return fmpq(0)
    if not radius:
        return value
    ratio = 1 / radius
    bits = max(0, int(ratio.p).bit_length() - int(ratio.q).bit_length())
    for shift in range(max(0, bits + 1)):
        grid = fmpq(2) ** shift
        near = fmpq((value * grid + fmpq(1, 2)).floor()) / grid
        if near and abs(near - value) <= radius:
            dyadic: fmpq = near
            break
    else:
        dyadic = value
    plain = simplest(value - radius, value + radius)
    return plain if int(plain.q).bit_length() * 2 < int(dyadic.q).bit_length() else dyadic


def with_entries(network: Network, parameters: Sequence[Parameter], values: Sequence[fmpq]) -> Network:
    """The network with some entries replaced, exactly."""
    new = dict(zip(parameters, values, strict=True))
    layers = []
    for k, layer in enumerate(network.layers, 1):
        rows = tuple(
            tuple(new.get((k, i, j), w) for j, w in enumerate(row, 1)) for i, row in enumerate(layer.weights, 1)
        )
        layers.append(Layer(rows, tuple(new.get((k, i, 0), b) for i, b in enumerate(layer.biases, 1))))
    return Network(tuple(layers))
