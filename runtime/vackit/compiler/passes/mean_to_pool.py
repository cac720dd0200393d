# SPDX-License-Identifier: Apache-2.0
"""Write the mean over a picture as the pooling that it is."""

from collections.abc import Sequence
from typing import ClassVar

import onnx
from onnx import helper

from vackit.compiler.graph import (
    Shape,
    attribute,
    constants,
    fresh_name,
    inferred_shapes,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.base import Pass

_PICTURE = [2, 3]


class MeanToPool(Pass):
    """Replace ReduceMean over height and width by GlobalAveragePool.

    The same mean, behind a Flatten where the axes are dropped: how PyTorch's ``x.mean([2, 3])``
    and Keras' pooling are exported. Of a pooling there is an integer kernel. Leaves means over
    other axes, or of anything but a picture, alone.
    """

    name: ClassVar[str] = "mean_to_pool"
    removes: ClassVar[frozenset[str]] = frozenset({"ReduceMean"})
    adds: ClassVar[frozenset[str]] = frozenset({"Flatten", "GlobalAveragePool"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Replace; return the number of means."""
        graph = model.graph
        if not any(node.op_type == "ReduceMean" for node in graph.node):
            return 0  # shapes take a while to find
        shapes, known = inferred_shapes(model), constants(graph)
        nodes: list[onnx.NodeProto] = []
        changes = 0
        for node in graph.node:
            found = node.op_type == "ReduceMean" and _is_over_a_picture(node, shapes, known)
            nodes += _as_pool(graph, node) if found else [node]
            changes += found
        if changes:
            set_nodes(graph, nodes)
        return changes


def _is_over_a_picture(
    node: onnx.NodeProto, shapes: dict[str, Shape], known: dict[str, onnx.TensorProto]
) -> bool:
    axes: Sequence[int] = attribute(node, "axes", ())
    if len(node.input) > 1 and node.input[1] in known:
        axes = values_of(known[node.input[1]]).tolist()
    shape = shapes.get(node.input[0], ())
    return len(shape) == 4 and sorted(axis % len(shape) for axis in axes) == _PICTURE


def _as_pool(graph: onnx.GraphProto, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    output = node.output[0]
    if attribute(node, "keepdims", 1):
        return [helper.make_node("GlobalAveragePool", node.input[:1], [output], name=node.name)]
    pooled = fresh_name(graph, f"{output}_pooled")
    return [
        helper.make_node("GlobalAveragePool", node.input[:1], [pooled], name=node.name),
        helper.make_node("Flatten", [pooled], [output], name=fresh_name(graph, f"{output}_flat")),
    ]
