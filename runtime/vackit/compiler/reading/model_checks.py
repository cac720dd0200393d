# SPDX-License-Identifier: Apache-2.0
"""Refuse what the compiler cannot start from, naming it."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import numpy_helper

from vackit.compiler.graph import subgraphs
from vackit.errors import ModelError, UnsupportedOpError

# domains of the operators that ONNX Runtime brings along
_DOMAINS = ("ai.onnx", "com.microsoft", "com.ms")
_QUANTIZED = (
    *("ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"),
    *("QLinear", "QuantizeLinear"),
)


def refuse_unknown_operators(graph: onnx.GraphProto, path: Path) -> None:
    """Refuse operators of domains that ONNX Runtime does not bring along.

    Raises:
        UnsupportedOpError: Names the first such node.
    """
    for node in all_nodes(graph):
        if node.domain and not node.domain.startswith(_DOMAINS):
            raise UnsupportedOpError(
                f"node '{node.name}' is the custom operator {node.domain}.{node.op_type}",
                where=path,
                hint="export the model with standard ONNX operators",
            )


def refuse_damaged_tensors(graph: onnx.GraphProto, path: Path) -> None:
    """Refuse constants that hold more than their shapes say, which ONNX's checker passes over.

    Raises:
        ModelError: Names the first of them.
    """
    for tensor in all_tensors(graph):
        try:
            numpy_helper.to_array(tensor)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"constant '{tensor.name}' of shape {list(tensor.dims)}: {error}", where=path
            ) from error


def refuse_quantized(graph: onnx.GraphProto, path: Path) -> None:
    """Refuse to quantize a model that holds quantized values already.

    Raises:
        UnsupportedOpError: Names the first node that makes or reads such a value.
    """
    for node in all_nodes(graph):
        if node.op_type.startswith(_QUANTIZED):
            raise UnsupportedOpError(
                f"node '{node.name}' ({node.op_type}): the model is quantized already",
                where=path,
                hint="give the float32 model, or build this one with backend.dtype fp32",
            )


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes of a graph and of its subgraphs."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from all_nodes(inner)


def all_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield the initializers and constant attributes of a graph and of its subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
            yield from attribute.tensors
        for inner in subgraphs(node):
            yield from all_tensors(inner)
