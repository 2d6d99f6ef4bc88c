"""What every foreign format is read into: affine maps and ReLUs in order, which then become a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import fmpq

from precise.arithmetic import rational
from precise.errors import InputError
from precise.formats.limits import MAX_PARAMETERS
from precise.network import Layer, Network, Row

ONE = fmpq(1)
RAW_OUTPUTS = "the raw outputs (logits) are needed, so save the model without it"


@dataclass(frozen=True)
class Affine:
    """One affine map as a file stores it."""

    name: str  # the file's name for it
    weights: np.ndarray  # shape (inputs, outputs), float64
    biases: Row  # shape (outputs,)
    scale: fmpq = ONE  # every weight is to be multiplied by this

    def layer(self) -> Layer:
        """The same map with exact rows, one a neuron."""
        rows = [tuple(rational(value) for value in row) for row in self.weights.T.tolist()]
        if self.scale != 1:
            rows = [tuple(value * self.scale for value in row) for row in rows]
        return Layer(tuple(rows), self.biases)


@dataclass(frozen=True)
class Relu:
    """max(0, .) of every value."""

    name: str  # the file's name for it


Step = Affine | Relu


def affine(name: str, weights: np.ndarray, biases: np.ndarray | None) -> Affine:
    """An affine map from arrays; no biases stand for zeros.

    Raises:
        InputError: the weights are not a matrix (inputs, outputs) or the biases not one vector (outputs,).
    """
    if weights.ndim != 2 or 0 in weights.shape:
        raise InputError(f"{name}: expected a matrix of weights, not shape {weights.shape}")
    if biases is None:
        return Affine(name, weights, (fmpq(0),) * weights.shape[1])
    if biases.shape != (weights.shape[1],):
        raise InputError(
            f"{name}: expected biases of shape {(weights.shape[1],)} for weights of shape "
            f"{weights.shape}, not {biases.shape}"
        )
    return Affine(name, weights, tuple(rational(value) for value in biases.tolist()))


def refuse_activation(name: str, activation: str, last: bool) -> InputError:
    """The error for an activation that is neither ReLU nor none."""
    if last and activation.lower() in ("softmax", "sigmoid", "logsoftmax", "log_softmax"):
        return InputError(f"{name}: expected no {activation} after the last layer: {RAW_OUTPUTS}")
    return InputError(f"{name}: expected the activation relu, not {activation[:60]}")


def alternate(layers: Sequence[Affine]) -> Network:
    """The network with a ReLU after every layer but the last, for formats that store no activations.

    Raises:
        InputError: there is no layer, or shapes do not fit.
    """
    steps: list[Step] = []
    for layer in layers:
        steps += [layer, Relu(layer.name)]
    return network_of(steps[:-1])


def network_of(steps: Sequence[Step]) -> Network:
    """The network that a sequence of steps computes.

    Raises:
        InputError: it is not affine maps with a ReLU between any two, or shapes do not fit.
    """
    layers: list[Affine] = []
    active = True  # whether a ReLU stands since the last affine map
    for step in steps:
        if isinstance(step, Relu):
            if not layers:
                raise InputError(f"{step.name}: expected a layer with weights before the first relu")
            active = True
            continue
        if not active:
            raise InputError(f"{layers[-1].name}: expected the activation relu before {step.name}, not none")
        _check_fit(layers, step)
        layers.append(step)
        active = False
    if not layers:
        raise InputError("expected at least one layer with weights, not none")
    if active:
        raise InputError(f"{layers[-1].name}: expected no relu after the last layer: {RAW_OUTPUTS}")
    return Network(tuple(layer.layer() for layer in layers))


def _check_fit(layers: Sequence[Affine], step: Affine) -> None:
    if layers and layers[-1].weights.shape[1] != step.weights.shape[0]:
        before, inputs = layers[-1].weights.shape[1], step.weights.shape[0]
        raise InputError(f"{step.name}: expected {before} inputs (the outputs of {layers[-1].name}), not {inputs}")
    if sum(layer.weights.size for layer in (*layers, step)) > MAX_PARAMETERS:
        raise InputError(f"{step.name}: expected at most {MAX_PARAMETERS:,} weights in all layers together")
