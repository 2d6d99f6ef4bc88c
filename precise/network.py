"""An immutable ReLU network with exact rational weights."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import mpmath
import numpy as np
from flint import fmpq, fmpz, fmpz_mat

from precise.arithmetic import (
    Batch,
    RationalLike,
    SliceBatch,
    common_denominator,
    rational,
    round_to_bits,
    to_float,
    to_mpf,
    to_text,
)
from precise.errors import InputError

Row = tuple[fmpq, ...]

SLICES = 64  # of the inputs, whose weights a layer keeps at hand


@dataclass(frozen=True)
class Layer:
    """One affine map: neuron i computes weights[i] . input + biases[i]."""

    weights: tuple[Row, ...]  # shape (neurons, inputs)
    biases: Row  # shape (neurons,)

    @property
    def neurons(self) -> int:
        """The number of neurons (rows)."""
        return len(self.weights)

    @property
    def inputs(self) -> int:
        """The number of inputs of every neuron."""
        return len(self.weights[0])

    @cached_property
    def integers(self) -> tuple[fmpz_mat, fmpz_mat, fmpz]:
        """(weights transposed, biases as a row, denominator): the map over one common denominator."""
        denominator = common_denominator([v for row in self.weights for v in row] + list(self.biases))
        columns = [row[j].p * (denominator // row[j].q) for j in range(self.inputs) for row in self.weights]
        offsets = [b.p * (denominator // b.q) for b in self.biases]
        return (
            fmpz_mat(self.inputs, self.neurons, columns),
            fmpz_mat(1, self.neurons, offsets),
            denominator,
        )

    def _rows(self, columns: tuple[int, ...]) -> fmpz_mat:
        """The transposed weights of some inputs; those of the last slices are kept."""
        if columns not in self._slices:
            if len(self._slices) >= SLICES:
                self._slices.clear()
            self._slices[columns] = fmpz_mat([self._table[c] for c in columns])
        return self._slices[columns]

    @cached_property
    def _table(self) -> list[list[fmpz]]:
        table: list[list[fmpz]] = self.integers[0].tolist()
        return table

    @cached_property
    def _slices(self) -> dict[tuple[int, ...], fmpz_mat]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {"weights": self.weights, "biases": self.biases}  # FLINT's matrices do not pickle

    def apply(self, batch: Batch) -> Batch:
        """The preactivations of every point of a batch, exactly: shape (points, neurons).

        Raises:
            InputError: the points have another width than the layer's inputs.
        """
        if batch.width != self.inputs:
            raise InputError(f"expected points of {self.inputs} coordinates, not {batch.width}")
        weights, offsets, denominator = self.integers
        ones = fmpz_mat(batch.size, 1, [1] * batch.size)
        if isinstance(batch, SliceBatch):
            product = batch.inside * self._rows(batch.columns)
        else:
            product = batch.numerators * weights
        shifted = product + ones * (offsets * batch.denominator)
        return Batch(shifted, batch.denominator * denominator)


def relu(batch: Batch) -> Batch:
    """max(0, .) of every entry."""
    zero = fmpz(0)
    entries = [value if value > 0 else zero for value in batch.numerators.entries()]
    return Batch(fmpz_mat(batch.size, batch.width, entries), batch.denominator)


@dataclass(frozen=True)
class Network:
    """A fully connected network: ReLU after every layer but the last, whose outputs are raw.

    Equality compares parameters exactly; for equality as a function see `verify`.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("expected a network with at least one layer, not none")
        for number, layer in enumerate(self.layers, 1):
            if not layer.weights or not layer.weights[0]:
                raise InputError(f"layer {number}: expected at least one neuron and one input")
            if any(len(row) != layer.inputs for row in layer.weights):
                raise InputError(f"layer {number}: expected rows of one length")
            if len(layer.biases) != layer.neurons:
                raise InputError(f"layer {number}: expected {layer.neurons} biases, not {len(layer.biases)}")
        for number in range(1, len(self.layers)):
            given, expected = self.layers[number].inputs, self.layers[number - 1].neurons
            if given != expected:
                raise InputError(
                    f"layer {number + 1}: expected {expected} inputs (the neurons of layer {number}), not {given}"
                )

    @classmethod
    def from_rows(cls, layers: Sequence[tuple[Sequence[Sequence[RationalLike]], Sequence[RationalLike]]]) -> Network:
        """A network from (rows of weights, biases) pairs; each row holds one neuron's weights.

        Raises:
            InputError: shapes do not fit or a value is not a finite number.
        """
        return cls(
            tuple(
                Layer(
                    tuple(tuple(rational(v) for v in row) for row in weights),
                    tuple(rational(b) for b in biases),
                )
                for weights, biases in layers
            )
        )

    @classmethod
    def from_arrays(cls, arrays: Sequence[tuple[np.ndarray, np.ndarray]]) -> Network:
        """A network from (W, b) pairs, W of shape (inputs, outputs) as frameworks store it, exactly.

        Raises:
            InputError: shapes do not fit or a value is not a finite number.
        """
        pairs = [(np.asarray(weights), np.asarray(biases)) for weights, biases in arrays]
        for number, (weights, biases) in enumerate(pairs, 1):
            if (weights.ndim, biases.ndim) != (2, 1):
                raise InputError(
                    f"layer {number}: expected weights of two dimensions and biases of one, "
                    f"not {weights.ndim} and {biases.ndim}"
                )
        return cls.from_rows([(weights.T.tolist(), biases.tolist()) for weights, biases in pairs])

    @property
    def widths(self) -> tuple[int, ...]:
        """(inputs, neurons of each hidden layer ..., outputs)."""
        return (self.layers[0].inputs, *(layer.neurons for layer in self.layers))

    @property
    def parameter_count(self) -> int:
        """Weights and biases together."""
        return sum(layer.neurons * (layer.inputs + 1) for layer in self.layers)

    @property
    def input_width(self) -> int:
        """The number of inputs."""
        return self.widths[0]

    @property
    def output_width(self) -> int:
        """The number of outputs."""
        return self.widths[-1]

    def evaluate(self, batch: Batch) -> Batch:
        """The exact outputs of a batch of points."""
        values = self.layers[0].apply(batch)
        for layer in self.layers[1:]:
            values = layer.apply(relu(values))
        return values

    def __call__(self, point: Sequence[RationalLike]) -> list[fmpq]:
        """The exact outputs at one point."""
        return self.evaluate(self._batch(point)).rows()[0]

    def evaluate_rounded(self, point: Sequence[RationalLike], bits: int) -> list[fmpq]:
        """The outputs at one point, each correctly rounded to `bits` bits."""
        return [round_to_bits(value, bits) for value in self(point)]

    def preactivations(self, point: Sequence[RationalLike]) -> list[list[fmpq]]:
        """The exact preactivations of every layer at one point, the outputs last."""
        values = self.layers[0].apply(self._batch(point))
        found = [values]
        for layer in self.layers[1:]:
            values = layer.apply(relu(values))
            found.append(values)
        return [entry.rows()[0] for entry in found]

    def activation_pattern(self, point: Sequence[RationalLike]) -> list[list[int]]:
        """The sign (-1, 0, +1) of every hidden neuron's preactivation at one point."""
        return [[(v > 0) - (v < 0) for v in values] for values in self.preactivations(point)[:-1]]

    def to_numpy(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(W, b) pairs in float64, W of shape (inputs, outputs), every value correctly rounded."""
        return [
            (
                np.array([[to_float(v) for v in row] for row in layer.weights]).T,
                np.array([to_float(b) for b in layer.biases]),
            )
            for layer in self.layers
        ]

    def to_mpmath(self, bits: int) -> list[tuple[mpmath.matrix, mpmath.matrix]]:
        """(weights, biases) pairs as mpmath matrices (weights: neurons x inputs), rounded to `bits` bits."""
        return [
            (
                mpmath.matrix([[to_mpf(v, bits) for v in row] for row in layer.weights]),
                mpmath.matrix([to_mpf(b, bits) for b in layer.biases]),
            )
            for layer in self.layers
        ]

    @cached_property
    def sha256(self) -> str:
        """The hash of the exact parameters in order (hex), a name for this network in reports."""
        digest = sha256()
        for layer in self.layers:
            for row, bias in zip(layer.weights, layer.biases, strict=True):
                digest.update((" ".join(map(to_text, (*row, bias))) + "\n").encode())
            digest.update(b"\n")
        return digest.hexdigest()

    def __repr__(self) -> str:
        shape = "-".join(map(str, self.widths))
        return f"Network({shape}, {self.parameter_count} parameters, {self.sha256[:12]})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{number}</td><td>{layer.inputs}</td><td>{layer.neurons}</td>"
            f"<td>{'ReLU' if number < len(self.layers) else 'none'}</td>"
            f"<td>{layer.neurons * (layer.inputs + 1)}</td></tr>"
            for number, layer in enumerate(self.layers, 1)
        )
        return (
            f"<table><caption>{html.escape(repr(self))}</caption><thead><tr><th>layer</th><th>inputs</th>"
            f"<th>neurons</th><th>activation</th><th>parameters</th></tr></thead><tbody>{rows}</tbody></table>"
        )

    def _batch(self, point: Sequence[RationalLike]) -> Batch:
        if len(point) != self.input_width:
            raise InputError(f"expected a point of {self.input_width} coordinates, not {len(point)}")
        return Batch.from_rows([point])
