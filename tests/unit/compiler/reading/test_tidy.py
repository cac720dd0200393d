# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vackit.compiler.frontend import read_onnx
from vackit.compiler.reading.tidy import tidy
from vackit.compiler.running import open_session, run
from vackit.testing import tiny_models


def test_read_onnx_takes_a_graph_without_name(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.graph.name = ""
    onnx.save(model, tmp_path / "x.onnx")
    assert read_onnx(tmp_path / "x.onnx").graph.name == "graph"


def test_read_onnx_takes_the_spelled_out_domain_of_onnx(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.opset_import[0].domain = "ai.onnx"
    for node in model.graph.node:
        node.domain = "ai.onnx"
    onnx.save(model, tmp_path / "x.onnx")
    read = read_onnx(tmp_path / "x.onnx")
    assert {node.domain for node in read.graph.node} == {""}
    assert [entry.domain for entry in read.opset_import] == [""]


def test_tidy_spells_the_domain_alike_inside_functions() -> None:
    imports = [helper.make_opsetid("ai.onnx", 13)]
    inner = helper.make_node("Relu", ["a"], ["b"], domain="ai.onnx")
    model = tiny_models.conv()
    model.functions.append(helper.make_function("local", "relu", ["a"], ["b"], [inner], imports))
    tidy(model)
    assert model.functions[0].node[0].domain == ""
    assert model.functions[0].opset_import[0].domain == ""


@pytest.mark.parametrize("op", ["Relu", "Shape"])
def test_read_onnx_types_outputs_that_are_but_a_name(tmp_path: Path, op: str) -> None:
    build = tiny_models.Builder()
    build.add(op, ["input"], "inside")
    build.add("Neg", ["input"], "output")
    model = build.model({"input": ["N", 3, 8, 8]}, {"output": ["N", 3, 8, 8]})
    model.graph.output.append(onnx.ValueInfoProto(name="inside"))
    onnx.save(model, tmp_path / "x.onnx")
    read = read_onnx(tmp_path / "x.onnx")
    got = run(open_session(read, "x.onnx"), {"input": np.ones((2, 3, 8, 8), np.float32)}, "x.onnx")
    want = np.ones((2, 3, 8, 8)) if op == "Relu" else np.array([2, 3, 8, 8])
    np.testing.assert_array_equal(got["inside"], want)


def test_tidy_takes_what_cannot_be_inferred_for_float32() -> None:
    model = tiny_models.conv()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node.append(
        helper.make_node("Gelu", ["output"], ["inside"], domain="com.microsoft", name="gelu")
    )
    model.graph.output.append(onnx.ValueInfoProto(name="inside"))
    tidy(model)
    assert model.graph.output[1].type.tensor_type.elem_type == TensorProto.FLOAT


def test_tidy_types_outputs_where_nothing_can_be_inferred() -> None:
    build = tiny_models.Builder()
    build.add("Relu", ["input"], "output")
    model = build.model({"input": [1, 9]}, {"output": [1, 9]})
    twin = helper.make_tensor("input", TensorProto.FLOAT16, [1, 9], bytes(18), raw=True)
    model.graph.initializer.append(twin)
    model.graph.output[0].ClearField("type")
    tidy(model)
    assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
