# SPDX-License-Identifier: Apache-2.0
"""Poolings in float whose result is rounded, shielded from what ONNX Runtime makes of them.

Rounding commutes with taking a maximum, and ONNX Runtime moves it to before the pooling. For
one whose neighbors are float it has no byte-wise kernel worth the name: forty times slower
than in float, three times the whole ShuffleNetV2 x0.5. It does not look behind a Max of one
value, which only copies.
"""

import onnx
from onnx import helper

from vackit.compiler.graph import consumers, output_names, producers, replace_uses, set_nodes

SHIELD = "/pooled"
"""What is added to a value's name for its copy."""


def lower_pools(model: onnx.ModelProto) -> int:
    """Copy the results of poolings in float that are rounded next, in place; return how many."""
    graph = model.graph
    makers, readers, outputs = producers(graph), consumers(graph), output_names(graph)
    nodes: list[onnx.NodeProto] = []
    copies: list[str] = []
    for node in graph.node:
        nodes.append(node)
        value = node.output[0] if node.output else ""
        kinds = {reader.op_type for reader in readers.get(value, [])}
        if node.op_type != "MaxPool" or value in outputs or "QuantizeLinear" not in kinds:
            continue
        maker = makers.get(node.input[0])
        if maker is None or maker.op_type != "DequantizeLinear":
            copies.append(value)
    for value in copies:
        replace_uses(graph, value, value + SHIELD)
        at = next(index for index, node in enumerate(nodes) if value in node.output)
        nodes.insert(at + 1, helper.make_node("Max", [value], [value + SHIELD], value + SHIELD))
    if copies:
        set_nodes(graph, nodes)
    return len(copies)


def lift_pools(model: onnx.ModelProto) -> None:
    """Undo `lower_pools`, in place."""
    graph = model.graph
    shields = [n for n in graph.node if n.op_type == "Max" and n.name.endswith(SHIELD)]
    for shield in shields:
        replace_uses(graph, shield.output[0], shield.input[0])
    if shields:
        names = {shield.name for shield in shields}
        set_nodes(graph, [node for node in graph.node if node.name not in names])
