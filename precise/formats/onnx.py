"""ONNX graphs of multilayer perceptrons: Gemm or MatMul and Add, Relu, and operators that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from flint import fmpq
from onnx import TensorProto, helper, numpy_helper

from precise.errors import InputError
from precise.formats.chain import ONE, Affine, Relu, Step, affine, network_of, refuse_activation
from precise.formats.onnx_tensors import attributes, floats, integers, is_one_value, scalar
from precise.formats.tensors import rounded_arrays
from precise.network import Network

OPSET, IR_VERSION = 17, 8  # of the files written: old enough for every current runtime
_MAX_NODES = 10_000


def read(data: bytes) -> Network:
    """The network in an ONNX file; alpha and beta of Gemm multiply exactly.

    Raises:
        InputError: an operator of another kind, a graph that is no chain, or weights in another file.
    """
    return network_of(_Chain(onnx.load_model_from_string(data).graph).steps)


def write(network: Network) -> tuple[bytes, int]:
    """(the bytes of an ONNX file in float64: Gemm and Relu, the number of values rounded).

    Raises:
        InputError: a value lies outside the range of float64.
    """
    arrays, rounded = rounded_arrays(network)
    nodes, stored, current = [], [], "input"
    for number, (weights, biases) in enumerate(arrays, 1):
        last = number == len(arrays)
        named = {f"W{number}": weights, f"b{number}": biases}
        stored += [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in named.items()]
        target = "output" if last else f"z{number}"
        nodes.append(helper.make_node("Gemm", [current, *named], [target], f"layer{number}"))
        if not last:
            current = f"h{number}"
            nodes.append(helper.make_node("Relu", [target], [current], f"relu{number}"))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["batch", width])
        for name, width in (("input", network.input_width), ("output", network.output_width))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="precise")
    model.ir_version = IR_VERSION
    return model.SerializeToString(deterministic=True), rounded


class _Chain:
    """The steps of a graph, node after node; `steps` is the result."""

    def __init__(self, graph: Any) -> None:
        if len(graph.node) > _MAX_NODES or graph.sparse_initializer:
            raise InputError(f"expected at most {_MAX_NODES:,} nodes and no sparse weights")
        self.steps: list[Step] = []
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise InputError(f"expected one input and one output, not {len(inputs)} and {len(graph.output)}")
        self._current = inputs[0].name  # the tensor that the chain has reached
        self._shape = _dimensions(inputs[0])  # of the input: -1 for a free length; None when not stated
        self._flat = self._shape is None or len(self._shape) <= 2
        self._last = graph.output[0].name
        for node in graph.node:
            self._visit(node)
        if self._current != self._last:
            raise InputError(f"output {self._last[:60]!r}: expected the end of the chain of operators")
        self._check_width()

    def _visit(self, node: Any) -> None:
        name = f"node {node.name or (node.output[0] if node.output else '?')!r:.80}"
        if node.domain not in ("", "ai.onnx"):
            raise InputError(f"{name}: expected a standard operator, not {node.domain[:40]}.{node.op_type[:40]}")
        if node.op_type == "Constant":
            self._constants[_output(node, name)] = self._constant(node, name)
            return
        if node.op_type == "Identity" and len(node.input) == 1 and node.input[0] in self._constants:
            self._constants[_output(node, name)] = self._constants[node.input[0]]
            return
        if not node.input or node.input[0] != self._current:
            raise InputError(f"{name}: expected {self._current[:60]!r} as its first input: a chain of operators")
        self._apply(node, name)
        self._current = _output(node, name)

    def _apply(self, node: Any, name: str) -> None:
        kind = node.op_type
        if kind == "Gemm":
            self._gemm(node, name)
        elif kind == "MatMul":
            self._affine(name, self._floats(node, 1, name), None)
        elif kind == "Add":
            self._add(node, name)
        elif kind == "Relu":
            self.steps.append(Relu(name))
        elif kind in ("Flatten", "Reshape"):
            self._flatten(node, name)
        elif kind == "Dropout":
            self._dropout(node, name)
        elif kind in ("Softmax", "LogSoftmax", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Clip", "Gelu"):
            raise refuse_activation(name, kind, _output(node, name) == self._last)
        elif kind != "Identity":
            raise InputError(f"{name}: expected Gemm, MatMul, Add, Relu, Flatten or Identity, not {kind[:40]}")

    def _gemm(self, node: Any, name: str) -> None:
        given = attributes(node, {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}, name)
        if given["transA"]:
            raise InputError(f"{name}: expected transA 0, as the rows of the input are samples")
        weights = self._floats(node, 1, name)
        weights = weights.T if given["transB"] else weights
        biases = self._floats(node, 2, name) if len(node.input) > 2 and node.input[2] else None
        alpha, beta = scalar(given["alpha"], f"{name}, alpha"), scalar(given["beta"], f"{name}, beta")
        self._affine(name, weights, biases, alpha, beta)

    def _affine(
        self,
        name: str,
        weights: np.ndarray,
        biases: np.ndarray | None,
        alpha: fmpq = ONE,
        beta: fmpq = ONE,
    ) -> None:
        if not self._flat:
            raise InputError(f"{name}: expected Flatten before the first layer, as the input has several axes")
        row = None if biases is None or weights.ndim != 2 else _row(biases, weights.shape[1], name)
        plain = affine(name, weights, row)
        scaled = tuple(bias * beta for bias in plain.biases)
        self.steps.append(Affine(name, weights, scaled, alpha))

    def _add(self, node: Any, name: str) -> None:
        if not self.steps or not isinstance(self.steps[-1], Affine):
            raise InputError(f"{name}: expected Add right after MatMul or Gemm")
        before = self.steps[-1]
        added = affine(name, before.weights, _row(self._floats(node, 1, name), len(before.biases), name)).biases
        sums = tuple(first + second for first, second in zip(before.biases, added))
        self.steps[-1] = Affine(before.name, before.weights, sums, before.scale)

    def _flatten(self, node: Any, name: str) -> None:
        if node.op_type == "Flatten":
            if attributes(node, {"axis": 1}, name)["axis"] != 1:
                raise InputError(f"{name}: expected Flatten with axis 1, one row a sample")
        else:
            attributes(node, {"allowzero": 0}, name)
            shape = integers(self._tensor(node, 1, name), name)
            # one row a sample: (free or 1 or kept, any width)
            if len(shape) != 2 or shape[0] not in (-1, 0, 1) or self.steps:
                raise InputError(f"{name}: expected Reshape to one row a sample before the first layer")
        self._flat = True

    def _dropout(self, node: Any, name: str) -> None:
        training = len(node.input) > 2 and node.input[2]
        if training and not is_one_value(self._tensor(node, 2, name), 0):
            raise InputError(f"{name}: expected Dropout out of training mode")

    def _check_width(self) -> None:
        first = next((step for step in self.steps if isinstance(step, Affine)), None)
        lengths = (self._shape or [])[1:]
        if first is None or not lengths or min(lengths) < 0:
            return
        width = int(np.prod(lengths, dtype=object))
        if width != first.weights.shape[0]:
            raise InputError(f"{first.name}: expected {width} inputs (the model's), not {first.weights.shape[0]}")

    def _floats(self, node: Any, position: int, name: str) -> np.ndarray:
        return floats(self._tensor(node, position, name), name)

    def _tensor(self, node: Any, position: int, name: str) -> Any:
        wanted = node.input[position] if position < len(node.input) else ""
        if wanted not in self._constants:
            raise InputError(f"{name}: expected stored weights as input {position + 1}, not {wanted[:60]!r}")
        return self._constants[wanted]

    def _constant(self, node: Any, name: str) -> Any:
        if len(node.attribute) != 1 or node.attribute[0].name != "value":
            raise InputError(f"{name}: expected Constant with the attribute value")
        return node.attribute[0].t


def _output(node: Any, name: str) -> str:
    if not node.output or not node.output[0]:
        raise InputError(f"{name}: expected an output")
    return str(node.output[0])


def _dimensions(value: Any) -> list[int] | None:
    if not value.type.tensor_type.HasField("shape"):
        return None
    dimensions: Sequence[Any] = value.type.tensor_type.shape.dim
    return [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else -1 for d in dimensions]


def _row(biases: np.ndarray, width: int, name: str) -> np.ndarray:
    """Biases of shape (), (1,), (width,) or (1, width) as one row, as ONNX broadcasts them."""
    if biases.ndim > 2 or (biases.ndim == 2 and biases.shape[0] != 1) or biases.size not in (1, width):
        raise InputError(f"{name}: expected one row of {width} biases, not shape {biases.shape}")
    return np.broadcast_to(biases.reshape(-1), (width,))
