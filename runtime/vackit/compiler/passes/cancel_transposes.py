# SPDX-License-Identifier: Apache-2.0
"""Remove pairs of Transposes that undo each other."""

from typing import ClassVar

import onnx

from vackit.compiler.graph import (
    attribute,
    output_names,
    producers,
    remove_nodes,
    replace_uses,
)
from vackit.compiler.passes.base import Pass


class CancelTransposes(Pass):
    """Bypass a Transpose that undoes the one before it: NHWC exports begin with such a pair.

    The first of the pair stays where others read it. Leaves pairs alone whose result is a
    graph output.
    """

    name: ClassVar[str] = "cancel_transposes"
    removes: ClassVar[frozenset[str]] = frozenset({"Transpose"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Bypass; return the number of pairs."""
        graph = model.graph
        makers, outputs = producers(graph), output_names(graph)
        undone = []
        for node in graph.node:
            first = makers.get(node.input[0]) if node.op_type == "Transpose" else None
            if first is None or first.op_type != "Transpose" or node.output[0] in outputs:
                continue
            before, after = attribute(first, "perm"), attribute(node, "perm")
            if before and after and [before[axis] for axis in after] == sorted(before):
                replace_uses(graph, node.output[0], first.input[0])
                undone.append(node)
        remove_nodes(graph, undone)
        return len(undone)
