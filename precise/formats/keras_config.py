"""The architecture that Keras writes as JSON: a chain of Dense, ReLU and layers without effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from precise.errors import InputError
from precise.formats.chain import refuse_activation

_NOTHING = ("Dropout", "InputLayer", "Flatten")


@dataclass(frozen=True)
class Dense:
    """One Dense layer as the configuration describes it."""

    name: str  # the layer's name in the model
    units: int  # its neurons
    use_bias: bool  # whether biases are stored


@dataclass(frozen=True)
class Activation:
    """A ReLU that follows the layer before."""

    name: str  # of the layer that applies it


def chain(model: Any) -> list[Dense | Activation]:
    """The steps of a model's configuration, in the order in which values pass through.

    Raises:
        InputError: the model is no chain, or a layer is of a kind that is not read.
    """
    kind, config = _kind(model, "the model"), model.get("config")
    if kind == "Sequential":
        layers = config if isinstance(config, list) else _field(config, "layers", list, "the model")
    elif kind in ("Functional", "Model"):
        layers = _in_order(_field(config, "layers", list, "the model"), config)
    else:
        raise InputError(f"the model: expected a Sequential or Functional one, not {kind}")
    _check_input(layers)
    return [step for n, layer in enumerate(layers) for step in _steps(layer, n, n == len(layers) - 1)]


def _steps(layer: Any, number: int, last: bool) -> list[Dense | Activation]:
    kind, config = _kind(layer, f"layer {number + 1}"), layer.get("config")
    name = _field(config, "name", str, f"layer {number + 1}")
    if not str(layer.get("module") or "keras").startswith("keras"):
        raise InputError(f"{name}: expected a layer of Keras itself, not {str(layer['module'])[:60]}.{kind}")
    if kind == "Dense":
        units = _field(config, "units", int, name)
        step = Dense(name, units, config.get("use_bias", True) is not False)
        return [step, *_activation(name, config.get("activation"), last)]
    if kind == "Activation":
        return list(_activation(name, config.get("activation"), last))
    if kind == "ReLU":
        plain = (config.get("max_value"), config.get("negative_slope") or 0, config.get("threshold") or 0)
        if plain != (None, 0, 0):
            raise InputError(f"{name}: expected a plain relu, not one with a bound, a slope or a threshold")
        return [Activation(name)]
    if kind == "Softmax":
        raise refuse_activation(name, "softmax", last)
    if kind not in _NOTHING:
        raise InputError(f"{name}: expected Dense, ReLU, Activation, Flatten, Dropout or InputLayer, not {kind}")
    return []


def _activation(name: str, activation: Any, last: bool) -> Sequence[Activation]:
    if isinstance(activation, dict):  # Keras 2.13 and later may write {"class_name": "ReLU"} or a function's name
        activation = activation.get("config") if activation.get("class_name") == "function" else activation
    if activation in (None, "linear"):
        return []
    if activation != "relu":
        raise refuse_activation(name, str(activation), last)
    return [Activation(name)]


def _check_input(layers: Sequence[Any]) -> None:
    """Refuse a Dense layer that acts on the last axis of several, and a Flatten that permutes."""
    for number, layer in enumerate(layers):
        kind, config = (
            _kind(layer, f"layer {number + 1}"),
            _field(layer, "config", dict, f"layer {number + 1}"),
        )
        shape = config.get("batch_shape") or config.get("batch_input_shape")
        several = isinstance(shape, list) and len(shape) > 2
        if kind == "Flatten" and config.get("data_format") not in (None, "channels_last"):
            raise InputError(f"layer {number + 1}: expected Flatten with data_format channels_last")
        if number == 0 and several and kind == "InputLayer":
            if "Flatten" not in [_kind(other, "a layer") for other in layers[1:2]]:
                raise InputError("layer 2: expected Flatten after an input of several axes")
        elif several and kind != "Flatten":
            raise InputError(f"layer {number + 1}: expected an input of one axis, not {len(shape) - 1}")


def _in_order(layers: Sequence[Any], config: dict[str, Any]) -> list[Any]:
    """A functional model's layers from input to output; each has one predecessor and one successor."""
    by_name = {_field(layer, "name", str, f"layer {n + 1}"): layer for n, layer in enumerate(layers)}
    current: str | None = _single(config.get("output_layers"), "output_layers")
    found: list[Any] = []
    while current is not None:
        if current not in by_name or len(found) == len(layers):
            raise InputError(f"the model: expected a chain of layers, and {current[:60]} is no part of one")
        found.append(by_name[current])
        current = _predecessor(by_name[current], current)
    if len(found) != len(layers) or len(by_name) != len(layers):
        raise InputError("the model: expected a chain of layers, not one with branches or several inputs")
    if _single(config.get("input_layers"), "input_layers") != found[-1]["name"]:
        raise InputError("input_layers: expected the first layer of the chain")
    return found[::-1]


def _predecessor(layer: dict[str, Any], name: str) -> str | None:
    nodes = layer.get("inbound_nodes")
    if nodes == []:
        return None
    if not isinstance(nodes, list) or len(nodes) != 1:
        raise InputError(f"{name}: expected a layer that is used once")
    tensors = _histories(nodes[0])
    if len(tensors) != 1:
        raise InputError(f"{name}: expected a layer of one input, not {len(tensors)}")
    return tensors[0]


def _histories(node: Any) -> list[str]:
    """The layers that feed a node: Keras 3 writes {"args": [tensor]}, Keras 2 [[name, 0, 0, {}]]."""
    if isinstance(node, dict):
        arguments = node.get("args")
        tensors = [a.get("config") if isinstance(a, dict) else None for a in arguments or ()]
        node = [t.get("keras_history") if isinstance(t, dict) else None for t in tensors]
    if not isinstance(node, list):
        raise InputError("inbound_nodes: expected a list of the layers before")
    return [_single([tensor], "inbound_nodes") for tensor in node]


def _single(references: Any, field: str) -> str:
    """The layer in [name, 0, 0] or [[name, 0, 0]]."""
    inner = references[0] if isinstance(references, list) and len(references) == 1 else references
    if not isinstance(inner, list) or len(inner) < 3 or not isinstance(inner[0], str) or inner[1:3] != [0, 0]:
        raise InputError(f"{field}: expected one layer such as [name, 0, 0]")
    return inner[0]


def _kind(layer: Any, where: str) -> str:
    return str(_field(layer, "class_name", str, where))


def _field(value: Any, key: str, kind: type, where: str) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise InputError(f"{where}: expected a field {key} of type {kind.__name__}")
    return found
