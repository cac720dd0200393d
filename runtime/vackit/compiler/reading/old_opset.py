# SPDX-License-Identifier: Apache-2.0
"""Bring models of opsets 3 to 6 to opset 7, the oldest that ONNX Runtime runs.

Source of every difference: ONNX operator changelog, versions 1 to 7 of each operator.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from vackit.compiler.graph import (
    add_constant,
    attribute,
    constants,
    consumers,
    fresh_name,
    inferred_shapes,
    opset_of,
    output_names,
    set_nodes,
    values_of,
)
from vackit.errors import UnsupportedOpError

OPSET = 7
# reshaped as their attributes `broadcast` and `axis` say, which opset 7 no longer has
_BINARY = frozenset(
    {"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"}
)
_RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
# initializers need not be listed as inputs from here on
_IR_VERSION = 4

Change = Callable[[onnx.GraphProto, onnx.NodeProto], None]


def raise_old_opset(model: onnx.ModelProto, where: object) -> None:
    """Rewrite ``model`` in place where it is older than opset 7.

    Args:
        model: Of opset 3 to 6, checked, its nodes named; any newer one is left alone.
        where: What to name in errors: the model's file.

    Raises:
        UnsupportedOpError: A node has no form in opset 7, or needs shapes that are not known.
    """
    opset = opset_of(model)
    if opset >= OPSET:
        return
    graph = model.graph
    pending: dict[str, int] = {}
    for node in graph.node:
        _refuse(graph, node, opset, where)
        broadcast, axis = attribute(node, "broadcast", 0), attribute(node, "axis")
        if node.op_type == "PRelu" or (node.op_type in _BINARY and broadcast and axis is not None):
            pending[node.name] = 1 if node.op_type == "PRelu" else axis
        if node.op_type in _BINARY:
            _drop(node, "axis")
        _drop(node, "consumed_inputs", "broadcast", "is_test")
        if node.op_type in _CHANGES:
            _CHANGES[node.op_type](graph, node)
    for entry in model.opset_import:
        entry.version = OPSET if entry.domain in ("", "ai.onnx") else entry.version
    model.ir_version = max(model.ir_version, _IR_VERSION)
    _align_all(model, pending, where)


def _refuse(graph: onnx.GraphProto, node: onnx.NodeProto, opset: int, where: object) -> None:
    reason = ""
    if node.op_type in _RECURRENT or (node.op_type == "Tile" and opset < 6):
        reason = f"has no form in opset {OPSET}"
    used = {*consumers(graph), *output_names(graph)} if len(node.output) > 1 else set()
    if node.op_type == "BatchNormalization" and used.intersection(node.output[1:]):
        reason = "is in training mode"
    if reason:
        raise UnsupportedOpError(
            f"node '{node.name}' ({node.op_type}) of opset {opset} {reason}",
            where=where,
            hint="export the model for inference, with opset 13 or newer",
        )


def _drop(node: onnx.NodeProto, *names: str) -> None:
    kept = [entry for entry in node.attribute if entry.name not in names]
    del node.attribute[:]
    node.attribute.extend(kept)


def _set(node: onnx.NodeProto, name: str, value: Any) -> None:
    _drop(node, name)
    node.attribute.append(helper.make_attribute(name, value))


def _batch_norm(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    del node.output[1:]


def _cast(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    target = attribute(node, "to")
    if isinstance(target, bytes):
        _set(node, "to", TensorProto.DataType.Value(target.decode().upper()))


def _concat(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    _set(node, "axis", attribute(node, "axis", 1))


def _reshape(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    shape = attribute(node, "shape")
    if shape is not None and len(node.input) == 1:
        node.input.append(add_constant(graph, f"{node.name}_shape", np.array(shape, np.int64)))
    _drop(node, "shape")


def _upsample(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    if attribute(node, "scales") is None:
        factors = [attribute(node, f"{side}_scale", 1.0) for side in ("height", "width")]
        _set(node, "scales", [1.0, 1.0, *factors])
    _drop(node, "height_scale", "width_scale")


_CHANGES: dict[str, Change] = {
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Concat": _concat,
    "Reshape": _reshape,
    "Upsample": _upsample,
}


def _align_all(model: onnx.ModelProto, pending: dict[str, int], where: object) -> None:
    """Give second operands the axes of size 1 that put theirs where ``axis`` said."""
    shapes = inferred_shapes(model)
    for name, axis in pending.items():
        node = next(node for node in model.graph.node if node.name == name)
        if not {*node.input[:2]} <= shapes.keys():
            # those before it are in their new form now
            shapes = inferred_shapes(model)
        if not {*node.input[:2]} <= shapes.keys():
            raise UnsupportedOpError(
                f"node '{name}' ({node.op_type}) broadcasts along an axis of a value whose "
                "shape is not known",
                where=where,
                hint="export the model with opset 13 or newer",
            )
        rank, inner = (len(shapes[operand]) for operand in node.input[:2])
        missing = rank - (axis % max(rank, 1)) - inner
        # a single slope of a PRelu counts for all channels
        if missing > 0 and inner > 0 and shapes[node.input[1]] != (1,):
            _align(model.graph, node, missing, inner)


def _align(graph: onnx.GraphProto, node: onnx.NodeProto, missing: int, inner: int) -> None:
    operand = node.input[1]
    known = constants(graph)
    if operand in known:
        values = values_of(known[operand])
        shape = (*values.shape, *[1] * missing)
        node.input[1] = add_constant(graph, f"{operand}_aligned", values.reshape(shape))
        return
    node.input[1] = fresh_name(graph, f"{operand}_aligned")
    added = helper.make_node(
        "Unsqueeze",
        [operand],
        [node.input[1]],
        name=node.input[1],
        axes=list(range(inner, inner + missing)),
    )
    position = next(i for i, other in enumerate(graph.node) if other.name == node.name)
    set_nodes(graph, [*graph.node[:position], added, *graph.node[position:]])
