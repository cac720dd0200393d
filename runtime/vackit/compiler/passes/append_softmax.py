# SPDX-License-Identifier: Apache-2.0
"""Append the Softmax that ``graph.extra_ops`` asks for."""

import logging
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

logger = logging.getLogger(__name__)


class AppendSoftmax(Pass):
    """Append Softmax to the only output, logits of shape (batch, classes).

    Axes of size 1 may follow. The output keeps its name, shape and dtype; its values become
    probabilities. Where a Softmax makes it they are that already.
    """

    name: ClassVar[str] = "append_softmax"
    adds: ClassVar[frozenset[str]] = frozenset({"Softmax"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Append it.

        Raises:
            ModelError: There is not exactly one output, or it is no row of logits.
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
        if shape is None or len(shape) < 2 or any(size != 1 for size in shape[2:]):
            raise ModelError(
                f"graph.extra_ops softmax needs logits of shape (batch, classes); output "
                f"'{output.name}' has {shape}",
                hint="remove graph.extra_ops",
            )
        maker = producers(graph).get(output.name)
        if maker is not None and maker.op_type == "Softmax":
            logger.warning(
                "graph.extra_ops: the model already ends in Softmax (node '%s'), no other is added",
                maker.name,
            )
            return 0
        _append(graph, output.name, maker)
        return 1


def _append(graph: onnx.GraphProto, name: str, maker: onnx.NodeProto | None) -> None:
    logits = name
    if maker is not None:
        logits = fresh_name(graph, f"{name}_logits")
        replace(maker.output, name, logits)
        replace_uses(graph, name, logits)
    # behind axis 1 are single values alone, so that it means the same in every opset
    node = helper.make_node("Softmax", [logits], [name], axis=1)
    node.name = fresh_name(graph, f"{name}_Softmax")
    graph.node.append(node)
