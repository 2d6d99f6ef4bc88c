"""Equality decided by an SMT solver over the rationals: Z3 [DMB08], for small networks and for cross-checks.

The encoding follows the network neuron by neuron and shares nothing with the canonical form. A model is a
rational point, and counts as a witness only after exact replay.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import z3
from flint import fmpq

from precise.arithmetic import RationalLike, rational, to_text
from precise.network import Network, Row
from verify.errors import InputError

Box = Sequence[tuple[RationalLike, RationalLike]]


@dataclass(frozen=True)
class Answer:
    """What the solver found out about f(x) != g(x)."""

    differs: bool | None  # None: the solver gave up
    reason: str  # a clause for the user
    point: tuple[fmpq, ...] | None = None  # where they differ, replayed; present exactly if they do


def find_difference(first: Network, second: Network, box: Box | None = None, timeout: float = 60.0) -> Answer:
    """An input on which two networks differ, or the proof that there is none.

    Args:
        first: f.
        second: g, with the same inputs and outputs.
        box: (lower, upper) for every input; None means all of R^n.
        timeout: seconds after which the answer is "unknown".

    Raises:
        InputError: the networks differ in inputs or outputs, or the box has another number of inputs.
    """
    if (first.input_width, first.output_width) != (second.input_width, second.output_width):
        raise InputError("expected networks with the same number of inputs and of outputs")
    started = time.monotonic()
    inputs = [z3.Real(f"x{number}") for number in range(1, first.input_width + 1)]
    solver = z3.SolverFor("QF_LRA")
    solver.add(*_within(inputs, box))
    outputs = [encode(solver, network, inputs, name) for network, name in ((first, "f"), (second, "g"))]
    solver.add(z3.Or(*(a != b for a, b in zip(*outputs, strict=True))))
    left = timeout - (time.monotonic() - started)
    if left <= 0:
        return Answer(None, f"the SMT solver had no time left of {timeout:g} s")
    solver.set("timeout", max(1, int(1000 * left)))
    result = solver.check()
    if result == z3.unsat:
        return Answer(False, "the SMT solver proves that no input tells them apart")
    if result == z3.unknown:
        return Answer(None, f"the SMT solver gave up after {timeout:g} s ({solver.reason_unknown()})")
    return _replayed(first, second, [model_value(solver.model(), variable) for variable in inputs])


def encode(solver: z3.Solver, network: Network, inputs: Sequence[Any], name: str) -> list[Any]:
    """The network's outputs as terms over input terms; its neurons become variables of the solver."""
    values: list[Any] = list(inputs)
    for number, layer in enumerate(network.layers, 1):
        terms = [_affine(row, bias, values) for row, bias in zip(layer.weights, layer.biases, strict=True)]
        if number == len(network.layers):
            return terms
        values = []
        for neuron, term in enumerate(terms, 1):
            value = z3.Real(f"{name}_{number}_{neuron}")
            solver.add(value >= 0, value >= term, z3.Or(value <= 0, value <= term))
            values.append(value)
    raise AssertionError("a network has a last layer")


def model_value(model: z3.ModelRef, variable: Any) -> fmpq:
    """The exact rational that a model gives a real variable (0 if it does not matter)."""
    value = model.eval(variable, model_completion=True)
    return rational(value.as_string())


def _replayed(first: Network, second: Network, point: Sequence[fmpq]) -> Answer:
    if first(point) == second(point):
        return Answer(None, "the SMT solver's point does not tell them apart in exact arithmetic")
    return Answer(True, "the SMT solver found an input that tells them apart", tuple(point))


def _within(inputs: Sequence[Any], box: Box | None) -> list[Any]:
    if box is None:
        return []
    if len(box) != len(inputs):
        raise InputError(f"expected a box with {len(inputs)} pairs of bounds, not {len(box)}")
    bounds = [(_value(rational(low)), _value(rational(high))) for low, high in box]
    return [z3.And(low <= x, x <= high) for x, (low, high) in zip(inputs, bounds, strict=True)]


def _affine(row: Row, bias: fmpq, values: Sequence[Any]) -> Any:
    return z3.Sum(_value(bias), *(_value(w) * v for w, v in zip(row, values, strict=True) if w))


def _value(number: fmpq) -> Any:
    return z3.RealVal(to_text(number))
