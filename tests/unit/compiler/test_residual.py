# SPDX-License-Identifier: Apache-2.0
import onnx
import pytest
from onnx import helper
from tests.inverted_residuals import inverted_residuals

from vackit.compiler.graph import set_shape
from vackit.compiler.placement import place
from vackit.compiler.residual import float_sums, unrounded_values
from vackit.testing.graph_builder import GraphBuilder


def sums_of(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node if node.op_type == "Add"]


def one_sum(kind: str) -> onnx.ModelProto:
    """A convolution, and the sum of it with what `kind` says, read by another."""
    b = GraphBuilder(13, batch_norm=False)
    x = b.conv("input", 3, 4)
    other = {
        "pointwise": lambda: b.conv(x, 4, 4),
        "activated": lambda: b.node("Relu", [b.conv(x, 4, 4)]),
        "3x3": lambda: b.conv(x, 4, 4, kernel=3),
        "grouped": lambda: b.conv(x, 4, 4, groups=2),
        "constant": lambda: b.constant([[[[1.0]]]], "float32"),
        "broadcast": lambda: b.conv(b.node("GlobalAveragePool", [x]), 4, 4),
    }[kind]()
    y = b.conv(b.node("Add", [x, other]), 4, 4)
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 4, 8, 8])})


def test_float_sums_are_those_of_pointwise_convolutions_and_of_such_sums() -> None:
    model = inverted_residuals(blocks=3)
    assert float_sums(model) == frozenset(sums_of(model))
    assert len(float_sums(model)) == 3


@pytest.mark.parametrize("kind", ["activated", "3x3", "grouped", "constant", "broadcast"])
def test_float_sums_leaves_a_sum_with_anything_else(kind: str) -> None:
    assert len(float_sums(one_sum("pointwise"))) == 1
    assert not float_sums(one_sum(kind))


def test_float_sums_leaves_sums_of_unknown_size() -> None:
    model = one_sum("pointwise")
    set_shape(model.graph.input[0], ("N", 3, "H", "W"))
    set_shape(model.graph.output[0], ("N", 4, "H", "W"))
    assert not float_sums(model)


def test_float_sums_takes_a_sum_that_is_an_output_but_not_what_reads_it_there() -> None:
    model = inverted_residuals(blocks=2, ends_in_sum=True)
    assert float_sums(model) == frozenset(sums_of(model))
    first = next(node for node in model.graph.node if node.op_type == "Add")
    value = helper.make_tensor_value_info(first.output[0], onnx.TensorProto.FLOAT, ["N", 8, 8, 8])
    model.graph.output.append(value)
    assert float_sums(model) == {first.name}


def test_unrounded_values_are_what_chains_of_sums_start_from() -> None:
    model = inverted_residuals(blocks=2)
    first = next(node for node in model.graph.node if node.op_type == "Add")
    assert unrounded_values(model.graph, float_sums(model)) == {first.input[0]}


def test_place_rounds_what_convolutions_make_and_read_of_a_chain_of_sums() -> None:
    model = inverted_residuals(blocks=2)
    placement = place(model)
    adds = [node for node in model.graph.node if node.op_type == "Add"]
    assert placement.nodes.isdisjoint(node.name for node in adds)
    assert {name for node in adds for name in (*node.input, *node.output)} <= set(placement.groups)
    assert placement.unrounded == {adds[0].input[0]}


def test_place_leaves_sums_in_float_when_a_convolution_before_them_is_excluded() -> None:
    model = inverted_residuals(blocks=2)
    branch = next(node for node in model.graph.node if node.op_type == "Add").input[1]
    whole, without = place(model), place(model, frozenset({branch}))
    assert whole.nodes - without.nodes == {branch}
    assert set(without.groups) <= set(whole.groups)
