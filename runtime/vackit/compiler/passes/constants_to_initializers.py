# SPDX-License-Identifier: Apache-2.0
"""Make Constant nodes initializers."""

from typing import ClassVar

import numpy as np
import onnx
from onnx import numpy_helper

from vackit.compiler.graph import output_names, remove_nodes
from vackit.compiler.passes.base import Pass


class ConstantsToInitializers(Pass):
    """Turn every Constant node of the main graph into an initializer of the same name.

    Other passes then look for constants in one place. Leaves sparse and string constants,
    constants that are graph outputs, and subgraphs alone.
    """

    name: ClassVar[str] = "constants_to_initializers"
    removes: ClassVar[frozenset[str]] = frozenset({"Constant"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Move them; return how many."""
        found = _movable(model.graph)
        model.graph.initializer.extend(tensor for _, tensor in found)
        remove_nodes(model.graph, [node for node, _ in found])
        return len(found)

    def postcondition(self, model: onnx.ModelProto) -> str:
        """Say which Constant is left that could be an initializer."""
        left = [node.name for node, _ in _movable(model.graph)]
        return f"node '{left[0]}' is still a Constant" if left else ""


def _movable(graph: onnx.GraphProto) -> list[tuple[onnx.NodeProto, onnx.TensorProto]]:
    outputs = output_names(graph)
    found = []
    for node in graph.node:
        if node.op_type == "Constant" and not node.domain and node.output[0] not in outputs:
            tensor = _tensor(node)
            if tensor is not None:
                found.append((node, tensor))
    return found


def _tensor(node: onnx.NodeProto) -> onnx.TensorProto | None:
    entry = node.attribute[0]
    name = node.output[0]
    if entry.name == "value":
        tensor = onnx.TensorProto()
        tensor.CopyFrom(entry.t)
        tensor.name = name
        return tensor
    if entry.name == "value_float":
        return numpy_helper.from_array(np.array(entry.f, np.float32), name)
    if entry.name == "value_floats":
        return numpy_helper.from_array(np.array(entry.floats, np.float32), name)
    if entry.name == "value_int":
        return numpy_helper.from_array(np.array(entry.i, np.int64), name)
    if entry.name == "value_ints":
        return numpy_helper.from_array(np.array(entry.ints, np.int64), name)
    return None
