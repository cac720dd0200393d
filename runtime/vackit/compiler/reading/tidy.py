# SPDX-License-Identifier: Apache-2.0
"""Fill in what runtimes do without and ONNX's checker asks for."""

import contextlib
from collections.abc import Iterable

import onnx
from onnx import TensorProto

from vackit.compiler.reading.model_checks import all_nodes

# what ONNX calls its own domain where it is not left empty
_OWN_DOMAIN = "ai.onnx"


def tidy(model: onnx.ModelProto) -> None:
    """Name the graph and ONNX's own domain alike, and type outputs, in ``model`` itself.

    Outputs that people add to see a value inside are often nothing but a name; where the type
    cannot be inferred it is float32.
    """
    graph = model.graph
    graph.name = graph.name or "graph"
    _clear_domain(all_nodes(graph))
    _merge_domain(model)
    untyped = [value for value in graph.output if not value.HasField("type")]
    if not untyped:
        return
    types = {}
    # what it raises of a damaged model, the checker tells better
    with contextlib.suppress(onnx.shape_inference.InferenceError):
        inferred = onnx.shape_inference.infer_shapes(model).graph
        types = {value.name: value.type for value in (*inferred.output, *inferred.value_info)}
    for value in untyped:
        value.type.CopyFrom(types.get(value.name, onnx.TypeProto()))
        if value.type.WhichOneof("value") is None:
            value.type.tensor_type.elem_type = TensorProto.FLOAT


def _clear_domain(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        if node.domain == _OWN_DOMAIN:
            node.domain = ""


def _merge_domain(model: onnx.ModelProto) -> None:
    for function in model.functions:
        _clear_domain(function.node)
        for entry in function.opset_import:
            entry.domain = "" if entry.domain == _OWN_DOMAIN else entry.domain
    for entry in model.opset_import:
        entry.domain = "" if entry.domain == _OWN_DOMAIN else entry.domain
