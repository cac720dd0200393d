# SPDX-License-Identifier: Apache-2.0
"""Read what MXNet's exporter wrote of channels as it meant it, not as ONNX defines it.

Its face models, ArcFace among them, call every BatchNormalization not spatial, though each
has one number a channel, and give PRelu slopes (channels,), which ONNX lays along columns.
"""

import onnx

from vackit.compiler.graph import (
    Shape,
    add_constant,
    attribute,
    constants,
    inferred_shapes,
    values_of,
)

_IMAGE_AXES = 4


def mend_channel_forms(model: onnx.ModelProto) -> None:
    """Change such nodes of ``model`` in place.

    Slopes are taken for channels where they cannot be for columns in one node at least: then
    their exporter never meant columns.

    Args:
        model: Of opset 7 or newer, checked.
    """
    graph = model.graph
    weights = constants(graph)
    for node in graph.node:
        if node.op_type == "BatchNormalization" and attribute(node, "spatial", 1) == 0:
            scale = weights.get(node.input[1])
            if scale is not None and len(scale.dims) == 1:
                node.attribute.remove(next(a for a in node.attribute if a.name == "spatial"))
    sloping = [node for node in graph.node if node.op_type == "PRelu" and _size(node, weights) > 1]
    shapes = inferred_shapes(model) if sloping else {}
    fitting = [node for node in sloping if _fits(node, weights, shapes, 1)]
    if all(_fits(node, weights, shapes, 3) for node in fitting):
        return
    for node in fitting:
        slopes = values_of(weights[node.input[1]]).reshape(-1, 1, 1)
        node.input[1] = add_constant(graph, f"{node.input[1]}_channels", slopes)


def _size(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> int:
    """Return how many slopes a PRelu has in one row; 0 where they are no such row."""
    slopes = weights.get(node.input[1])
    return slopes.dims[0] if slopes is not None and len(slopes.dims) == 1 else 0


def _fits(
    node: onnx.NodeProto,
    weights: dict[str, onnx.TensorProto],
    shapes: dict[str, Shape],
    axis: int,
) -> bool:
    shape = shapes.get(node.input[0], ())
    return len(shape) == _IMAGE_AXES and shape[axis] == _size(node, weights)
