# SPDX-License-Identifier: Apache-2.0
"""Models of other floating precisions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.frontend import read_model
from vackit.compiler.reading.float32 import to_float32
from vackit.compiler.running import open_session
from vackit.config.build import BuildConfig
from vackit.testing import tiny_models

DTYPES = {
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float64": TensorProto.DOUBLE,
}
MakeConfig = Callable[..., BuildConfig]


def of_dtype(name: str) -> onnx.ModelProto:
    """Return a convolution whose inputs, outputs and weights are of a precision."""
    model = tiny_models.conv()
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = DTYPES[name]
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).ravel()
        tensor.CopyFrom(helper.make_tensor(tensor.name, DTYPES[name], tensor.dims, values))
    return model


def run(model: onnx.ModelProto, x: Any) -> Any:
    return open_session(model, "test").run(None, {"input": x})[0]


@pytest.mark.parametrize("name", list(DTYPES))
def test_read_model_takes_other_precisions_as_float32(make_config: MakeConfig, name: str) -> None:
    model = read_model(make_config(of_dtype(name)))
    onnx.checker.check_model(model, full_check=True)
    x = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    want = run(tiny_models.conv(), x)
    # bfloat16 keeps 8 bits of each weight
    np.testing.assert_allclose(run(model, x), want, atol=0.02 * np.abs(want).max())


def test_to_float32_leaves_no_casts_of_mixed_precision(make_config: MakeConfig) -> None:
    build = tiny_models.Builder()
    build.add("Cast", ["input"], "half", to=TensorProto.FLOAT16)
    build.add("Relu", ["half"], "relu")
    build.add("Cast", ["relu"], "output", to=TensorProto.FLOAT)
    model = read_model(make_config(build.model({"input": [1, 9]}, {"output": [1, 9]})))
    assert [node.op_type for node in model.graph.node] == ["Identity", "Relu", "Identity"]
    x = np.full((1, 9), 70000, np.float32)
    assert np.array_equal(run(model, x), x)


def test_to_float32_enters_subgraphs() -> None:
    inner = tiny_models.Builder()
    inner.add("Constant", [], "one", value=numpy_helper.from_array(np.ones((1, 9), np.float16)))
    body = inner.model({}, {"one": [1, 9]}).graph
    body.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    build = tiny_models.Builder()
    build.weight("yes", np.array(True))
    build.add("If", ["yes"], "ones", then_branch=body, else_branch=body)
    build.add("Cast", ["ones"], "wide", to=TensorProto.FLOAT)
    build.add("Add", ["input", "wide"], "output")
    model = build.model({"input": [1, 9]}, {"output": [1, 9]})
    to_float32(model, Path("m.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert run(model, np.zeros((1, 9), np.float32)).tolist() == [[1.0] * 9]


def test_to_float32_leaves_float64_of_shape_arithmetic() -> None:
    model = tiny_models.conv()
    model.graph.initializer.append(numpy_helper.from_array(np.array([1 / 3]), "scale"))
    before = model.SerializeToString()
    to_float32(model, Path("m.onnx"))
    assert model.SerializeToString() == before


def test_to_float32_keeps_the_lowest_float64_finite() -> None:
    build = tiny_models.Builder()
    build.weight("mask", np.full((1, 9), np.finfo(np.float64).min))
    build.add("Cast", ["mask"], "low", to=TensorProto.FLOAT)
    build.add("Max", ["input", "low"], "output")
    model = build.model({"input": [1, 9]}, {"output": [1, 9]})
    to_float32(model, Path("m.onnx"))
    mask = numpy_helper.to_array(model.graph.initializer[0])
    assert mask.dtype == np.float32
    assert (mask == np.finfo(np.float32).min).all()


def test_to_float32_knows_what_a_dequantization_makes() -> None:
    build = tiny_models.Builder()
    build.weight("codes", np.ones((1, 9), np.int8))
    build.weight("scale", np.array(0.5, np.float16))
    build.add("DequantizeLinear", ["codes", "scale"], "half", output_dtype=TensorProto.FLOAT16)
    build.add("Add", ["input", "half"], "output")
    model = build.model({"input": [1, 9]}, {"output": [1, 9]}, opset=23)
    to_float32(model, Path("m.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.node[0].attribute[0].i == TensorProto.FLOAT
