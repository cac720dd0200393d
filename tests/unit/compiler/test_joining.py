# SPDX-License-Identifier: Apache-2.0
import onnx
import pytest

from vackit.compiler.joining import MAX_WIDENING, join_concats, join_sums
from vackit.compiler.placement import Placement, place
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


def test_join_concats_leaves_a_concat_of_what_stays_float() -> None:
    model = branches()
    placement = place(model)
    ranges = dict.fromkeys(placement.groups, (0.0, 1.0))
    bare = Placement(placement.nodes, {"input": "input"})
    assert join_concats(model.graph, bare, ranges) == bare


def residual(*, relu: bool = False, blocks: int = 1) -> onnx.ModelProto:
    """Convolutions, each added to what came before it; a last one reads the sum."""
    b = GraphBuilder(13, batch_norm=False)
    y = b.conv("input", 3, 4)
    for _ in range(blocks):
        y = b.node("Add", [y, b.conv(y, 4, 4, kernel=3)])
        y = b.node("Relu", [y]) if relu else y
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (b.conv(y, 4, 4), ["N", 4, 8, 8])})


def joined_sums(model: onnx.ModelProto, widths: dict[str, float]) -> list[bool]:
    """Return per Add whether both inputs and the sum share a group, given ranges (-w, w)."""
    placement = place(model)
    ranges = {name: (-widths.get(name, 1.0), widths.get(name, 1.0)) for name in placement.groups}
    groups = join_sums(model.graph, placement, ranges).groups
    stored = {n.input[0]: n.output[0] for n in model.graph.node if n.op_type == "Relu"}
    adds = [node for node in model.graph.node if node.op_type == "Add"]
    sums = [[*node.input, stored.get(node.output[0], node.output[0])] for node in adds]
    return [len({groups[name] for name in names}) == 1 for names in sums]


@pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
def test_join_sums_gives_what_is_alike_one_group(relu: bool) -> None:
    assert joined_sums(residual(relu=relu), {}) == [True]


@pytest.mark.parametrize("blocks", [1, 3])
def test_join_sums_lets_the_sum_of_equal_steps_stay_one(blocks: int) -> None:
    assert joined_sums(residual(blocks=blocks), {}) == [True] * blocks


def test_join_sums_leaves_a_sum_whose_inputs_are_much_narrower() -> None:
    model = residual()
    added = next(node.output[0] for node in model.graph.node if node.op_type == "Add")
    # together two roundings to steps of 1.5, 4.5; apart 1 + 1 + 1.5^2 = 4.25
    assert joined_sums(model, {added: 1.5}) == [False]
    # 2 * 1.4^2 = 3.92; apart 1 + 1 + 1.4^2 = 3.96
    assert joined_sums(model, {added: 1.4}) == [True]


def test_join_sums_leaves_sums_with_what_stays_float() -> None:
    model = residual()
    placement = place(model, frozenset(node.name for node in model.graph.node[:2]))
    ranges = dict.fromkeys(placement.groups, (-1.0, 1.0))
    assert join_sums(model.graph, placement, ranges) == placement
