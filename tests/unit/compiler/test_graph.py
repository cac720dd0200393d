# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vackit.compiler.graph import (
    add_constant,
    attribute,
    consumers,
    fresh_name,
    opset_of,
    producers,
    remove_nodes,
    replace_uses,
    set_nodes,
    set_shape,
    shape_of,
    values_of,
)
from vackit.testing import tiny_models

SHAPE = [1, 3, 8, 8]


def _branching() -> onnx.ModelProto:
    """Return a model whose If reads ``relu`` in its branches only."""
    build = tiny_models.Builder()
    build.weight("yes", np.array(True))
    build.add("Relu", ["input"], "relu")
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("Neg", ["relu"], [name], name=f"{name}_neg")],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)],
        )
        for name in ("then", "else")
    }
    build.add("If", ["yes"], "output", **branches)
    return build.model({"input": SHAPE}, {"output": SHAPE})


def test_consumers_and_producers_see_subgraphs() -> None:
    graph = _branching().graph
    assert [node.op_type for node in consumers(graph)["relu"]] == ["If"]
    assert producers(graph)["relu"].op_type == "Relu"
    assert "input" not in producers(graph)


def test_consumers_lists_a_node_once() -> None:
    build = tiny_models.Builder()
    build.add("Add", ["input", "input"], "output")
    graph = build.model({"input": SHAPE}, {"output": SHAPE}).graph
    assert len(consumers(graph)["input"]) == 1


def test_replace_uses_reaches_into_subgraphs() -> None:
    model = _branching()
    replace_uses(model.graph, "relu", "input")
    assert [node.op_type for node in consumers(model.graph)["input"]] == ["Relu", "If"]
    onnx.checker.check_model(model)


def test_fresh_name_avoids_every_name_in_use() -> None:
    graph = _branching().graph
    assert fresh_name(graph, "new") == "new"
    assert fresh_name(graph, "relu") == "relu_1"
    assert fresh_name(graph, "then_neg") == "then_neg_1"


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)], ids=str)
def test_add_constant_keeps_shape_and_values(shape: tuple[int, ...]) -> None:
    graph = tiny_models.conv().graph
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    name = add_constant(graph, "output.weight", values)
    assert name == "output.weight_1"
    assert np.array_equal(values_of(graph.initializer[-1]), values)
    assert values_of(graph.initializer[-1]).shape == shape


def test_remove_nodes_goes_by_identity_not_by_content() -> None:
    graph = tiny_models.residual().graph
    twin = graph.node.add()
    twin.CopyFrom(graph.node[1])
    remove_nodes(graph, [twin])
    assert [node.op_type for node in graph.node] == ["Conv", "Relu", "Conv", "Add", "Relu"]


def test_set_nodes_takes_its_own_nodes_in_another_order() -> None:
    graph = tiny_models.residual().graph
    set_nodes(graph, list(reversed(graph.node)))
    assert [node.op_type for node in graph.node] == ["Relu", "Add", "Conv", "Relu", "Conv"]


def test_shape_of_reads_open_axes_however_they_are_written() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", -1, 0, None, 4])
    assert shape_of(value) == ("N", None, None, None, 4)
    value.type.tensor_type.ClearField("shape")
    assert shape_of(value) is None
    set_shape(value, ("N", 3, None))
    assert shape_of(value) == ("N", 3, None)


def test_attribute_has_a_default() -> None:
    node = helper.make_node("Gemm", ["a", "b"], ["c"], transB=1)
    assert attribute(node, "transB", 0) == 1
    assert attribute(node, "transA", 0) == 0


def test_opset_of_looks_at_the_default_domain() -> None:
    model = tiny_models.conv(opset=17)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 99))
    assert opset_of(model) == 17
    del model.opset_import[:]
    assert opset_of(model) == 0
