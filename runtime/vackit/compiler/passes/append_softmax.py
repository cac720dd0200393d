# SPDX-License-Identifier: Apache-2.0
"""Append the Softmax that ``graph.extra_ops`` asks for."""

from typing import ClassVar

import onnx
from onnx import helper

from vackit.compiler.graph import (
    fresh_name,
    producers,
    replace,
    replace_uses,
    shape_of,
)
from vackit.compiler.passes.base import Pass
from vackit.errors import ModelError


class AppendSoftmax(Pass):
    """Append Softmax over the last axis of the only output, logits of shape (batch, classes).

    The output keeps its name, shape and dtype; its values become probabilities.
    """

    name: ClassVar[str] = "append_softmax"
    adds: ClassVar[frozenset[str]] = frozenset({"Softmax"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Append it.

        Raises:
            ModelError: There is not exactly one two-dimensional output, or the model
                already ends in Softmax.
        """
        graph = model.graph
        if len(graph.output) != 1:
            raise ModelError(
                "graph.extra_ops softmax needs a model with one output, this one has "
                f"{', '.join(value.name for value in graph.output)}",
                hint="remove graph.extra_ops",
            )
        output = graph.output[0]
        shape = shape_of(output)
        if shape is None or len(shape) != 2:
            raise ModelError(
                f"graph.extra_ops softmax needs logits of shape (batch, classes); output "
                f"'{output.name}' has {shape}",
                hint="remove graph.extra_ops",
            )
        maker = producers(graph).get(output.name)
        if maker is not None and maker.op_type == "Softmax":
            raise ModelError(
                f"the model already ends in Softmax (node '{maker.name}'); graph.extra_ops "
                "would apply a second one",
                hint="remove graph.extra_ops",
            )
        _append(graph, output.name, maker)
        return 1


def _append(graph: onnx.GraphProto, name: str, maker: onnx.NodeProto | None) -> None:
    logits = name
    if maker is not None:
        logits = fresh_name(graph, f"{name}_logits")
        replace(maker.output, name, logits)
        replace_uses(graph, name, logits)
    # axis 1 is the last of two, and means the same in every opset
    node = helper.make_node("Softmax", [logits], [name], axis=1)
    node.name = fresh_name(graph, f"{name}_Softmax")
    graph.node.append(node)
