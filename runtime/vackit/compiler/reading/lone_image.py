# SPDX-License-Identifier: Apache-2.0
"""Leave a model of images with one input, which has a batch axis."""

import logging

import numpy as np
import onnx
from onnx import TensorProto, helper

from vackit.compiler.graph import (
    add_constant,
    fresh_name,
    opset_of,
    output_names,
    reads,
    replace_uses,
    set_nodes,
    set_shape,
    shape_of,
)

logger = logging.getLogger(__name__)

_IMAGE_AXES = 4
_CHANNELS = 3
# from it on Squeeze takes its axes as an input
_AXES_INPUT_OPSET = 13


def drop_unread_inputs(graph: onnx.GraphProto, where: object) -> None:
    """Drop inputs that no node reads, such as a training switch, where one image is left.

    Those of text models stay: programs pass tensors in the order of the inputs.
    """
    used = output_names(graph).union(*(reads(node) for node in graph.node))
    unread = [value for value in graph.input if value.name not in used]
    images = [value for value in graph.input if value.name in used]
    if not unread or len(images) != 1 or len(shape_of(images[0]) or ()) != _IMAGE_AXES:
        return
    for value in unread:
        logger.warning("%s: no node reads the model's input '%s': left out", where, value.name)
        graph.input.remove(value)


def add_batch_axis(model: onnx.ModelProto) -> bool:
    """Give a model whose one input is a picture (3, height, width) a batch of one in front.

    Returns:
        Whether it is such a model, as detectors of several stages are.
    """
    graph = model.graph
    if len(graph.input) != 1:
        return False
    value = graph.input[0]
    shape = shape_of(value) or ()
    is_picture = len(shape) == _IMAGE_AXES - 1 and shape[0] == _CHANNELS
    is_float = value.type.tensor_type.elem_type == TensorProto.FLOAT
    if not (is_picture and is_float):
        return False
    inside = fresh_name(graph, f"{value.name}_chw")
    replace_uses(graph, value.name, inside)
    node = helper.make_node("Squeeze", [value.name], [inside], name=f"{inside}_Squeeze")
    if opset_of(model) < _AXES_INPUT_OPSET:
        node.attribute.append(helper.make_attribute("axes", [0]))
    else:
        node.input.append(add_constant(graph, f"{inside}_axes", np.array([0])))
    set_nodes(graph, [node, *graph.node])
    set_shape(value, (1, *shape))
    return True
