"""ONNX graphs built node by node."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from precise.arithmetic import rational
from precise.formats import load_network, save_network
from precise.network import Network
from tests.precise.formats.foreign import gemm_nodes, network, onnx_file, pairs, refused

node = helper.make_node


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm(tmp_path, dtype, transposed):
    arrays = pairs(dtype=dtype)
    nodes, stored = gemm_nodes([(w.T.copy() if transposed else w, b) for w, b in arrays], transB=transposed)
    assert load_network(onnx_file(tmp_path / "n.onnx", nodes, stored)) == network(arrays)


def test_alpha_and_beta_multiply_exactly(tmp_path):
    arrays = pairs(dtype=np.float64)
    nodes, stored = gemm_nodes(arrays, alpha=0.1, beta=0.3)
    tenth, third = rational(np.float32(0.1)), rational(np.float32(0.3))
    rows = [([[rational(v) * tenth for v in row] for row in w.T], [rational(v) * third for v in b]) for w, b in arrays]
    assert load_network(onnx_file(tmp_path / "n.onnx", nodes, stored)) == Network.from_rows(rows)


def test_typed_fields_and_bfloat16(tmp_path):
    weights, biases = np.array([[1.5, -2.0], [0.25, 3.0]]), np.array([0.5, -1.0])
    stored = {
        "W": helper.make_tensor("W", TensorProto.BFLOAT16, (2, 2), weights.ravel()),
        "b": helper.make_tensor("b", TensorProto.DOUBLE, (2,), biases),
    }
    nodes = [node("Gemm", ["x", "W", "b"], ["y"])]
    path = onnx_file(tmp_path / "n.onnx", nodes, stored, ("x", ["n", 2]))
    assert load_network(path) == network([(weights, biases)])
    for kind, tensor in ((TensorProto.FLOAT16, "h"), (TensorProto.FLOAT, "s")):
        stored["W"] = helper.make_tensor(tensor, kind, (2, 2), weights.ravel())
        stored["W"].name = "W"
        assert load_network(onnx_file(path, nodes, stored, ("x", ["n", 2]))) == network([(weights, biases)])


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_matmul_add_constant_identity_flatten_dropout(tmp_path, shape):
    (w0, b0), (w1, b1) = pairs(shapes=((4, 3), (3, 2)))
    nodes = [
        node("Constant", [], ["W0"], value=numpy_helper.from_array(w0)),
        node("Identity", ["raw"], ["W1"]),
        node("Flatten", ["x"], ["f"], axis=1),
        node("MatMul", ["f", "W0"], ["m"]),
        node("Add", ["m", "b0"], ["a"]),
        node("Identity", ["a"], ["i"]),
        node("Relu", ["i"], ["r"]),
        node("Dropout", ["r"], ["d"]),
        node("MatMul", ["d", "W1"], ["n"]),
        node("Add", ["n", "b1"], ["y"]),
    ]
    stored = {"raw": w1, "b0": b0.reshape(shape), "b1": b1}
    path = onnx_file(tmp_path / "n.onnx", nodes, stored, ("x", ["n", 1, 2, 2]))
    assert load_network(path) == network([(w0, b0), (w1, b1)])


def test_reshape_scalar_biases_and_weights_that_are_also_inputs(tmp_path):
    [(weights, _)] = pairs(shapes=((4, 2),))
    nodes = [node("Reshape", ["x", "s"], ["f"]), node("Gemm", ["f", "W", "b"], ["y"])]
    stored = {"s": np.array([-1, 4]), "W": weights, "b": np.float32(0.5)}
    path = onnx_file(tmp_path / "n.onnx", nodes, stored, ("x", [1, 2, 2]))
    expected = network([(weights, np.full(2, 0.5))])
    assert load_network(path) == expected
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("W", TensorProto.FLOAT, [4, 2]))
    path.write_bytes(model.SerializeToString())
    assert load_network(path) == expected


def test_what_is_written_is_valid_onnx(tmp_path):
    found = network(pairs())
    save_network(found, tmp_path / "n.onnx")
    model = onnx.load(tmp_path / "n.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [n.op_type for n in model.graph.node] == ["Gemm", "Relu", "Gemm", "Relu", "Gemm"]
    reference = ReferenceEvaluator(model)
    point = np.random.default_rng(1).standard_normal((1, 4))
    [answer] = reference.run(None, {"input": point})
    exact = [int(v.p) / int(v.q) for v in found(point[0].tolist())]
    np.testing.assert_allclose(answer[0], exact, rtol=1e-12)


W, B = np.ones((4, 2), np.float32), np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("Gemm", ["x", "W", "b"], ["y"], transA=1)], ["transA"]),
        ([node("Gemm", ["x", "W", "b"], ["y"], alpha=float("nan"))], ["alpha", "finite"]),
        ([node("Gemm", ["x", "W", "b"], ["y"], gamma=1.0)], ["gamma"]),
        ([node("Gemm", ["x", "W", "b"], ["y"], alpha=1)], ["alpha"]),
        ([node("Gemm", ["x", "x", "b"], ["y"])], ["stored weights as input 2"]),
        ([node("Gemm", ["x"], ["y"])], ["stored weights as input 2"]),
        ([node("Gemm", ["x", "b", "b"], ["y"])], ["matrix"]),
        ([node("MatMul", ["W", "x"], ["y"])], ["first input"]),
        ([node("MatMul", ["x", "W"], ["m"]), node("Softmax", ["m"], ["y"])], ["Softmax", "raw outputs"]),
        ([node("MatMul", ["x", "W"], ["m"]), node("Sigmoid", ["m"], ["y"])], ["Sigmoid", "raw outputs"]),
        ([node("MatMul", ["x", "W"], ["m"]), node("Tanh", ["m"], ["y"])], ["relu, not Tanh"]),
        ([node("MatMul", ["x", "W"], ["m"]), node("Relu", ["m"], ["y"])], ["no relu after the last"]),
        ([node("Conv", ["x", "W"], ["y"])], ["Conv"]),
        ([node("Two\nlines", ["x", "W"], ["y"])], [r"Two\nlines"]),
        ([node("Add", ["x", "b"], ["y"])], ["Add right after"]),
        ([node("Relu", ["x"], ["y"])], ["before the first relu"]),
        ([node("Identity", ["x"], ["y"])], ["at least one layer"]),
        ([node("MatMul", ["x", "W"], ["z"])], ["output 'y'"]),
        ([node("MatMul", ["x", "W"], ["m"]), node("Add", ["m", "W"], ["y"])], ["one row of 2 biases"]),
        ([node("MatMul", ["x", "W"], ["m"]), node("Add", ["m", "m"], ["y"])], ["stored weights as input 2"]),
        ([node("Flatten", ["x"], ["f"], axis=0), node("MatMul", ["f", "W"], ["y"])], ["axis 1"]),
        ([node("Gemm", ["x", "W", "b"], ["y"], domain="com.mine")], ["com.mine.Gemm"]),
        ([node("MatMul", ["x", "missing"], ["y"])], ["'missing'"]),
        ([node("MatMul", ["x", "ints"], ["y"])], ["'ints'", "floating-point"]),
        ([node("Constant", [], ["c"], value_float=1.0)], ["Constant"]),
        ([], ["output 'y'"]),
    ],
)
def test_refused_graphs(tmp_path, nodes, words):
    stored = {"W": W, "b": B, "ints": np.ones((4, 2), int)}
    refused(onnx_file(tmp_path / "n.onnx", nodes, stored), *words)


def test_widths_and_axes(tmp_path):
    nodes = [node("MatMul", ["x", "W"], ["y"])]
    refused(onnx_file(tmp_path / "a.onnx", nodes, {"W": W}, ("x", ["n", 5])), "expected 5 inputs", "not 4")
    refused(onnx_file(tmp_path / "b.onnx", nodes, {"W": W}, ("x", ["n", 3, 4])), "Flatten")


def test_two_inputs_or_outputs(tmp_path):
    path = onnx_file(tmp_path / "n.onnx", [node("MatMul", ["x", "W"], ["y"])], {"W": W})
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, [1, 4]))
    path.write_bytes(model.SerializeToString())
    refused(path, "one input and one output, not 2 and 1")


def tensor(**fields):
    made = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[4, 2])
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def test_tensors_that_lie(tmp_path):
    nodes, path = [node("MatMul", ["x", "W"], ["y"])], tmp_path / "n.onnx"
    refused(onnx_file(path, nodes, {"W": tensor(raw_data=b"\0" * 31)}), "'W'", "expected 32 bytes", "not 31")
    refused(onnx_file(path, nodes, {"W": tensor()}), "'W'", "expected 8 values, not 0")
    huge = tensor(raw_data=b"\0" * 32)
    huge.dims[:] = [2**40, 2**40]
    refused(onnx_file(path, nodes, {"W": huge}), "at most")
    huge.dims[:] = [-4, -2]
    refused(onnx_file(path, nodes, {"W": huge}), "lengths of at least 0")
    nan = tensor(raw_data=np.full((4, 2), np.nan, np.float32).tobytes())
    refused(onnx_file(path, nodes, {"W": nan}), "finite")


def test_weights_in_other_files_are_refused(tmp_path):
    outside = tensor(data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../../etc/passwd")
    path = onnx_file(tmp_path / "n.onnx", [node("MatMul", ["x", "W"], ["y"])], {"W": outside})
    refused(path, "inside this file")


def test_bytes_that_are_no_onnx(tmp_path):
    (tmp_path / "n.onnx").write_bytes(b"\xff" * 40)
    refused(tmp_path / "n.onnx", "ONNX")
