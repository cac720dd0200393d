# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from vackit.compiler.dynamic import range_of, set_range
from vackit.compiler.graph import opset_of
from vackit.compiler.opset import raise_opset
from vackit.errors import UnsupportedOpError
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]


def _old_clip(version: int) -> onnx.ModelProto:
    build = tiny_models.Builder(seed=8)
    build.conv("input", "conv", (3, 4))
    build.add("Clip", ["conv"], "output", min=0.0, max=0.5)
    return build.model({"input": [1, 3, 8, 8]}, {"output": [1, 4, 8, 8]}, version, ir_version=4)


@pytest.mark.parametrize("version", [7, 9, 10])
def test_raise_opset_keeps_the_outputs(version: int, run: Run) -> None:
    model = _old_clip(version)
    x = np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32)
    want = run(model, input=x)["output"]
    assert raise_opset(model, "m.onnx") == 1
    assert opset_of(model) == 13
    assert np.array_equal(run(model, input=x)["output"], want)
    names = [node.name for node in model.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_raise_opset_keeps_the_ranges_of_sizes() -> None:
    model = _old_clip(10)
    ranges = {"input": ((1, 3, 8, 8), (1, 3, 16, 16)), "output": ((1, 4, 8, 8), (1, 4, 16, 16))}
    for value in (*model.graph.input, *model.graph.output):
        set_range(value, *ranges[value.name])
    raise_opset(model, "m.onnx")
    values = (*model.graph.input, *model.graph.output)
    assert {value.name: range_of(value) for value in values} == ranges


def test_raise_opset_leaves_newer_models_alone() -> None:
    model = tiny_models.conv(opset=17)
    assert raise_opset(model, "m.onnx") == 0
    assert opset_of(model) == 17


def test_raise_opset_names_the_node_that_stops_it() -> None:
    # Scan lost its sequence lengths with opset 9
    build = tiny_models.Builder()
    build.weight("lengths", np.array([3], np.int64))
    body = helper.make_graph(
        [helper.make_node("Add", ["state", "item"], ["sum"])],
        "body",
        [helper.make_tensor_value_info(name, 1, [2]) for name in ("state", "item")],
        [helper.make_tensor_value_info("sum", 1, [2])],
    )
    build.add("Relu", ["input"], "relu")
    inputs = ["lengths", "start", "relu"]
    build.add("Scan", inputs, "output", body=body, num_scan_inputs=1)
    model = build.model({"input": [1, 3, 2], "start": [1, 2]}, {"output": [1, 2]}, 8, ir_version=4)
    model.graph.node[1].name = "loop"
    with pytest.raises(UnsupportedOpError, match=r"node 'loop' \(Scan\) of opset 8") as caught:
        raise_opset(model, "m.onnx")
    assert "build fp16 or fp32" in caught.value.hint


def test_raise_opset_refuses_a_conversion_that_computes_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
        node = model.graph.node[1]
        node.CopyFrom(helper.make_node("Relu", ["conv"], ["output"]))
        model.opset_import[0].version = version
        return model

    monkeypatch.setattr("onnx.version_converter.convert_version", wrong)
    with pytest.raises(UnsupportedOpError, match="opset 9 to 13 changes the outputs by"):
        raise_opset(_old_clip(9), "m.onnx")


def test_raise_opset_refuses_a_conversion_that_does_not_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
        model.opset_import[0].version = version
        return model

    monkeypatch.setattr("onnx.version_converter.convert_version", wrong)
    with pytest.raises(UnsupportedOpError, match="opset 9 does not convert to 13"):
        raise_opset(_old_clip(9), "m.onnx")
