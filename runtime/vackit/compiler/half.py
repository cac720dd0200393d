# SPDX-License-Identifier: Apache-2.0
"""Make the fp16 form: float16 weights, inputs and outputs, float32 arithmetic between."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.graph import copy_model, output_names, replace, replace_uses, set_nodes
from vackit.errors import ModelError

# what these read from their constants steers shapes; it keeps its full precision
_SHAPE_OPS = frozenset({"Resize", "Upsample", "Range", "Pad", "Clip"})
# a weight of these that float16 does not hold breaks the layer on a card
_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_MAX = float(np.finfo(np.float16).max)


def to_half(model: onnx.ModelProto, where: object = "") -> onnx.ModelProto:
    """Return ``model`` with float16 storage and signature; its arithmetic stays float32.

    Names of inputs and outputs stay. Weights are rounded half to even; those of a single
    element and those that steer shapes stay float32, as do constants beside the layers that
    float16 does not hold, such as the lowest float32 in the masks of text models.

    Args:
        model: float32; left as it is.
        where: What to name in errors: the model's file.

    Raises:
        ModelError: A layer's weight is beyond what float16 holds (65504), or NaN is anywhere.
    """
    half = copy_model(model)
    graph = half.graph
    _copy_constant_outputs(graph)
    before = [*_narrow_weights(graph, where), *_narrow_inputs(graph)]
    after = _narrow_outputs(graph)
    set_nodes(graph, [*before, *graph.node, *after])
    del graph.value_info[:]
    return half


def _copy_constant_outputs(graph: onnx.GraphProto) -> None:
    """Let a node make each output that is a constant, such as a detector's anchors."""
    outputs = output_names(graph)
    for tensor in graph.initializer:
        if (name := tensor.name) in outputs:
            tensor.name = f"{name}/constant"
            replace_uses(graph, name, tensor.name)
            copy = helper.make_node("Identity", [tensor.name], [name], name=f"{name}/Identity")
            graph.node.append(copy)


def _narrow_weights(graph: onnx.GraphProto, where: object) -> list[onnx.NodeProto]:
    kept = {name for node in graph.node if node.op_type in _SHAPE_OPS for name in node.input}
    layers = {name for node in graph.node if node.op_type in _LAYERS for name in node.input}
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or tensor.name in kept:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size <= 1:
            continue
        name = tensor.name
        largest = float(np.abs(values).max())
        if not largest <= _MAX:
            if name not in layers and not np.isnan(largest):
                continue
            raise ModelError(
                f"initializer '{name}' holds {largest:g}, float16 ends at {_MAX:g}",
                where=where,
                hint="build with --set backend.dtype=fp32",
            )
        stored = f"{name}/float16"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(_cast(stored, name, TensorProto.FLOAT))
    return casts


def _narrow_inputs(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    casts = []
    for value in graph.input:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            inside = f"{value.name}/float32"
            replace_uses(graph, value.name, inside)
            casts.append(_cast(value.name, inside, TensorProto.FLOAT))
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return casts


def _narrow_outputs(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    casts = []
    for value in graph.output:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            inside = f"{value.name}/result"
            replace_uses(graph, value.name, inside)
            for node in graph.node:
                replace(node.output, value.name, inside)
            casts.append(_cast(inside, value.name, TensorProto.FLOAT16))
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return casts


def _cast(source: str, target: str, dtype: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}/Cast", to=dtype)
