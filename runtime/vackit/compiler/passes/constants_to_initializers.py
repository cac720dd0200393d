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

    def apply(self, model: onnx.ModelProto) -> int:
        """Move them; return how many."""
        graph = model.graph
        outputs = output_names(graph)
        moved = []
        for node in graph.node:
            if node.op_type != "Constant" or node.domain or node.output[0] in outputs:
                continue
            tensor = _tensor(node)
            if tensor is not None:
                graph.initializer.append(tensor)
                moved.append(node)
        remove_nodes(graph, moved)
        return len(moved)


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
