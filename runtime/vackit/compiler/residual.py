# SPDX-License-Identifier: Apache-2.0
"""Find the sums of residual blocks that are better left in float.

The inverted residual block of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, section 3.3)
ends in a pointwise convolution without an activation, whose result is added to that of the
block before. What is added up from block to block is not rounded: a block's own result is,
which is small beside the sum, and of the sum what the next convolution reads. What a chain of
such sums starts from is a matrix product, and that can be scaled to float instead of uint8.
"""

import onnx

from vackit.compiler.graph import Shape, attribute, constants, inferred_shapes, output_names


def float_sums(model: onnx.ModelProto) -> frozenset[str]:
    """Return the names of the Add nodes that only bring together what needs no rounding.

    Both of what they add, of the same fixed channels, height and width, is made by a pointwise
    convolution or by another such sum. What is a graph's output stays out of it.
    """
    graph, shapes = model.graph, inferred_shapes(model)
    known, outputs = constants(graph), output_names(graph)
    exact = {node.output[0] for node in graph.node if is_pointwise(node, known)} - outputs
    found = set()
    for node in graph.node:
        if node.op_type == "Add" and not node.domain and exact.issuperset(node.input):
            sizes = {shapes.get(name, ()) for name in (*node.input, *node.output)}
            if len(sizes) == 1 and _is_fixed(*sizes):
                found.add(node.name)
                exact.update(set(node.output) - outputs)
    return frozenset(found)


def unrounded_values(graph: onnx.GraphProto, sums: frozenset[str]) -> frozenset[str]:
    """Return the results of convolutions that chains of `float_sums` start from.

    They are rounded for the convolution that reads them as well; the sum gets them as they are.
    """
    added = {name for node in graph.node if node.name in sums for name in node.input}
    others = {name for node in graph.node if node.name not in sums for name in node.input}
    made = {name for node in graph.node if node.op_type == "Conv" for name in node.output}
    return frozenset(added & others & made)


def is_pointwise(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a convolution that is a matrix product at every pixel."""
    if node.op_type != "Conv" or node.domain or node.input[1] not in known:
        return False
    dims = known[node.input[1]].dims
    return (
        list(dims[2:]) == [1, 1]
        and attribute(node, "group", 1) == 1
        and not any(attribute(node, "pads", [0]))
        and set(attribute(node, "strides", [1])) == {1}
        and attribute(node, "auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    )


def _is_fixed(shape: Shape) -> bool:
    return len(shape) == 4 and all(isinstance(size, int) for size in shape[1:])
