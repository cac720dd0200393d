# SPDX-License-Identifier: Apache-2.0
"""Write a classifier that is a 1x1 convolution on one pixel as the matrix product it is."""

from typing import ClassVar

import numpy as np
import onnx
from onnx import helper

from vackit.compiler.convolution import is_pointwise
from vackit.compiler.graph import (
    Shape,
    add_constant,
    constants,
    consumers,
    fresh_name,
    inferred_shapes,
    output_names,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.base import Pass

_FLATTENING = frozenset({"Flatten", "Reshape", "Squeeze"})


class ConvToGemm(Pass):
    """Replace Conv(1x1) on a 1x1 picture and the Flatten behind it by Flatten and Gemm.

    The same products and sums. In integers a Gemm may return its int32 sums as floats, so
    that logits need not pass through 8 bits. Leaves grouped convolutions, and those whose
    output is read by others or stays a picture, alone.
    """

    name: ClassVar[str] = "conv_to_gemm"
    removes: ClassVar[frozenset[str]] = _FLATTENING | {"Conv"}
    adds: ClassVar[frozenset[str]] = frozenset({"Flatten", "Gemm"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Replace; return the number of convolutions."""
        graph = model.graph
        readers, outputs, known = consumers(graph), output_names(graph), constants(graph)
        pairs = {
            node.output[0]: readers[node.output[0]][0]
            for node in graph.node
            if _is_product(node, known)
            and node.output[0] not in outputs
            and [reader.op_type in _FLATTENING for reader in readers.get(node.output[0], [])]
            == [True]
        }
        # shapes take a while to find, and most models have no such pair
        shapes = inferred_shapes(model) if pairs else {}
        nodes: list[onnx.NodeProto] = []
        dropped: set[str] = set()
        for node in graph.node:
            behind = pairs.get(node.output[0])
            if behind is not None and _is_one_pixel(node, behind, shapes, known):
                nodes.extend(_as_gemm(graph, node, behind, known))
                dropped.add(behind.output[0])
            elif node.output[0] not in dropped:
                nodes.append(node)
        set_nodes(graph, nodes)
        return len(dropped)


def _is_one_pixel(
    conv: onnx.NodeProto,
    flatten: onnx.NodeProto,
    shapes: dict[str, Shape],
    known: dict[str, onnx.TensorProto],
) -> bool:
    flat = shapes.get(flatten.output[0], ())
    return (
        shapes.get(conv.input[0], ())[2:] == (1, 1)
        and len(flat) == 2
        and flat[1] == known[conv.input[1]].dims[0]
    )


def _is_product(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    return is_pointwise(node, known) and all(name in known for name in node.input[1:] if name)


def _as_gemm(
    graph: onnx.GraphProto,
    conv: onnx.NodeProto,
    flatten: onnx.NodeProto,
    known: dict[str, onnx.TensorProto],
) -> list[onnx.NodeProto]:
    weight = values_of(known[conv.input[1]])
    matrix = add_constant(graph, f"{conv.input[1]}_matrix", weight[:, :, 0, 0])
    has_bias = len(conv.input) > 2 and bool(conv.input[2])
    zeros = np.zeros(len(weight), np.float32)
    # before opset 11 a Gemm has to have a bias
    bias = conv.input[2] if has_bias else add_constant(graph, f"{conv.name}.bias", zeros)
    flat = fresh_name(graph, f"{conv.input[0]}_flat")
    return [
        helper.make_node("Flatten", [conv.input[0]], [flat], name=f"{flat}_Flatten", axis=1),
        helper.make_node(
            "Gemm", [flat, matrix, bias], [flatten.output[0]], name=conv.name, transB=1
        ),
    ]
