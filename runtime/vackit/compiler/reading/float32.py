# SPDX-License-Identifier: Apache-2.0
"""Let models of other floating precisions compute in float32, from which the compiler starts."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, ValueInfoProto, numpy_helper

from vackit.compiler.graph import subgraphs
from vackit.compiler.reading.model_checks import all_nodes, all_tensors

logger = logging.getLogger(__name__)

_NAMES: dict[int, str] = {
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
}
# attributes that hold an element type: of Cast, of what makes values out of nothing
_TYPE_ATTRIBUTES = ("dtype", "output_datatype", "output_dtype", "to")
_LARGEST = float(np.finfo(np.float32).max)


def to_float32(model: onnx.ModelProto, path: Path) -> None:
    """Turn float16, bfloat16 and float64 into float32: inputs, outputs, weights, computations.

    Float64 that only shapes are computed with stays, where nothing else is float64:
    floor(size * scale) may depend on it.
    What float32 does not hold becomes its largest number.

    Args:
        model: Changed in place.
        path: Its file, for the log.
    """
    found = _found(model.graph)
    if not found:
        return
    logger.info("%s: %s is taken as float32", path, ", ".join(found.values()))
    for tensor in all_tensors(model.graph):
        if tensor.data_type in found:
            _widen(tensor)
    for value in _values(model.graph):
        if value.type.tensor_type.elem_type in found:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for attribute in _type_attributes(model.graph):
        if attribute.i in found:
            attribute.i = TensorProto.FLOAT
    _drop_idle_casts(model)


def _found(graph: onnx.GraphProto) -> dict[int, str]:
    """Return the precisions that inputs, outputs, weights or computations have."""
    kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    kinds |= {tensor.data_type for tensor in all_tensors(graph) if len(tensor.dims) > 1}
    small = {tensor.data_type for tensor in all_tensors(graph)}
    small |= {attribute.i for attribute in _type_attributes(graph)}
    kinds |= small - {TensorProto.DOUBLE}
    return {kind: name for kind, name in _NAMES.items() if kind in kinds}


def _type_attributes(graph: onnx.GraphProto) -> Iterator[AttributeProto]:
    for node in all_nodes(graph):
        yield from (each for each in node.attribute if _is_type(each))


def _is_type(attribute: AttributeProto) -> bool:
    return attribute.name in _TYPE_ATTRIBUTES and attribute.type == AttributeProto.INT


def _values(graph: onnx.GraphProto) -> Iterator[ValueInfoProto]:
    """Yield what a graph and its subgraphs say about their values."""
    yield from (*graph.input, *graph.output, *graph.value_info)
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _values(inner)


def _widen(tensor: TensorProto) -> None:
    values = np.asarray(numpy_helper.to_array(tensor))
    if tensor.data_type == TensorProto.DOUBLE:
        values = np.where(np.isfinite(values), values.clip(-_LARGEST, _LARGEST), values)
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))


def _drop_idle_casts(model: onnx.ModelProto) -> None:
    """Make identities of the casts from float32 to float32 that are left of others."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    floats = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            floats.add(value.name)
    for node in model.graph.node:
        if node.op_type == "Cast" and floats.issuperset((*node.input, *node.output)):
            node.op_type = "Identity"
            del node.attribute[:]
