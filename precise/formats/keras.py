"""Whole models saved by Keras 2 and 3, read without TensorFlow: `.keras` (zip) and `.h5` (HDF5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from precise.errors import InputError
from precise.formats.archive import Archive
from precise.formats.chain import Relu, Step, affine, network_of
from precise.formats.hdf5 import Tree, read_tree
from precise.formats.keras_config import Dense, chain
from precise.formats.limits import MAX_BYTES, MAX_TEXT
from precise.formats.strict_json import parse
from precise.network import Network

Stored = Sequence[np.ndarray]  # kernel, bias


def read_keras(data: bytes) -> Network:
    """The network in a `.keras` file.

    Raises:
        InputError: the model is no ReLU chain of Dense layers, or its weights do not fit.
    """
    archive = Archive(data)
    model = parse(archive.read("config.json", MAX_TEXT), "config.json")
    tree = read_tree(archive.read("model.weights.h5", MAX_BYTES))
    return _network(model, lambda layer, number: _variables(tree, layer, number))


def read_h5(data: bytes) -> Network:
    """The network in an HDF5 file of a whole model (architecture and weights).

    Raises:
        InputError: the file holds weights only, the model is no ReLU chain, or its weights do not fit.
    """
    tree = read_tree(data)
    config = tree.attributes[""].get("model_config")
    if not isinstance(config, str):
        raise InputError("model_config: expected this attribute; a file of weights alone names no activations")
    return _network(parse(config, "model_config"), lambda layer, number: _named(tree, layer))


def _network(model: object, stored: Callable[[Dense, int], Stored]) -> Network:
    steps: list[Step] = []
    number = 0
    for step in chain(model):
        if not isinstance(step, Dense):
            steps.append(Relu(step.name))
            continue
        arrays = stored(step, number)
        number += 1
        if len(arrays) != 1 + step.use_bias:
            raise InputError(f"{step.name}: expected {1 + step.use_bias} arrays of weights, not {len(arrays)}")
        if arrays[0].shape[1:] != (step.units,):
            raise InputError(f"{step.name}: expected a kernel of shape (inputs, {step.units}), not {arrays[0].shape}")
        steps.append(affine(step.name, arrays[0], arrays[1] if step.use_bias else None))
    return network_of(steps)


def _variables(tree: Tree, layer: Dense, number: int) -> Stored:
    """Keras 3 counts the layers of a class in order (dense, dense_1, ...) and their arrays from 0."""
    group = f"dense_{number}" if number else "dense"
    for root in ("layers", "_layer_checkpoint_dependencies"):
        path = f"{root}/{group}/vars"
        if path in tree.attributes:
            name = tree.attributes[path].get("name", layer.name)
            if name != layer.name:
                raise InputError(f"{path}: expected the weights of {layer.name}, not of {str(name)[:60]}")
            return _counted(tree, path)
    raise InputError(f"layers/{group}/vars: expected the weights of {layer.name}, and there are none")


def _counted(tree: Tree, path: str) -> Stored:
    found: list[np.ndarray] = []
    while f"{path}/{len(found)}" in tree.arrays:
        found.append(tree.arrays[f"{path}/{len(found)}"])
    return found


def _named(tree: Tree, layer: Dense) -> Stored:
    """The older layout lists the arrays of a layer in `weight_names`."""
    group = f"model_weights/{layer.name}"
    names = tree.attributes.get(group, {}).get("weight_names")
    if not isinstance(names, list):
        raise InputError(f"{group}: expected the weights of {layer.name}, and there are none")
    paths = [f"{group}/{name}" for name in names]
    for path in paths:
        if path not in tree.arrays:
            raise InputError(f"{path}: expected an array of weights, and there is none")
    if len(names) == 2 and not ("kernel" in names[0].split("/")[-1] and "bias" in names[1].split("/")[-1]):
        raise InputError(f"{group}: expected a kernel and a bias, in this order")
    return [tree.arrays[path] for path in paths]
