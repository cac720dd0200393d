# SPDX-License-Identifier: Apache-2.0
"""Find the sums of residual blocks that are better left in float.

The inverted residual block of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, section 3.3)
ends in a pointwise convolution without an activation, whose result is added to that of the
block before. What is added up from block to block is not rounded: a block's own result is,
which is small beside the sum, and of the sum what the next convolution reads. What a chain of
such sums starts from is a matrix product, and that can be scaled to float instead of uint8.
"""

import onnx

from vackit.compiler.convolution import is_fixed_picture, is_pointwise
from vackit.compiler.graph import constants, inferred_shapes, output_names


def float_sums(model: onnx.ModelProto) -> frozenset[str]:
    """Return the names of the Add nodes that sum up what pointwise convolutions make.

    Each of the two things added is made by such a convolution or is another such sum, and both
    have the same known channels, height and width. A sum that is a graph's output ends its
    chain.
    """
    graph, shapes = model.graph, inferred_shapes(model)
    known, outputs = constants(graph), output_names(graph)
    exact = {node.output[0] for node in graph.node if is_pointwise(node, known)} - outputs
    found = set()
    for node in graph.node:
        if node.op_type == "Add" and not node.domain and exact.issuperset(node.input):
            sizes = {shapes.get(name, ()) for name in (*node.input, *node.output)}
            if len(sizes) == 1 and is_fixed_picture(*sizes):
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
