# SPDX-License-Identifier: Apache-2.0
"""Remove what no output depends on."""

from typing import ClassVar

import onnx

from vackit.compiler.graph import output_names, reads, remove_nodes
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.promises import ANY


class RemoveDead(Pass):
    """Remove nodes and initializers that no graph output depends on.

    Keeps every graph input, used or not: they are the model's signature.
    """

    name: ClassVar[str] = "remove_dead"
    removes: ClassVar[frozenset[str]] = frozenset({ANY})

    def apply(self, model: onnx.ModelProto) -> int:
        """Remove them; return the number of nodes and initializers removed."""
        graph = model.graph
        dead, unused = _dead(graph)
        remove_nodes(graph, dead)
        for position in reversed(unused):
            del graph.initializer[position]
        return len(dead) + len(unused)

    def postcondition(self, model: onnx.ModelProto) -> str:
        """Say how much is left that no output depends on."""
        dead, unused = _dead(model.graph)
        left = f"{len(dead)} nodes and {len(unused)} initializers lead to no output"
        return left if dead or unused else ""


def _dead(graph: onnx.GraphProto) -> tuple[list[onnx.NodeProto], list[int]]:
    """Return the nodes, and the places of the initializers, that no output depends on."""
    needed = output_names(graph)
    dead = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(reads(node))
        else:
            dead.append(node)
    unused = [i for i, tensor in enumerate(graph.initializer) if tensor.name not in needed]
    return dead, unused
