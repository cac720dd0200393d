# SPDX-License-Identifier: Apache-2.0
"""Let models compute in float32, from which the compiler starts, and take images in it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, ValueInfoProto, numpy_helper

from vackit.compiler.graph import copy_model, subgraphs
from vackit.compiler.model_checks import all_nodes, all_tensors
from vackit.compiler.running import open_session
from vackit.errors import ModelError

logger = logging.getLogger(__name__)

_NAMES: dict[int, str] = {
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
}
# attributes that hold an element type: of Cast, of what makes values out of nothing
_TYPE_ATTRIBUTES = ("dtype", "output_datatype", "output_dtype", "to")
# of uint8 these round, or begin at 0 again behind 255
_ROUNDING = frozenset(
    {"Add", "Div", "Einsum", "GridSample", "Mod", "Mul", "Pow", "Resize", "Sub", "Upsample"}
)
_IMAGE_AXES = 4
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


def images_to_float32(model: onnx.ModelProto, path: Path) -> None:
    """Turn uint8 images (4 axes) into float32 inputs, as preprocessing makes them: 0 to 255.

    Where something inside needs uint8 itself, or computes otherwise in it, the inputs stay.

    Args:
        model: Changed in place.
        path: Its file, for the log.
    """
    images = [value.name for value in model.graph.input if _is_image(value)]
    if not images or _computes_in_uint8(model):
        return
    trial = copy_model(model)
    for value in trial.graph.input:
        if _is_image(value):
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del trial.graph.value_info[:]
    try:
        open_session(trial, path)
    except ModelError as error:
        logger.info("%s: the uint8 input stays: %s", path, error)
        return
    _drop_idle_casts(trial)
    model.CopyFrom(trial)
    logger.warning(
        "%s: uint8 becomes float32, from 0 to 255 as pixels are: '%s'", path, "', '".join(images)
    )


def _is_image(value: ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.elem_type == TensorProto.UINT8 and len(tensor.shape.dim) == _IMAGE_AXES


def _computes_in_uint8(model: onnx.ModelProto) -> bool:
    graph = onnx.shape_inference.infer_shapes(model).graph
    kind = TensorProto.UINT8
    whole = {value.name for value in _values(graph) if value.type.tensor_type.elem_type == kind}
    return any(
        node.op_type in _ROUNDING
        and not whole.isdisjoint(node.input)
        and not whole.isdisjoint(node.output)
        for node in all_nodes(graph)
    )


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
