# SPDX-License-Identifier: Apache-2.0
"""Remove what no output depends on."""

from typing import ClassVar

import onnx

from vackit.compiler.graph import output_names, reads, remove_nodes
from vackit.compiler.passes.base import Pass


class RemoveDead(Pass):
    """Remove nodes and initializers that no graph output depends on.

    Keeps every graph input, used or not: they are the model's signature.
    """

    name: ClassVar[str] = "remove_dead"

    def apply(self, model: onnx.ModelProto) -> int:
        """Remove them; return the number of nodes and initializers removed."""
        graph = model.graph
        needed = output_names(graph)
        dead = []
        for node in reversed(graph.node):
            if needed.intersection(node.output):
                needed.update(reads(node))
            else:
                dead.append(node)
        unused = [i for i, tensor in enumerate(graph.initializer) if tensor.name not in needed]
        remove_nodes(graph, dead)
        for position in reversed(unused):
            del graph.initializer[position]
        return len(dead) + len(unused)
