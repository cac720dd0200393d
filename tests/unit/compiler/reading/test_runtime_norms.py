# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.frontend import read_onnx
from vackit.compiler.reading.runtime_norms import write_out_runtime_norms
from vackit.compiler.running import Arrays, open_session, run
from vackit.errors import ModelError

WIDTH = 8


def _normed(
    op_type: str, opset: int, dtype: Any = np.float32, **attributes: Any
) -> onnx.ModelProto:
    random = np.random.default_rng(5)
    names = ["scale", "bias"] if op_type == "LayerNormalization" else ["scale"]
    weights = [
        numpy_helper.from_array(random.standard_normal(WIDTH).astype(dtype), name) for name in names
    ]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        [helper.make_node(op_type, ["x", *names], ["y"], name="norm", **attributes)],
        "normed",
        [helper.make_tensor_value_info("x", kind, ["N", 3, WIDTH])],
        [helper.make_tensor_value_info("y", kind, ["N", 3, WIDTH])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)


def _outputs(model: onnx.ModelProto, dtype: Any = np.float32) -> Arrays:
    x = np.random.default_rng(6).standard_normal((2, 3, WIDTH)) + 0.5
    return run(open_session(model, "x.onnx"), {"x": x.astype(dtype)}, "x.onnx")


@pytest.mark.parametrize(
    ("op_type", "opset"),
    [
        ("LayerNormalization", 9),
        ("LayerNormalization", 14),
        ("SimplifiedLayerNormalization", 14),
        ("SimplifiedLayerNormalization", 18),
    ],
)
def test_read_onnx_takes_norms_that_onnx_runtime_put_there(
    tmp_path: Path, op_type: str, opset: int
) -> None:
    model = _normed(op_type, opset, axis=-1, epsilon=1e-2)
    onnx.save(model, tmp_path / "x.onnx")
    read = read_onnx(tmp_path / "x.onnx")
    assert op_type not in {node.op_type for node in read.graph.node}
    # the same sums in another order
    np.testing.assert_allclose(_outputs(read)["y"], _outputs(model)["y"], rtol=1e-5, atol=1e-6)


def test_write_out_runtime_norms_keeps_an_epsilon_that_float16_does_not_hold() -> None:
    model = _normed("LayerNormalization", 14, np.float16, epsilon=1e-12)
    write_out_runtime_norms(model)
    session = open_session(model, "x.onnx")
    outputs = run(session, {"x": np.ones((1, 3, WIDTH), np.float16)}, "x.onnx")
    assert np.isfinite(outputs["y"]).all()


def test_write_out_runtime_norms_leaves_those_that_onnx_has() -> None:
    model = _normed("LayerNormalization", 17)
    write_out_runtime_norms(model)
    assert [node.op_type for node in model.graph.node] == ["LayerNormalization"]


def test_read_onnx_refuses_a_runtime_norm_over_several_axes(tmp_path: Path) -> None:
    onnx.save(_normed("LayerNormalization", 14, axis=1), tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="No Op registered for LayerNormalization"):
        read_onnx(tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("names", "outputs", "epsilon"),
    [(["x"], ["y"], 1e-5), (["x", "scale"], [], 1e-5), (["x", "scale"], ["y"], "small")],
    ids=["no-scale", "no-output", "text"],
)
def test_read_onnx_refuses_damaged_runtime_norms(
    tmp_path: Path, names: list[str], outputs: list[str], epsilon: Any
) -> None:
    model = _normed("LayerNormalization", 14)
    norm = helper.make_node("LayerNormalization", names, outputs, name="norm", epsilon=epsilon)
    model.graph.node[0].CopyFrom(norm)
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="not a model by ONNX's own checker"):
        read_onnx(tmp_path / "x.onnx")


def test_write_out_runtime_norms_takes_bfloat16() -> None:
    model = _normed("LayerNormalization", 14)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        halved = helper.make_tensor(tensor.name, TensorProto.BFLOAT16, values.shape, values)
        tensor.CopyFrom(halved)
    write_out_runtime_norms(model)
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    assert kinds == {TensorProto.BFLOAT16}


def test_read_onnx_refuses_runtime_norms_with_damaged_weights(tmp_path: Path) -> None:
    model = _normed("LayerNormalization", 14)
    model.graph.initializer[0].dims[:] = [1]
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="constant 'scale'"):
        read_onnx(tmp_path / "x.onnx")
