# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from vackit.compiler.half import to_half
from vackit.errors import ModelError
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("kind", sorted(tiny_models.MODELS))
def test_to_half_takes_and_returns_float16(kind: str, run: Run) -> None:
    model = tiny_models.MODELS[kind]()
    half = to_half(model)
    onnx.checker.check_model(half, full_check=True)
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float16)
    want, got = run(model, input=x.astype(np.float32)), run(half, input=x)
    assert list(got) == list(want)
    for name, values in want.items():
        assert got[name].dtype == np.float16
        # 11 bits of mantissa in weights and results, and sums of a few dozen products
        limit = 4e-3 * max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(got[name].astype(np.float32), values, atol=limit)


def test_to_half_stores_weights_in_half_the_bytes() -> None:
    model = tiny_models.classifier()
    kinds = {tensor.data_type for tensor in to_half(model).graph.initializer}
    assert kinds == {TensorProto.FLOAT16}
    # the model that it was given stays
    assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT}


def test_to_half_computes_in_float32(run: Run) -> None:
    build = tiny_models.Builder()
    weight = build.weight("w", np.full((192, 1), 2.0, np.float32))
    build.add("Flatten", ["input"], "flat", axis=1)
    build.add("MatMul", ["flat", weight], "sum")
    build.add("Sub", ["sum", "sum"], "output")
    half = to_half(build.model({"input": ["N", 3, 8, 8]}, {"output": ["N", 1]}))
    # 192 x 2 x 30000 is far beyond float16; its difference with itself is not
    x = np.full((1, 3, 8, 8), 30000, np.float16)
    assert run(half, input=x)["output"].tolist() == [[0.0]]


@pytest.mark.parametrize("count", [1, 4], ids=["one number", "several"])
def test_to_half_takes_outputs_that_are_constants(run: Run, count: int) -> None:
    build = tiny_models.Builder()
    anchors = build.weight("anchors", np.arange(1, 1 + count, dtype=np.float32))
    build.add("Mul", ["input", anchors], "output")
    model = build.model({"input": ["N", count]}, {"output": ["N", count], "anchors": [count]})
    got = run(to_half(model), input=np.full((1, count), 2, np.float16))
    assert got["anchors"].dtype == np.float16
    assert got["anchors"].tolist() == list(range(1, 1 + count))
    assert got["output"].tolist() == [[2 * anchor for anchor in range(1, 1 + count)]]


def test_to_half_leaves_what_steers_shapes_and_single_numbers(run: Run) -> None:
    build = tiny_models.Builder()
    scales = build.weight("scales", np.array([1, 1, 2, 2], np.float32))
    slope = build.weight("slope", np.array([0.1], np.float32))
    build.add("Resize", ["input", "", scales], "large", mode="nearest")
    build.add("Mul", ["large", slope], "output")
    half = to_half(build.model({"input": ["N", 3, 8, 8]}, {"output": ["N", 3, 16, 16]}))
    assert {t.name: t.data_type for t in half.graph.initializer} == {
        "scales": TensorProto.FLOAT,
        "slope": TensorProto.FLOAT,
    }
    assert run(half, input=np.ones((1, 3, 8, 8), np.float16))["output"].shape == (1, 3, 16, 16)


def test_to_half_leaves_integer_inputs() -> None:
    build = tiny_models.Builder()
    table = build.normal("table", 10, 4)
    build.add("Gather", [table, "ids"], "output")
    model = build.model({"ids": ["N", 5]}, {"output": ["N", 5, 4]})
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    half = to_half(model)
    assert half.graph.input[0].type.tensor_type.elem_type == TensorProto.INT64
    assert half.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT16


@pytest.mark.parametrize("value", [70000.0, np.inf, np.nan], ids=str)
def test_to_half_refuses_weights_beyond_float16(value: float) -> None:
    model = tiny_models.conv()
    weight = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weight.flat[3] = value
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "output.weight"))
    with pytest.raises(ModelError, match=r"'output\.weight' holds .*float16 ends at 65504"):
        to_half(model)


@pytest.mark.parametrize("lowest", [-np.inf, -np.finfo(np.float32).max], ids=["inf", "finite"])
def test_to_half_keeps_masks_of_the_lowest_number(lowest: float, run: Run) -> None:
    build = tiny_models.Builder()
    mask = build.weight("mask", np.triu(np.full((8, 8), lowest, np.float32), 1))
    build.add("Add", ["input", mask], "masked")
    build.add("Softmax", ["masked"], "output", axis=-1)
    half = to_half(build.model({"input": ["N", 3, 8, 8]}, {"output": ["N", 3, 8, 8]}))
    shares = run(half, input=np.ones((1, 3, 8, 8), np.float16))["output"]
    assert shares[0, 0, 0].tolist() == [1] + [0] * 7
    assert shares[0, 0, 7].tolist() == [1 / 8] * 8
