# SPDX-License-Identifier: Apache-2.0
"""Infer shapes through what a graph computes from its own shapes.

ONNX's inference follows the values of Shape nodes from opset 15 on, and through few
operators. Older exports compute the targets of their Reshapes; here these are evaluated.
"""

import logging
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

logger = logging.getLogger(__name__)

# what shapes are computed with; small, so that a value of a network is never taken for one
_ARITHMETIC = frozenset(
    {
        *("Add", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Floor", "Gather"),
        *("Max", "Min", "Mod", "Mul", "Neg", "Range", "ReduceProd", "Reshape", "Shape", "Size"),
        *("Slice", "Split", "Squeeze", "Sub", "Unsqueeze", "Where"),
    }
)
_MAX_ELEMENTS = 64

Values = dict[str, NDArray[Any]]


def infer_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with the shapes of its values noted, as far as they can be known.

    Args:
        model: Left as it is. The sizes of its inputs are taken at their word.

    Returns:
        A copy without the weights: those of more than a few elements stand among the inputs.
    """
    model = _without_weights(model)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    if not any(node.op_type in ("Shape", "Size") for node in model.graph.node):
        return inferred
    known: Values = {}
    while True:
        found = _evaluate(inferred, known)
        if len(found) == len(known):
            return inferred
        known = found
        inferred = onnx.shape_inference.infer_shapes(_with_constants(model, known), data_prop=True)


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy that knows large initializers by their shape alone: inference copies them."""
    light = onnx.ModelProto(ir_version=model.ir_version)
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    graph, full = light.graph, model.graph
    graph.name = full.name
    graph.node.extend(full.node)
    graph.output.extend(full.output)
    graph.value_info.extend(full.value_info)
    listed = {value.name for value in full.input}
    graph.input.extend(full.input)
    for tensor in full.initializer:
        if np.prod(tensor.dims) <= _MAX_ELEMENTS:
            graph.initializer.append(tensor)
        elif tensor.name not in listed:
            dims = list(tensor.dims)
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, dims))
    return light


def _with_constants(model: onnx.ModelProto, known: Values) -> onnx.ModelProto:
    """Return a copy in which the nodes that make known values are left out."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = [node for node in copy.graph.node if not all(name in known for name in node.output)]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del copy.graph.node[:]
    copy.graph.node.extend(kept)
    made = {name for node in model.graph.node for name in node.output}
    copy.graph.initializer.extend(
        numpy_helper.from_array(values, name) for name, values in known.items() if name in made
    )
    return copy


def _evaluate(inferred: onnx.ModelProto, known: Values) -> Values:
    """Return ``known`` and what can be computed now that the shapes in ``inferred`` are."""
    graph = inferred.graph
    sizes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
        if _is_complete(value)
    }
    constants = {
        tensor.name: np.asarray(numpy_helper.to_array(tensor)) for tensor in graph.initializer
    }
    found = dict(known)
    for node in graph.node:
        if node.op_type in ("Shape", "Size"):
            if node.input[0] in sizes:
                found[node.output[0]] = _shape(node, sizes[node.input[0]])
        elif node.op_type in _ARITHMETIC and any(name in found for name in node.input):
            feeds = {n: found.get(n, constants.get(n)) for n in node.input if n}
            complete = {n: values for n, values in feeds.items() if values is not None}
            if len(complete) == len(feeds):
                found |= _run(inferred, node, complete)
    return found


def _is_complete(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.HasField("shape") and all(dim.dim_value > 0 for dim in tensor.shape.dim)


def _shape(node: onnx.NodeProto, sizes: list[int]) -> NDArray[Any]:
    if node.op_type == "Size":
        return np.array(np.prod(sizes, dtype=np.int64))
    bounds = {entry.name: entry.i for entry in node.attribute}
    return np.array(sizes[bounds.get("start", 0) : bounds.get("end", len(sizes))], np.int64)


def _run(model: onnx.ModelProto, node: onnx.NodeProto, feeds: Values) -> Values:
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(values.dtype), list(values.shape)
        )
        for name, values in feeds.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "shape", inputs, outputs)
    single = helper.make_model(graph, opset_imports=list(model.opset_import))
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(single).run(None, feeds)
    except Exception as error:  # the evaluator raises many classes; the shape stays unknown
        logger.debug("%s is not evaluated: %s", node.name, error)
        return {}
    names = [name for name in node.output if name]
    made = {name: np.asarray(values) for name, values in zip(names, results, strict=True)}
    return {} if any(values.size > _MAX_ELEMENTS for values in made.values()) else made
