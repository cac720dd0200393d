# SPDX-License-Identifier: Apache-2.0
"""Write a matrix product and the bias behind it as the Gemm that they are."""

from typing import ClassVar

import onnx
from onnx import helper

from vackit.compiler.graph import (
    add_constant,
    constants,
    consumers,
    inferred_shapes,
    output_names,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.base import Pass

# a MatMul, the Add behind it, and the name of what is added
_Pair = tuple[onnx.NodeProto, onnx.NodeProto, str]


class MatMulToGemm(Pass):
    """Replace MatMul(x, W) and Add(b) by Gemm(x, W, b): how Paddle and Keras export a classifier.

    The same products and sums. A runtime would do it too, but after quantization, where it
    leaves the weights to be dequantized at every run. Leaves products of anything but a
    matrix and a constant matrix, those that others read, and biases that are not one number a
    column alone.
    """

    name: ClassVar[str] = "matmul_to_gemm"
    removes: ClassVar[frozenset[str]] = frozenset({"Add", "MatMul"})
    adds: ClassVar[frozenset[str]] = frozenset({"Gemm"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Replace; return the number of products."""
        graph = model.graph
        pairs = _candidates(graph)
        # shapes take a while to find, and many models have no such pair
        shapes = inferred_shapes(model) if pairs else {}
        pairs = [pair for pair in pairs if len(shapes.get(pair[0].input[0], ())) == 2]
        gemms = {
            product.output[0]: _as_gemm(graph, product, add, bias) for product, add, bias in pairs
        }
        gone = {add.output[0] for _, add, _ in pairs}
        nodes = [
            gemms.get(node.output[0], node) for node in graph.node if gone.isdisjoint(node.output)
        ]
        if pairs:
            set_nodes(graph, nodes)
        return len(pairs)


def _candidates(graph: onnx.GraphProto) -> list[_Pair]:
    readers, outputs, known = consumers(graph), output_names(graph), constants(graph)
    pairs: list[_Pair] = []
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[0] in known or node.input[1] not in known:
            continue
        behind = readers.get(node.output[0], [])
        if [reader.op_type for reader in behind] != ["Add"] or node.output[0] in outputs:
            continue
        others = [name for name in behind[0].input if name != node.output[0]]
        sizes = list(known[node.input[1]].dims)
        if len(others) == 1 and others[0] in known and len(sizes) == 2:
            bias = known[others[0]]
            if list(bias.dims) in ([sizes[1]], [1, sizes[1]]):
                pairs.append((node, behind[0], others[0]))
    return pairs


def _as_gemm(
    graph: onnx.GraphProto, product: onnx.NodeProto, add: onnx.NodeProto, bias: str
) -> onnx.NodeProto:
    tensor = constants(graph)[bias]
    if len(tensor.dims) == 2:
        bias = add_constant(graph, f"{bias}_row", values_of(tensor).reshape(-1))
    return helper.make_node("Gemm", [*product.input, bias], list(add.output), name=product.name)
