# SPDX-License-Identifier: Apache-2.0
"""Let a constant of a Concat follow the batch: the class token of a vision transformer."""

import numpy as np
import onnx
from onnx import helper

from vackit.compiler.graph import (
    Shape,
    add_constant,
    attribute,
    constants,
    fresh_name,
    set_nodes,
)

# before it there is no Expand
_OLDEST_OPSET = 8


def expand_constants(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    batched: dict[str, Shape],
    probe: int,
    opset: int,
) -> bool:
    """Expand every constant of a Concat whose other inputs have a batch of ``probe``.

    Args:
        graph: The graph of ``node``, changed in place.
        node: Any node; one that is no such Concat is left alone.
        batched: Shapes for a batch of ``probe``.
        probe: Size that only a batch axis has.
        opset: Of the default domain.

    Returns:
        Whether a constant was expanded.
    """
    if node.op_type != "Concat" or attribute(node, "axis") == 0 or opset < _OLDEST_OPSET:
        return False
    known = constants(graph)
    fixed = [p for p, n in enumerate(node.input) if n in known and list(known[n].dims)[:1] == [1]]
    moving = [n for n in node.input if n not in known and batched.get(n, ())[:1] == (probe,)]
    if not fixed or len(fixed) + len(moving) < len(node.input) or not moving:
        return False
    added: list[onnx.NodeProto] = []
    for position in fixed:
        rank = len(known[node.input[position]].dims)
        node.input[position] = _expanded(graph, node, position, moving[0], rank, added)
    before = next(i for i, other in enumerate(graph.node) if other.name == node.name)
    set_nodes(graph, [*graph.node[:before], *added, *graph.node[before:]])
    return True


def _expanded(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    position: int,
    leader: str,
    rank: int,
    added: list[onnx.NodeProto],
) -> str:
    stem = fresh_name(graph, f"{node.name}_batch{position}")
    first = add_constant(graph, f"{stem}/first", np.array([0], np.int64))
    ones = add_constant(graph, f"{stem}/ones", np.ones(rank - 1, np.int64))
    whole, size, shape, wide = (f"{stem}/{part}" for part in ("whole", "size", "shape", "wide"))
    added += [
        helper.make_node("Shape", [leader], [whole], name=whole),
        helper.make_node("Gather", [whole, first], [size], name=size, axis=0),
        helper.make_node("Concat", [size, ones], [shape], name=shape, axis=0),
        helper.make_node("Expand", [node.input[position], shape], [wide], name=wide),
    ]
    return wide
