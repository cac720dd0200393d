# SPDX-License-Identifier: Apache-2.0
import onnx
import pytest

from vackit.compiler.joining import MAX_WIDENING, join_concats
from vackit.compiler.placement import place
from vackit.testing.graph_builder import GraphBuilder


def branches() -> onnx.ModelProto:
    """Two convolutions, concatenated, read by a third."""
    b = GraphBuilder(13, batch_norm=False)
    left = b.node("Relu", [b.conv("input", 3, 4)])
    right = b.node("Relu", [b.conv("input", 3, 4)])
    y = b.conv(b.node("Concat", [left, right], axis=1), 8, 4)
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 4, 8, 8])})


def joined_groups(right_width: float) -> dict[str, str]:
    model = branches()
    placement = place(model)
    ranges = dict.fromkeys(placement.groups, (0.0, 1.0))
    relus = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    concat = next(node.output[0] for node in model.graph.node if node.op_type == "Concat")
    ranges |= {relus[1]: (0.0, right_width), concat: (0.0, max(1.0, right_width))}
    groups = join_concats(model.graph, placement, ranges).groups
    return {"left": groups[relus[0]], "right": groups[relus[1]], "concat": groups[concat]}


def test_join_concats_gives_inputs_and_output_one_group() -> None:
    groups = joined_groups(2.0)
    assert groups["left"] == groups["right"] == groups["concat"]


@pytest.mark.parametrize("width", [MAX_WIDENING * 1.01, 1 / (MAX_WIDENING * 1.01)], ids=str)
def test_join_concats_leaves_ranges_that_are_far_apart(width: float) -> None:
    groups = joined_groups(width)
    assert groups["left"] != groups["right"]


def test_join_concats_leaves_values_that_nothing_joins() -> None:
    model = branches()
    placement = place(model)
    ranges = dict.fromkeys(placement.groups, (0.0, 1.0))
    joined = join_concats(model.graph, placement, ranges)
    assert joined.groups["input"] == "input"
    assert joined.nodes == placement.nodes
