# SPDX-License-Identifier: Apache-2.0
"""Small questions about convolutions."""

import onnx

from vackit.compiler.graph import Shape, attribute


def is_pointwise(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a convolution that is a matrix product at every pixel.

    Args:
        node: Of any operator.
        known: The graph's constants; the weights must be among them.
    """
    return (
        node.op_type == "Conv"
        and not node.domain
        and node.input[1] in known
        and list(known[node.input[1]].dims[2:]) == [1, 1]
        and attribute(node, "group", 1) == 1
        and set(attribute(node, "strides", [1])) == {1}
        and is_unpadded(node)
    )


def is_depthwise(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a convolution with a group for each channel that it makes.

    Args:
        node: Of any operator.
        known: The graph's constants; the weights must be among them.
    """
    if node.op_type != "Conv" or node.domain or node.input[1] not in known:
        return False
    return bool(1 < attribute(node, "group", 1) == known[node.input[1]].dims[0])


def is_unpadded(node: onnx.NodeProto) -> bool:
    """Tell whether a Conv says that it adds no zeros around its input."""
    automatic = attribute(node, "auto_pad", b"NOTSET")
    return automatic in (b"NOTSET", b"VALID") and not any(attribute(node, "pads", [0]))


def is_fixed_picture(shape: Shape) -> bool:
    """Tell whether a shape is (N, C, H, W) with all but the batch known."""
    return len(shape) == 4 and all(isinstance(size, int) for size in shape[1:])
