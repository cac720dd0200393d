# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from vackit.compiler.graph import copy_model, shape_of
from vackit.compiler.reading.lone_image import add_batch_axis, drop_unread_inputs
from vackit.compiler.running import open_session, run
from vackit.compiler.signature import set_inputs
from vackit.testing import tiny_models


def _picture(opset: int = 13, sizes: Any = ("h", "w")) -> onnx.ModelProto:
    """Return a model of a picture (3, height, width) without a batch, as Mask R-CNN is."""
    build = tiny_models.Builder(seed=3)
    build.add("Sub", ["image", build.weight("mean", np.full((3, 1, 1), 0.5, np.float32))], "zero")
    build.add("Relu", ["zero"], "output")
    return build.model({"image": [3, *sizes]}, {"output": [3, *sizes]}, opset)


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("shape", [(3, 4, 6), (1, 3, 4, 6)], ids=["without batch", "with batch"])
def test_set_inputs_gives_a_lone_picture_a_batch_axis(opset: int, shape: tuple[int, ...]) -> None:
    model = _picture(opset)
    want = open_session(copy_model(model), "x.onnx")
    set_inputs(model, {"image": shape}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 3, 4, 6)
    image = np.random.default_rng(1).random((3, 4, 6), np.float32)
    got = run(open_session(model, "x.onnx"), {"image": image[np.newaxis]}, "x.onnx")
    np.testing.assert_array_equal(got["output"], run(want, {"image": image}, "x.onnx")["output"])


def test_set_inputs_takes_a_lone_pictures_own_shape_and_ranges_of_shapes() -> None:
    fixed = _picture(sizes=(4, 6))
    set_inputs(fixed, {}, "x.yaml")
    assert shape_of(fixed.graph.input[0]) == (1, 3, 4, 6)
    ranged = _picture()
    set_inputs(ranged, {}, "x.yaml", {"image": ((3, 4, 4), (3, 8, 8))})
    first, channels, *sizes = shape_of(ranged.graph.input[0]) or ()
    assert (first, channels) == (1, 3)
    assert not any(isinstance(size, int) for size in sizes)


@pytest.mark.parametrize(
    ("inputs", "dtype"),
    [
        ({"tokens": [4, 5, 6]}, TensorProto.FLOAT),
        ({"positions": [3, 1, 6]}, TensorProto.INT64),
        ({"left": [3, 5, 6], "right": [3, 5, 6]}, TensorProto.FLOAT),
        ({}, TensorProto.FLOAT),
    ],
    ids=["other channels", "integers", "two inputs", "no input"],
)
def test_add_batch_axis_leaves_what_is_no_lone_picture(
    inputs: dict[str, list[int]], dtype: int
) -> None:
    build = tiny_models.Builder()
    values = [*inputs] or [build.weight("w", np.ones(2, np.float32))]
    build.add("Identity", [values[0]], "output")
    model = build.model(inputs, {"output": next(iter(inputs.values()), [2])})
    for value in model.graph.input:
        value.type.tensor_type.elem_type = dtype
    before = copy_model(model)
    assert not add_batch_axis(model)
    assert model == before


def _with_unread(shape: list[int]) -> onnx.ModelProto:
    build = tiny_models.Builder()
    build.add("Relu", ["input"], "output")
    model = build.model({"input": shape, "phase_train": [1]}, {"output": shape})
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    return model


def test_drop_unread_inputs_leaves_the_image(caplog: pytest.LogCaptureFixture) -> None:
    model = _with_unread([1, 3, 8, 8])
    drop_unread_inputs(model.graph, "x.yaml")
    assert [value.name for value in model.graph.input] == ["input"]
    assert "x.yaml: no node reads the model's input 'phase_train': left out" in caplog.text


def test_drop_unread_inputs_keeps_those_of_models_without_an_image() -> None:
    model = _with_unread([1, 16])
    drop_unread_inputs(model.graph, "x.yaml")
    assert [value.name for value in model.graph.input] == ["input", "phase_train"]
