# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from vackit.compiler.graph import set_shape, shape_of
from vackit.compiler.signature import set_inputs
from vackit.errors import ModelError
from vackit.testing import tiny_models


def _nhwc(batch: Any = 1, height: Any = 8) -> onnx.ModelProto:
    build = tiny_models.Builder(seed=7)
    build.add("Transpose", ["input"], "nchw", perm=[0, 3, 1, 2])
    build.conv("nchw", "output", (3, 4))
    return build.model({"input": [batch, height, 8, 3]}, {"output": [batch, 4, height, 8]})


def test_set_inputs_fills_open_axes() -> None:
    build = tiny_models.Builder()
    build.conv("input", "output", (3, 4))
    model = build.model({"input": ["N", 3, "H", "W"]}, {"output": ["N", 4, "H", "W"]})
    set_inputs(model, {"input": (1, 3, 16, 24)}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 3, 16, 24)


def test_set_inputs_believes_the_config_where_the_model_leaves_all_axes_open() -> None:
    model = _nhwc()
    set_shape(model.graph.input[0], ("a", "b", "c", "d"))
    set_inputs(model, {"input": (1, 8, 8, 3)}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 3, 8, 8)


def test_set_inputs_takes_the_models_shapes_when_the_config_has_none() -> None:
    model = tiny_models.conv("N")
    set_inputs(model, {}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 3, 8, 8)


def test_set_inputs_asks_for_a_shape_when_neither_has_it() -> None:
    build = tiny_models.Builder()
    build.conv("input", "output", (3, 4))
    model = build.model({"input": ["N", 3, "H", "W"]}, {"output": ["N", 4, "H", "W"]})
    with pytest.raises(ModelError, match="'input' has no complete shape"):
        set_inputs(model, {}, "x.yaml")


def test_set_inputs_takes_one_shape_for_one_input_whatever_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = tiny_models.conv("N")
    set_inputs(model, {"data": (1, 3, 8, 8)}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 3, 8, 8)
    assert "x.yaml: frontend.shape names 'data'; taken for the model's one input" in caplog.text


def test_set_inputs_names_the_input_that_a_name_is_near() -> None:
    build = tiny_models.Builder()
    build.add("Add", ["left", "right"], "output")
    model = build.model({"left": [1, 2], "right": [1, 2]}, {"output": [1, 2]})
    with pytest.raises(ModelError, match=r"names 'data'; the model's inputs are left, right"):
        set_inputs(model, {"data": (1, 2)}, "x.yaml")


def test_set_inputs_names_an_input_that_the_config_leaves_out() -> None:
    build = tiny_models.Builder()
    build.add("Add", ["left", "right"], "output")
    model = build.model({"left": [1, 2], "right": [1, 2]}, {"output": [1, 2]})
    with pytest.raises(ModelError, match="says nothing of the model's input 'right'"):
        set_inputs(model, {"left": (1, 2)}, "x.yaml")
    with pytest.raises(ModelError, match=r"names 'rigth'.*\n.*did you mean 'right'"):
        set_inputs(model, {"left": (1, 2), "rigth": (1, 2)}, "x.yaml")


@pytest.mark.parametrize("shape", [(1, 3, 9, 8), (1, 3, 8), (1, 1, 8, 8)], ids=str)
def test_set_inputs_refuses_a_shape_that_the_model_does_not_take(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"but the model takes \['N', 3, 8, 8\]"):
        set_inputs(tiny_models.conv(), {"input": shape}, "x.yaml")


def test_set_inputs_refuses_sizes_below_one() -> None:
    with pytest.raises(ModelError, match="is no shape"):
        set_inputs(tiny_models.conv(), {"input": (1, 3, 0, 8)}, "x.yaml")


def test_set_inputs_refuses_a_fixed_batch_above_one() -> None:
    with pytest.raises(ModelError, match="fixed to a batch of 4"):
        set_inputs(tiny_models.conv(batch=4), {"input": (1, 3, 8, 8)}, "x.yaml")


@pytest.mark.parametrize(
    ("shape", "height"),
    [((1, 8, 8, 3), 8), ((1, 3, 8, 8), 8), ((1, 8, 8, 3), "H"), ((1, 3, 8, 8), "H")],
    ids=["nhwc", "nchw", "nhwc-open", "nchw-open"],
)
def test_set_inputs_takes_nchw_for_a_channels_last_model(
    run: Callable[..., dict[str, Any]], shape: tuple[int, ...], height: Any
) -> None:
    image = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    want = run(_nhwc(), input=image.transpose(0, 2, 3, 1))["output"]
    model = _nhwc(height=height)
    set_inputs(model, {"input": shape}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 3, 8, 8)
    assert np.array_equal(run(model, input=image)["output"], want)


def test_set_inputs_leaves_inputs_that_are_no_images() -> None:
    build = tiny_models.Builder()
    weight = build.normal("w", 6, 4)
    build.add("MatMul", ["tokens", weight], "output")
    model = build.model({"tokens": ["N", 6]}, {"output": ["N", 4]})
    set_inputs(model, {"tokens": (1, 6)}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 6)


def test_set_inputs_takes_a_column_of_many_channels_for_channels_first() -> None:
    build = tiny_models.Builder()
    build.conv("input", "output", (300, 4), kernel=1)
    model = build.model({"input": ["N", 300, 1, 1]}, {"output": ["N", 4, 1, 1]})
    set_inputs(model, {"input": (1, 300, 1, 1)}, "x.yaml")
    assert shape_of(model.graph.input[0]) == (1, 300, 1, 1)


def test_set_inputs_keeps_matrices_without_batch_axis() -> None:
    build = tiny_models.Builder()
    build.add("MatMul", ["rows", "columns"], "output")
    model = build.model({"rows": [20, 4], "columns": [1, 4, 9]}, {"output": [1, 20, 9]})
    shapes = {"rows": (20, 4), "columns": (1, 4, 9)}
    set_inputs(model, shapes, "x.yaml")
    assert {value.name: shape_of(value) for value in model.graph.input} == shapes
    with pytest.raises(ModelError, match=r"fixed to a batch of 20: \[20, 4\]") as caught:
        set_inputs(model, shapes | {"rows": (1, 4)}, "x.yaml")
    assert caught.value.hint == "if it has no batch, set frontend.shape.rows to [20, 4]"


def test_set_inputs_sees_no_batch_where_first_axes_differ() -> None:
    build = tiny_models.Builder()
    build.add("Mul", ["mask", "voxels"], "output")
    model = build.model({"voxels": ["v", 4], "mask": ["n", 4]}, {"output": ["v", 4]})
    shapes = {"voxels": (20, 4), "mask": (1, 4)}
    set_inputs(model, shapes, "x.yaml")
    assert {value.name: shape_of(value) for value in model.graph.input} == shapes


def test_set_inputs_passes_over_shapes_of_inputs_that_were_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    build = tiny_models.Builder()
    build.add("Mul", ["ids", "mask"], "output")
    model = build.model({"ids": [1, 4], "mask": [1, 4]}, {"output": [1, 4]})
    shapes = {"ids": (1, 4), "mask": (1, 4), "types": (1, 4)}
    set_inputs(model, shapes, "x.yaml")
    assert "x.yaml: frontend.shape: the model takes no 'types'" in caplog.text
