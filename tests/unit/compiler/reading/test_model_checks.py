# SPDX-License-Identifier: Apache-2.0
"""What the compiler cannot start from is named; what it can inline or lower, it does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from vackit.compiler.frontend import read_model, read_onnx
from vackit.compiler.graph import opset_of
from vackit.compiler.reading.new_opset import lower_new_opset, newest_opset
from vackit.compiler.running import open_session
from vackit.config.build import BuildConfig
from vackit.errors import ModelError, UnsupportedOpError
from vackit.testing import tiny_models
from vackit.testing.tiny_models import Builder

MakeConfig = Callable[..., BuildConfig]


def _quantized() -> onnx.ModelProto:
    build = Builder()
    scale = build.weight("scale", np.array(0.1, np.float32))
    zero = build.weight("zero", np.array(3, np.uint8))
    build.add("QuantizeLinear", ["input", scale, zero], "steps")
    build.add("DequantizeLinear", ["steps", scale, zero], "output")
    return build.model({"input": [1, 3, 8, 8]}, {"output": [1, 3, 8, 8]}, 13)


def test_read_model_refuses_to_quantize_twice(make_config: MakeConfig) -> None:
    with pytest.raises(UnsupportedOpError, match=r"'steps_QuantizeLinear' .* quantized already"):
        read_model(make_config(_quantized(), "int8"))
    assert read_model(make_config(_quantized(), "fp32")).graph.node


def test_read_onnx_refuses_constants_larger_than_their_shapes(tmp_path: Path) -> None:
    model = tiny_models.conv()
    tensor = model.graph.initializer[0]
    tensor.raw_data += bytes(4)
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match=rf"constant '{tensor.name}' of shape .* cannot reshape"):
        read_onnx(tmp_path / "x.onnx")


def test_read_onnx_names_custom_operators(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.graph.node[0].domain, model.graph.node[0].name = "com.acme", "fancy"
    model.opset_import.append(helper.make_opsetid("com.acme", 1))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(UnsupportedOpError, match=r"'fancy' is the custom operator com\.acme\.Conv"):
        read_onnx(tmp_path / "m.onnx")


def test_read_onnx_inlines_functions(tmp_path: Path) -> None:
    body = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Neg", ["h"], ["y"])]
    function = helper.make_function(
        "pkg.local", "NegRelu", ["x"], ["y"], body, [helper.make_opsetid("", 13)]
    )
    build = Builder()
    build.add("NegRelu", ["input"], "output", domain="pkg.local")
    graph = helper.make_graph(
        build.nodes,
        "graph",
        [helper.make_tensor_value_info("input", 1, [1, 3])],
        [helper.make_tensor_value_info("output", 1, [1, 3])],
    )
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("pkg.local", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=imports, ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    read = read_onnx(tmp_path / "m.onnx")
    assert [node.op_type for node in read.graph.node] == ["Relu", "Neg"]
    assert not read.functions


def test_lower_new_opset_renumbers_operators_that_did_not_change() -> None:
    newest = newest_opset()
    model = tiny_models.residual()
    model.opset_import[0].version = max(newest, onnx.defs.onnx_opset_version())
    lower_new_opset(model, "m.onnx")
    assert opset_of(model) == newest
    open_session(model, "m.onnx")


def test_lower_new_opset_leaves_what_runs_alone() -> None:
    model = tiny_models.conv(opset=newest_opset())
    before = model.SerializeToString()
    lower_new_opset(model, "m.onnx")
    assert model.SerializeToString() == before


NEW: dict[str, tuple[int, str, dict[str, Any], bool]] = {
    # a new operator, an attribute that its older version lacks, and one that it has not set
    "swish": (24, "Swish", {}, False),
    "mode": (28, "SpaceToDepth", {"blocksize": 2, "mode": "CRD"}, False),
    "usual mode": (28, "SpaceToDepth", {"blocksize": 2}, True),
    "types": (28, "Cast", {"to": onnx.TensorProto.FLOAT}, True),
}


@pytest.mark.parametrize(("opset", "op_type", "options", "is_same"), NEW.values(), ids=NEW)
def test_lower_new_opset_names_a_node_that_changed(
    monkeypatch: pytest.MonkeyPatch, opset: int, op_type: str, options: Any, is_same: bool
) -> None:
    if onnx.defs.onnx_opset_version() < opset:
        pytest.skip(f"the installed onnx does not know opset {opset}")
    # as if the installed ONNX Runtime were older
    monkeypatch.setattr("vackit.compiler.reading.new_opset.newest_opset", lambda: 21)
    build = Builder()
    build.add(op_type, ["input"], "output", **options)
    model = build.model({"input": [1, 3, 8, 8]}, {"output": ["N", "C", "H", "W"]}, opset, 10)
    if is_same:
        lower_new_opset(model, "m.onnx")
        assert opset_of(model) == 21
        open_session(model, "m.onnx")
    else:
        with pytest.raises(UnsupportedOpError, match=rf"\({op_type}\) is of opset .* to 21"):
            lower_new_opset(model, "m.onnx")
