"""Writers of foreign files that share no code with the readers under test."""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from collections import OrderedDict
from contextlib import contextmanager
from types import ModuleType

import h5py
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from precise.errors import InputError
from precise.formats import load_network
from precise.network import Network

SHAPES = ((4, 3), (3, 3), (3, 2))  # of the weights of the small network in most tests: 4-3-3-2


def pairs(seed=0, dtype=np.float32, shapes=SHAPES):
    """(W, b) of every layer, W of shape (inputs, outputs)."""
    draw = np.random.default_rng(seed).standard_normal
    return [(draw(shape).astype(dtype), draw(shape[1]).astype(dtype)) for shape in shapes]


def network(arrays):
    """The network that a reader must find."""
    return Network.from_arrays(arrays)


def refused(path, *words):
    """The file is refused with one sentence that begins with its path and holds these words."""
    with pytest.raises(InputError) as caught:
        load_network(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 400
    for word in words:
        assert word in message, message
    return message


def zip_file(path, entries, **options):
    """A zip archive of these entries."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


# --- Keras ---


def dense(name, units, activation="linear", **more):
    """The configuration of a Dense layer."""
    config = {"name": name, "units": units, "activation": activation, "use_bias": True, **more}
    return {"class_name": "Dense", "config": config}


def layer(kind, name, **config):
    """The configuration of another layer."""
    return {"class_name": kind, "config": {"name": name, **config}}


def sequential(arrays, activations=None):
    """A Sequential model's configuration: relu on the hidden layers, or these activations."""
    chosen = activations or ["relu"] * (len(arrays) - 1) + ["linear"]
    layers = [dense(f"d{n}", w.shape[1], a) for n, ((w, _), a) in enumerate(zip(arrays, chosen))]
    return {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}


def weights_h5(arrays, prefix="layers"):
    """The bytes of model.weights.h5 as Keras 3 lays it out."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for n, pair in enumerate(arrays):
            for i, array in enumerate(pair):
                file[f"{prefix}/dense{f'_{n}' if n else ''}/vars/{i}"] = array
    return stream.getvalue()


def keras_file(path, arrays, config=None, weights=None):
    """A .keras file."""
    entries = {
        "metadata.json": "{}",
        "config.json": json.dumps(config or sequential(arrays)),
        "model.weights.h5": weights or weights_h5(arrays),
    }
    return zip_file(path, entries)


def keras2_h5(path, arrays, config=None, **options):
    """A whole-model HDF5 file as Keras 2 writes it."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.15.0"
        file.attrs["model_config"] = json.dumps(config or sequential(arrays))
        group = file.create_group("model_weights")
        for n, (weights, biases) in enumerate(arrays):
            inner = group.create_group(f"d{n}")
            inner.attrs["weight_names"] = [f"d{n}/kernel:0".encode(), f"d{n}/bias:0".encode()]
            inner.create_dataset(f"d{n}/kernel:0", data=weights, **options)
            inner.create_dataset(f"d{n}/bias:0", data=biases)
    return path


# --- ONNX ---


def onnx_file(path, nodes, stored, inputs=("x", ["n", 4]), outputs=("y", ["n", 2])):
    """An ONNX file of these nodes; `stored` maps names to arrays or to TensorProto."""
    tensors = [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
        for name, value in stored.items()
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (inputs, outputs)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def gemm_nodes(arrays, **attributes):
    """Gemm and Relu nodes from x to y, and what they need stored."""
    nodes, stored, current = [], {}, "x"
    for n, (weights, biases) in enumerate(arrays):
        last = n == len(arrays) - 1
        stored |= {f"W{n}": weights, f"b{n}": biases}
        nodes.append(helper.make_node("Gemm", [current, f"W{n}", f"b{n}"], ["y" if last else f"z{n}"], **attributes))
        if not last:
            nodes.append(helper.make_node("Relu", [f"z{n}"], [f"h{n}"]))
            current = f"h{n}"
    return nodes, stored


# --- PyTorch ---


class Storage:
    """Stands for torch.FloatStorage and its siblings."""

    def __init__(self, key, array, kind):
        self.reference = ("storage", kind, key, "cpu", array.size)


class Tensor:
    """Stands for torch.Tensor: pickles as torch does."""

    def __init__(self, storage, shape, strides, offset=0):
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce_ex__(self, protocol):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    """Writes storages as persistent references."""

    def persistent_id(self, value):
        return value.reference if isinstance(value, Storage) else None


@contextmanager
def fake_torch(monkeypatch):
    """Modules named torch and torch._utils with the names that a state dict's pickle refers to."""
    torch, inner = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("HalfStorage", "BFloat16Storage", "FloatStorage", "DoubleStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def _rebuild_tensor_v2(*arguments):
        raise AssertionError("the reader must call nothing")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    inner._rebuild_tensor_v2 = _rebuild_tensor_v2
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", torch)
        patch.setitem(sys.modules, "torch._utils", inner)
        yield torch


KINDS = {"f2": "HalfStorage", "f4": "FloatStorage", "f8": "DoubleStorage"}


def torch_entries(monkeypatch, state, metadata=True, root="model"):
    """The entries of the zip file that torch.save(state) writes; `state` maps names to arrays."""
    entries, tensors = {}, OrderedDict()
    with fake_torch(monkeypatch) as torch:
        for n, (name, array) in enumerate(state.items()):
            kind = getattr(torch, KINDS[array.dtype.str[1:]])
            strides = tuple(step // array.itemsize for step in array.strides)
            tensors[name] = Tensor(Storage(str(n), array, kind), array.shape, strides)
            entries[f"{root}/data/{n}"] = array.tobytes(order="A")
        if metadata:
            tensors._metadata = OrderedDict([("", {"version": 1}), ("0", {"version": 1})])
        stream = io.BytesIO()
        Pickler(stream, 2).dump(tensors)
    return {
        f"{root}/data.pkl": stream.getvalue(),
        f"{root}/byteorder": b"little",
        **entries,
        f"{root}/version": b"3\n",
    }


def torch_state(arrays, names=None):
    """A state dict of arrays: weights (outputs, inputs)."""
    chosen = names or [str(2 * n) for n in range(len(arrays))]
    state = {}
    for name, (weights, biases) in zip(chosen, arrays):
        state |= {f"{name}.weight": np.ascontiguousarray(weights.T), f"{name}.bias": biases}
    return state


def torch_file(path, monkeypatch, arrays, names=None):
    """A .pt file of a Sequential's state dict."""
    return zip_file(path, torch_entries(monkeypatch, torch_state(arrays, names)))
