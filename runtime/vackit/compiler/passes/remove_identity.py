# SPDX-License-Identifier: Apache-2.0
"""Remove nodes that hand on their input."""

from typing import ClassVar

import onnx

from vackit.compiler.graph import (
    attribute,
    constants,
    consumers,
    output_names,
    producers,
    remove_nodes,
    replace,
    replace_uses,
    values_of,
)
from vackit.compiler.passes.base import Pass


class RemoveIdentity(Pass):
    """Remove Identity, and Dropout as inference sees it.

    Leaves a Dropout in training mode or with a used mask alone, and an Identity that joins
    a graph input, a constant or another graph output straight to a graph output.
    """

    name: ClassVar[str] = "remove_identity"
    removes: ClassVar[frozenset[str]] = frozenset({"Dropout", "Identity"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Remove them; return how many."""
        graph = model.graph
        removed: list[onnx.NodeProto] = []
        for node in graph.node:
            if _hands_on(graph, node) and _bypass(graph, node):
                removed.append(node)
        remove_nodes(graph, removed)
        return len(removed)


def _hands_on(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    if node.domain or node.op_type not in ("Identity", "Dropout"):
        return False
    if node.op_type == "Identity":
        return True
    if len(node.input) > 2 and node.input[2]:
        training = constants(graph).get(node.input[2])
        if training is None or bool(values_of(training)):
            return False
    if attribute(node, "is_test", 1) == 0:
        return False
    mask = node.output[1] if len(node.output) > 1 else ""
    return not mask or (mask not in consumers(graph) and mask not in output_names(graph))


def _bypass(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    source, target = node.input[0], node.output[0]
    outputs = output_names(graph)
    if target not in outputs:
        replace_uses(graph, target, source)
        return True
    maker = producers(graph).get(source)
    if maker is None or source in outputs:
        return False
    # the graph's output keeps its name: the producer takes it over
    replace(maker.output, source, target)
    replace_uses(graph, source, target)
    return True
