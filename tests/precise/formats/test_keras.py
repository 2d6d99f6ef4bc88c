"""Keras files: real ones, and ones built by hand in the layouts of Keras 2 and 3."""

from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest

from precise.formats import hdf5, load_network
from tests.precise.formats.foreign import (
    dense,
    keras2_h5,
    keras_file,
    layer,
    network,
    pairs,
    refused,
    sequential,
    weights_h5,
    zip_file,
)

SAMPLES = Path(__file__).with_name("samples")


@pytest.mark.parametrize(("name", "answers"), [("sequential", "y"), ("functional", "yf")])
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_files_of_keras_itself_answer_as_keras_did(name, answers, suffix):
    found = load_network(SAMPLES / f"keras3_{name}.{suffix}")
    with np.load(SAMPLES / "keras3_answers.npz") as stored:
        points, expected = stored["x"].reshape(4, 6), stored[answers]
    for point, row in zip(points, expected):
        for exact, near in zip(found(point.tolist()), row):
            assert abs(Fraction(int(exact.p), int(exact.q)) - Fraction(float(near))) < Fraction(1, 2**20)


def test_files_of_keras_itself_in_half_precision():
    from_zip, from_h5 = (load_network(SAMPLES / f"keras3_half.{suffix}") for suffix in ("keras", "h5"))
    bfloat16 = np.array([[-0.98828125, 0.03808594], [0.71875, 0.921875], [0.59375, 0.36328125]])
    bfloat16[0, 1] = 39 / 1024
    float16 = np.array([[0.43725586], [-1.1943359]]).astype(np.float16)
    assert from_zip == from_h5 == network([(bfloat16, np.zeros(2)), (float16, np.zeros(1))])


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_keras_2(tmp_path, dtype):
    arrays = pairs(dtype=dtype)
    path = keras2_h5(tmp_path / "n.h5", arrays, compression="gzip", shuffle=True, fletcher32=True)
    assert load_network(path) == network(arrays)


def test_the_oldest_sequential_configuration_is_a_list(tmp_path):
    config = sequential(pairs())
    config["config"] = config["config"]["layers"]
    assert load_network(keras2_h5(tmp_path / "n.h5", pairs(), config)) == network(pairs())


def test_keras_3_and_the_layout_of_2_13(tmp_path):
    assert load_network(keras_file(tmp_path / "a.keras", pairs())) == network(pairs())
    old = weights_h5(pairs(), "_layer_checkpoint_dependencies")
    assert load_network(keras_file(tmp_path / "b.keras", pairs(), weights=old)) == network(pairs())


def functional(order=("x", "a", "b", "c"), keras=3, **changes):
    """A functional chain: input x, dense a and b with relu, dense c."""
    widths = {"a": 3, "b": 3, "c": 2}
    before = {"x": None, "a": "x", "b": "a", "c": "b"} | changes
    layers = []
    for name in order:
        made = (
            layer("InputLayer", name)
            if name == "x"
            else dense(f"{name}", widths[name], "linear" if name == "c" else "relu")
        )
        source = before[name]
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}
        node = {"args": [tensor], "kwargs": {}} if keras == 3 else [[source, 0, 0, {}]]
        layers.append(made | {"name": name, "inbound_nodes": [node] if source else []})
    ends = (["x", 0, 0], ["c", 0, 0])
    inputs, outputs = ends if keras == 3 else ([e] for e in ends)
    config = {"layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional" if keras == 3 else "Model", "config": config}


@pytest.mark.parametrize("keras", [2, 3])
def test_functional_chains_in_any_order(tmp_path, keras):
    for n, order in enumerate((("x", "a", "b", "c"), ("b", "x", "c", "a"))):
        path = keras_file(tmp_path / f"{n}.keras", pairs(), functional(order, keras))
        assert load_network(path) == network(pairs())


@pytest.mark.parametrize("keras", [2, 3])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b": "x"}, ["chain"]),
        ({"a": "c"}, ["chain"]),
        ({"b": "unknown"}, ["unknown", "chain"]),
    ],
)
def test_functional_models_that_are_no_chain(tmp_path, keras, changes, words):
    refused(keras_file(tmp_path / "n.keras", pairs(), functional(keras=keras, **changes)), *words)


def test_functional_layer_of_two_inputs_or_used_twice(tmp_path):
    config = functional(keras=2)
    config["config"]["layers"][2]["inbound_nodes"][0].append(["x", 0, 0, {}])
    refused(keras_file(tmp_path / "a.keras", pairs(), config), "b", "one input, not 2")
    config = functional(keras=2)
    config["config"]["layers"][2]["inbound_nodes"].append([["b", 0, 0, {}]])
    refused(keras_file(tmp_path / "b.keras", pairs(), config), "b", "used once")


@pytest.mark.parametrize(
    ("activations", "words"),
    [
        (["tanh", "relu", "linear"], ["d0", "relu, not tanh"]),
        (["softmax", "relu", "linear"], ["d0", "relu, not softmax"]),
        (["relu", "linear", "linear"], ["d1", "relu before d2", "not none"]),
        (["relu", "relu", "softmax"], ["d2", "softmax", "raw outputs (logits)"]),
        (["relu", "relu", "sigmoid"], ["d2", "sigmoid", "raw outputs (logits)"]),
        (["relu", "relu", "relu"], ["d2", "no relu after the last layer", "raw outputs"]),
        (["relu", "relu", {"class_name": "Custom", "config": {}}], ["d2", "relu"]),
        (["relu", 3, "linear"], ["d1", "relu, not 3"]),
    ],
)
def test_activations(tmp_path, activations, words):
    config = sequential(pairs(), activations)
    refused(keras_file(tmp_path / "n.keras", pairs(), config), *words)
    refused(keras2_h5(tmp_path / "n.h5", pairs(), config), *words)


def with_layers(*inserted, at=1):
    config = sequential(pairs())
    config["config"]["layers"][at:at] = inserted
    return config


def test_layers_without_effect(tmp_path):
    start = [
        layer("InputLayer", "i", batch_shape=[None, 2, 2]),
        layer("Flatten", "f", data_format="channels_last"),
    ]
    config = with_layers(*start, at=0)
    config["config"]["layers"][3:3] = [layer("Dropout", "p", rate=0.5), layer("ReLU", "r", max_value=None)]
    assert load_network(keras_file(tmp_path / "n.keras", pairs(), config)) == network(pairs())


@pytest.mark.parametrize(
    ("inserted", "at", "words"),
    [
        ([layer("Conv2D", "conv")], 0, ["conv", "not Conv2D"]),
        ([layer("BatchNormalization", "bn")], 1, ["bn", "not BatchNormalization"]),
        ([layer("Softmax", "s")], 3, ["s", "raw outputs"]),
        ([layer("ReLU", "r", max_value=6.0)], 1, ["r", "plain relu"]),
        ([layer("ReLU", "r", negative_slope=0.1)], 1, ["r", "plain relu"]),
        ([layer("Activation", "a", activation="tanh")], 1, ["a", "not tanh"]),
        ([layer("ReLU", "r")], 0, ["r", "layer with weights before"]),
        ([layer("InputLayer", "i", batch_shape=[None, 2, 2])], 0, ["Flatten"]),
        ([layer("Flatten", "f", data_format="channels_first")], 0, ["channels_last"]),
        (
            [{"class_name": "Sequential", "config": {"name": "inner", "layers": []}}],
            0,
            ["inner", "not Sequential"],
        ),
        ([{"class_name": "Dense", "module": "mine", "config": {"name": "d"}}], 0, ["d", "mine.Dense"]),
        (["text"], 0, ["layer 1", "class_name"]),
        ([{"class_name": "Dense"}], 0, ["layer 1", "config"]),
        ([{"class_name": "Dense", "config": {"name": "d", "units": "3"}}], 0, ["d", "units"]),
    ],
)
def test_layers_that_are_not_read(tmp_path, inserted, at, words):
    refused(keras_file(tmp_path / "n.keras", pairs(), with_layers(*inserted, at=at)), *words)


def test_dense_on_several_axes(tmp_path):
    config = sequential(pairs())
    config["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 7, 4]
    refused(keras2_h5(tmp_path / "n.h5", pairs(), config), "one axis, not 2")


def test_weights_that_do_not_fit_the_configuration(tmp_path):
    refused(keras_file(tmp_path / "a.keras", pairs()[:2], sequential(pairs())), "dense_2", "there are none")
    refused(keras2_h5(tmp_path / "a.h5", pairs()[:2], sequential(pairs())), "d2", "there are none")
    config = sequential(pairs())
    config["config"]["layers"][1]["config"]["units"] = 9
    refused(keras_file(tmp_path / "b.keras", pairs(), config), "d1", "(inputs, 9)", "(3, 3)")
    config = sequential(pairs())
    config["config"]["layers"][1]["config"]["use_bias"] = False
    refused(keras_file(tmp_path / "c.keras", pairs(), config), "d1", "expected 1 arrays", "not 2")


def test_weights_under_another_layers_name(tmp_path):
    source = tmp_path / "w.h5"
    source.write_bytes(weights_h5(pairs()))
    with h5py.File(source, "r+") as file:
        file["layers/dense_1/vars"].attrs["name"] = "other"
    refused(keras_file(tmp_path / "n.keras", pairs(), weights=source.read_bytes()), "d1", "other")


def test_files_of_weights_alone(tmp_path):
    (tmp_path / "n.h5").write_bytes(weights_h5(pairs()))
    refused(tmp_path / "n.h5", "model_config", "weights alone")


def test_not_finite(tmp_path):
    arrays = pairs()
    arrays[0][1][2] = np.nan
    refused(keras2_h5(tmp_path / "n.h5", arrays), "d0/bias:0", "finite", "nan at [2]")


def edited_h5(path, edit):
    keras2_h5(path, pairs())
    with h5py.File(path, "r+") as file:
        del file["model_weights/d0/d0/kernel:0"]
        edit(file["model_weights/d0/d0"])
    return path


def virtual(group):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "data", (4, 3))
    group.create_virtual_dataset("kernel:0", layout)


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda g: g.create_dataset("kernel:0", (2**20, 2**20), "f4", chunks=(64, 64)), "at most"),
        (
            lambda g: g.create_dataset("kernel:0", (2**14, 2**14), "f4", chunks=(2**14, 2**14), compression=9),
            "at most",
        ),
        (
            lambda g: g.create_dataset("kernel:0", (4, 3), "f4", external=[("/etc/passwd", 0, 48)]),
            "in this file",
        ),
        (virtual, "in this file"),
        (lambda g: g.__setitem__("kernel:0", h5py.ExternalLink("/etc/passwd", "/x")), "not a link"),
        (lambda g: g.__setitem__("kernel:0", h5py.SoftLink("/model_weights/d1/d1/kernel:0")), "not a link"),
        (lambda g: g.__setitem__("kernel:0", g), "nested"),
        (
            lambda g: g.create_dataset("kernel:0", data=np.ones((4, 3)), compression="lzf"),
            "plainly or deflated",
        ),
        (lambda g: g.create_dataset("kernel:0", data=np.ones((4, 3), int)), "floating-point"),
        (lambda g: g.create_dataset("kernel:0", data="text"), "floating-point"),
        (lambda g: g.create_dataset("kernel:0", dtype="f4"), "empty dataset"),
    ],
)
def test_hdf5_that_is_too_much_or_lies_elsewhere(tmp_path, edit, word):
    refused(edited_h5(tmp_path / "n.h5", edit), word)


def test_a_library_that_hangs_or_crashes(tmp_path, monkeypatch):
    path = keras2_h5(tmp_path / "n.h5", pairs())
    child = tmp_path / "child.py"
    monkeypatch.setattr(hdf5, "_CHILD", child)
    child.write_text("import os; os.abort()")
    refused(path, "HDF5 library fails")
    child.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(hdf5, "TIMEOUT", 0.3)
    refused(path, "seconds")


def test_zip_without_the_parts(tmp_path):
    refused(zip_file(tmp_path / "n.keras", {"metadata.json": "{}"}), "config.json")
    refused(zip_file(tmp_path / "m.keras", {"config.json": "{}"}), "model.weights.h5")
    refused(keras_file(tmp_path / "o.keras", pairs(), weights=b"text"), "HDF5")
    refused(keras_file(tmp_path / "p.keras", pairs(), {"class_name": "MyModel", "config": {}}), "not MyModel")
