"""Numbers in ONNX files: tensors and attributes, with sizes checked and weights in other files refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import fmpq
from onnx import AttributeProto, TensorProto

from precise.arithmetic import rational
from precise.errors import InputError
from precise.formats.limits import parameter_count
from precise.formats.tensors import decode, finite

_KINDS = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
}
_TYPED = {
    "float32": "float_data",
    "float64": "double_data",
    "float16": "int32_data",
    "bfloat16": "int32_data",
}


def floats(tensor: Any, field: str) -> np.ndarray:
    """A stored tensor of floats as float64 (exact).

    Raises:
        InputError: it holds something else, lies in another file, or its size does not fit its shape.
    """
    name = f"{field}, {tensor.name[:60]!r}"
    _inline(tensor, name)
    kind = _KINDS.get(tensor.data_type)
    if kind is None:
        raise InputError(f"{name}: expected floating-point weights, not ONNX type {tensor.data_type}")
    shape = tuple(tensor.dims)
    if tensor.HasField("raw_data"):
        return decode(tensor.raw_data, kind, shape, name)
    values = getattr(tensor, _TYPED[kind])
    if len(values) != parameter_count(shape, name):
        raise InputError(f"{name}: expected {parameter_count(shape, name)} values, not {len(values)}")
    if kind in ("float32", "float64"):
        return finite(np.array(values, dtype=kind).reshape(shape), name)
    # two-byte floats are stored as the integers that their bits spell
    bits = np.array(values, dtype=np.int64)
    if bits.size and not (bits.min() >= 0 and bits.max() < 2**16):
        raise InputError(f"{name}: expected values of 16 bits")
    return decode(bits.astype("<u2").tobytes(), kind, shape, name)


def integers(tensor: Any, field: str) -> list[int]:
    """A stored vector of 64-bit integers.

    Raises:
        InputError: it holds something else.
    """
    _inline(tensor, field)
    count = parameter_count(tuple(tensor.dims), field)
    raw = tensor.HasField("raw_data")
    found = np.frombuffer(tensor.raw_data, "<i8").tolist() if raw else list(tensor.int64_data)
    if tensor.data_type != TensorProto.INT64 or len(found) != count:
        raise InputError(f"{field}: expected 64-bit integers")
    return found


def is_one_value(tensor: Any, value: int) -> bool:
    """Whether a truth value (a tensor of one entry) is `value`."""
    _inline(tensor, "a truth value")
    stored = tensor.raw_data if tensor.HasField("raw_data") else bytes(v & 0xFF for v in tensor.int32_data)
    return tensor.data_type == TensorProto.BOOL and stored == bytes([value])


def attributes(node: Any, defaults: dict[str, float | int], field: str) -> dict[str, float | int]:
    """The attributes of a node, each of the type of its default.

    Raises:
        InputError: an attribute of another name or type.
    """
    found = dict(defaults)
    for attribute in node.attribute:
        default = defaults.get(attribute.name)
        kind = AttributeProto.FLOAT if isinstance(default, float) else AttributeProto.INT
        if default is None or attribute.type != kind or attribute.ref_attr_name:
            raise InputError(f"{field}: expected no attribute {attribute.name[:40]!r} of that type")
        found[attribute.name] = attribute.f if kind == AttributeProto.FLOAT else attribute.i
    return found


def scalar(value: float, field: str) -> fmpq:
    """A finite float attribute, exactly.

    Raises:
        InputError: it is not finite.
    """
    if not np.isfinite(value):
        raise InputError(f"{field}: expected a finite number, not {value}")
    return rational(value)


def _inline(tensor: Any, field: str) -> None:
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
        raise InputError(f"{field}: expected weights inside this file, not in another one")
    if tensor.HasField("segment"):
        raise InputError(f"{field}: expected weights in one piece")
