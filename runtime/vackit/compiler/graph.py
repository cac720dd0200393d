# SPDX-License-Identifier: Apache-2.0
"""Small questions about an ONNX graph, and the small edits that passes are made of."""

from collections.abc import Iterator, MutableSequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vackit.compiler.shape_values import infer_shapes

# numbers, names of symbolic axes, None for what is not known
Shape = tuple[int | str | None, ...]


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the default operator set; 0 where the model imports none."""
    versions = (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return max(versions, default=0)


def copy_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy that shares nothing with ``model``."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def producers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """Return the node that makes each value."""
    return {name: node for node in graph.node for name in node.output if name}


def consumers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes of the main graph that read each value, once per node, in order.

    A node with subgraphs reads what they read.
    """
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in dict.fromkeys(reads(node)):
            readers.setdefault(name, []).append(node)
    return readers


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names that a node reads, those inside its subgraphs included."""
    yield from (name for name in node.input if name)
    for inner in subgraphs(node):
        for nested in inner.node:
            yield from reads(nested)
        yield from (value.name for value in inner.output)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the bodies of If, Loop and Scan."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def output_names(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the graph's outputs."""
    return {value.name for value in graph.output}


def constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return the initializers by name."""
    return {tensor.name: tensor for tensor in graph.initializer}


def values_of(tensor: onnx.TensorProto) -> NDArray[Any]:
    """Return an initializer's values."""
    return np.asarray(numpy_helper.to_array(tensor))


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of an attribute, or ``default`` where the node has none."""
    for entry in node.attribute:
        if entry.name == name:
            return helper.get_attribute_value(entry)
    return default


def replace(names: MutableSequence[str], old: str, new: str) -> None:
    """Replace a name in a node's inputs or outputs."""
    for position, name in enumerate(names):
        if name == old:
            names[position] = new


def replace_uses(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Let every node that read ``old`` read ``new``; the graph's outputs stay."""
    for node in graph.node:
        replace(node.input, old, new)
        for inner in subgraphs(node):
            replace_uses(inner, old, new)
            for value in inner.output:
                value.name = new if value.name == old else value.name


def remove_nodes(graph: onnx.GraphProto, doomed: list[onnx.NodeProto]) -> None:
    """Remove nodes, by identity, keeping the order of the others."""
    ids = {id(node) for node in doomed}
    for position in reversed(range(len(graph.node))):
        if id(graph.node[position]) in ids:
            del graph.node[position]


def set_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    """Make ``nodes`` the graph's nodes; they may be its own in another order."""
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def sort_nodes(graph: onnx.GraphProto) -> None:
    """Put every node behind those whose values it reads; what is in order stays as it is.

    So does a graph that goes round in a circle.
    """
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    needed = {
        index: [makers[name] for name in reads(node) if name in makers]
        for index, node in enumerate(graph.node)
    }
    if all(max(before, default=-1) < index for index, before in needed.items()):
        return
    try:
        order = list(TopologicalSorter(needed).static_order())
    except CycleError:
        return
    set_nodes(graph, [graph.node[index] for index in order])


def taken_names(graph: onnx.GraphProto) -> set[str]:
    """Return every name of a value or node in use, those in subgraphs included."""
    names = {value.name for value in (*graph.input, *graph.output)}
    names.update(tensor.name for tensor in graph.initializer)
    for node in graph.node:
        names.update((*node.input, *node.output, node.name))
        for inner in subgraphs(node):
            names.update(taken_names(inner))
    return names


def fresh_name(graph: onnx.GraphProto, base: str) -> str:
    """Return ``base``, or ``base_1``, ``base_2``, ... where it is taken."""
    taken = taken_names(graph)
    name, number = base, 0
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def add_constant(graph: onnx.GraphProto, base: str, values: NDArray[Any]) -> str:
    """Append an initializer under a fresh name; return the name."""
    name = fresh_name(graph, base)
    graph.initializer.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
    return name


def shape_of(value: onnx.ValueInfoProto) -> tuple[int | str | None, ...] | None:
    """Return a value's shape: numbers, names of symbolic axes, None; None without a rank.

    Exporters also write an open axis as 0 or -1.
    """
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.dim_value > 0 else dim.dim_param or None for dim in tensor.shape.dim
    )


def set_shape(value: onnx.ValueInfoProto, shape: tuple[int | str | None, ...]) -> None:
    """Give a value a shape; its dtype stays."""
    dims = value.type.tensor_type.shape.dim
    value.type.tensor_type.shape.SetInParent()
    del dims[:]
    for size in shape:
        dim = dims.add()
        if isinstance(size, str):
            dim.dim_param = size
        elif size is not None:
            dim.dim_value = size


def inferred_shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Return the shapes that inference finds for the main graph's values."""
    graph = infer_shapes(model).graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shape = shape_of(value)
        if shape is not None:
            shapes[value.name] = shape
    return dict(shapes)
