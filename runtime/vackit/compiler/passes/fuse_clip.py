# SPDX-License-Identifier: Apache-2.0
"""Write a Relu bounded by Min as the Clip that it is."""

from typing import ClassVar

import numpy as np
import onnx
from onnx import helper

from vackit.compiler.graph import (
    add_constant,
    constants,
    consumers,
    opset_of,
    output_names,
    producers,
    remove_nodes,
    values_of,
)
from vackit.compiler.passes.base import Pass


class FuseClip(Pass):
    """Replace Min(Relu(x), c), c > 0 a single number, by Clip(x, 0, c): ReLU6 as Keras exports it.

    Leaves a Relu that others read too, and a Min of anything but one number, alone.
    """

    name: ClassVar[str] = "fuse_clip"
    removes: ClassVar[frozenset[str]] = frozenset({"Min", "Relu"})
    adds: ClassVar[frozenset[str]] = frozenset({"Clip"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Fuse; return the number of pairs."""
        graph = model.graph
        makers, readers, known = producers(graph), consumers(graph), constants(graph)
        outputs = output_names(graph)
        fused = []
        for node in graph.node:
            if node.op_type != "Min" or len(node.input) != 2:
                continue
            for source, bound in (tuple(node.input), tuple(reversed(node.input))):
                relu = makers.get(source)
                if relu is None or relu.op_type != "Relu" or bound not in known:
                    continue
                limit = values_of(known[bound])
                alone = len(readers[source]) == 1 and source not in outputs
                if alone and limit.size == 1 and limit.ndim < 5 and float(limit.ravel()[0]) > 0:
                    _to_clip(model, node, relu.input[0], float(limit.ravel()[0]))
                    fused.append(relu)
                break
        remove_nodes(graph, fused)
        return len(fused)


def _to_clip(model: onnx.ModelProto, node: onnx.NodeProto, source: str, limit: float) -> None:
    if opset_of(model) < 11:
        clip = helper.make_node("Clip", [source], list(node.output), min=0.0, max=limit)
    else:
        low = add_constant(model.graph, f"{node.name}_min", np.array(0, np.float32))
        high = add_constant(model.graph, f"{node.name}_max", np.array(limit, np.float32))
        clip = helper.make_node("Clip", [source, low, high], list(node.output))
    clip.name = node.name
    node.CopyFrom(clip)
