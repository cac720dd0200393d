# SPDX-License-Identifier: Apache-2.0
"""Keep the decoding that a model brings along out of int8's reach."""

import onnx

from vackit.compiler.detection.tail import Tail
from vackit.compiler.graph import (
    attribute,
    constants,
    producers,
    replace_uses,
    set_nodes,
    values_of,
)

_MOVING = frozenset({"Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze"})


def write_out_expectations(graph: onnx.GraphProto, tail: Tail) -> int:
    """Write convolutions that take the mean of a softmax as products and sums.

    YOLOv8's export decodes distances so: one 1x1 convolution whose weights are the bins.
    As a convolution int8 would round its distribution; as arithmetic it stays float, as
    post-processing does.

    Returns:
        How many were written out.
    """
    makers, known = producers(graph), constants(graph)
    order: list[onnx.NodeProto] = []
    changes = 0
    for node in list(graph.node):
        if not _is_expectation(node, makers, known):
            order.append(node)
            continue
        changes += 1
        start = len(graph.node)
        weights = tail.floats(values_of(known[node.input[1]]))
        total = tail("ReduceSum", tail("Mul", node.input[0], weights), tail.ints([1]), keepdims=1)
        order.extend(graph.node[start:])
        order[-1].output[0] = node.output[0]
        replace_uses(graph, total, node.output[0])
    if changes:
        set_nodes(graph, order)
    return changes


def _is_expectation(
    node: onnx.NodeProto,
    makers: dict[str, onnx.NodeProto],
    known: dict[str, onnx.TensorProto],
) -> bool:
    if node.op_type != "Conv" or len(node.input) != 2 or node.input[1] not in known:
        return False
    if any(attribute(node, "pads", [])) or set(attribute(node, "strides", [1])) != {1}:
        return False
    shape = known[node.input[1]].dims
    if len(shape) != 4 or shape[0] != 1 or list(shape[2:]) != [1, 1]:
        return False
    maker = makers.get(node.input[0])
    while maker is not None and maker.op_type in _MOVING:
        maker = makers.get(maker.input[0])
    return maker is not None and maker.op_type == "Softmax"
