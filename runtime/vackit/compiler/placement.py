# SPDX-License-Identifier: Apache-2.0
"""Decide which nodes compute in integers and which values are therefore quantized.

Convolutions and matrix products with constant weights always do, but for the first layers of
some networks (`vackit.compiler.stem`). What lies between them follows where it feeds another
integer node; everything else (softmax, hard-swish, the last Flatten) stays float, and so do
the sums of inverted residual blocks (`vackit.compiler.residual`). Between a node and the ReLU
or Clip behind it nothing is quantized: the quantized range does the clipping.
"""

from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from vackit.compiler.graph import (
    attribute,
    constants,
    consumers,
    copy_model,
    output_names,
    producers,
)
from vackit.compiler.residual import float_sums, unrounded_values
from vackit.compiler.stem import float_stem

WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})
ACTIVATIONS = frozenset({"Clip", "Relu"})
# compute new values; each output has a scale of its own
COMPUTING = frozenset({"Add", "AveragePool", "Concat", "GlobalAveragePool", "Mul", *ACTIVATIONS})
# move values about; the output keeps the input's scale
MOVING = frozenset(
    {
        *("DepthToSpace", "Expand", "Flatten", "Gather", "MaxPool", "Reshape", "Slice"),
        *("SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    }
)


@dataclass(frozen=True)
class Placement:
    """Where the quantized values are.

    Attributes:
        nodes: Names of the nodes that compute in integers.
        groups: Per quantized value the first value of those that share its scale, in
            topological order.
        unrounded: Values that integer nodes hand to float sums as they are.
    """

    nodes: frozenset[str]
    groups: dict[str, str]
    unrounded: frozenset[str] = frozenset()


def place(model: onnx.ModelProto, excluded: frozenset[str] = frozenset()) -> Placement:
    """Return what is to be quantized; nodes named in ``excluded`` stay float."""
    graph = model.graph
    floats, sums = _float_values(model), float_sums(model)
    active = _integer_nodes(graph, floats, excluded | sums | float_stem(graph))
    unrounded = unrounded_values(graph, sums)
    wanted = _quantized_values(graph, floats, active, unrounded)
    groups: dict[str, str] = {}
    for value in graph.input:
        if value.name in wanted:
            groups[value.name] = value.name
    for node in graph.node:
        for name in node.output:
            if name in wanted:
                shares = node.op_type in MOVING and node.name in active
                groups[name] = groups[node.input[0]] if shares else name
    return Placement(frozenset(active), groups, unrounded)


def fused_activation(
    node: onnx.NodeProto,
    readers: dict[str, list[onnx.NodeProto]],
    outputs: set[str],
    active: set[str] | frozenset[str],
) -> onnx.NodeProto | None:
    """Return the ReLU or Clip that alone reads ``node``'s output, if there is one."""
    if node.op_type in MOVING or node.op_type in ACTIVATIONS or node.output[0] in outputs:
        return None
    behind = readers.get(node.output[0], [])
    if len(behind) == 1 and behind[0].op_type in ACTIVATIONS and behind[0].name in active:
        return behind[0]
    return None


def _integer_nodes(graph: onnx.GraphProto, floats: set[str], excluded: frozenset[str]) -> set[str]:
    """Return the weighted nodes, and the others that lie between integer nodes."""
    readers, known, makers = consumers(graph), constants(graph), producers(graph)
    active: set[str] = set()
    for node in graph.node:
        usable = not node.domain and node.name not in excluded and node.op_type in WEIGHTED
        if usable and node.input[0] in floats and _has_weights(node, known):
            active.add(node.name)
    for node in reversed(graph.node):
        if node.domain or node.name in excluded or node.op_type not in COMPUTING | MOVING:
            continue
        if _reads_values(node, known) and floats.issuperset(node.output[:1]):
            feeds = any(r.name in active for name in node.output for r in readers.get(name, []))
            if feeds or _clips_a_convolution(node, makers, active):
                active.add(node.name)
    # what reads no integer node's result would only be quantized one step too early
    for node in graph.node:
        if node.name in active and node.op_type not in WEIGHTED:
            sources = (makers.get(name) for name in data_inputs(node))
            if not any(source is not None and source.name in active for source in sources):
                active.remove(node.name)
    return active


def _clips_a_convolution(
    node: onnx.NodeProto, makers: dict[str, onnx.NodeProto], active: set[str]
) -> bool:
    # its result is quantized behind the activation, whoever reads it
    maker = makers.get(node.input[0]) if node.op_type in ACTIVATIONS else None
    return maker is not None and maker.op_type == "Conv" and maker.name in active


def _has_weights(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    names = [name for name in node.input[1:] if name]
    if not names or any(
        name not in known or known[name].data_type != TensorProto.FLOAT for name in names
    ):
        return False
    if node.input[0] in known:
        return False
    if node.op_type == "Gemm":
        plain = attribute(node, "alpha", 1.0) == 1.0 and attribute(node, "beta", 1.0) == 1.0
        columns = known[names[0]].dims[0 if attribute(node, "transB", 0) else 1]
        bias_fits = len(names) < 2 or list(known[names[1]].dims) == [columns]
        return plain and bias_fits and not attribute(node, "transA", 0)
    return node.op_type == "Conv" or len(known[names[0]].dims) == 2


def _reads_values(node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
    """Tell whether the node's data are computed; with a constant among them it stays float."""
    data = node.input[:1] if node.op_type in MOVING | ACTIVATIONS else node.input
    return all(name and name not in known for name in data)


def _quantized_values(
    graph: onnx.GraphProto, floats: set[str], active: set[str], unrounded: frozenset[str]
) -> set[str]:
    readers, outputs = consumers(graph), output_names(graph)
    wanted: set[str] = set()
    bare = {
        node.output[0]
        for node in graph.node
        if node.name in active and fused_activation(node, readers, outputs, active)
    }
    for node in graph.node:
        if node.name not in active:
            continue
        wanted.update(data_inputs(node))
        if node.op_type == "Conv" or node.op_type in MOVING:
            used = {name for name in node.output if name in readers or name in outputs}
            wanted |= used - unrounded
        if node.op_type in ACTIVATIONS and node.input[0] in bare:
            wanted.update(node.output)
    return (wanted - bare) & floats


def data_inputs(node: onnx.NodeProto) -> list[str]:
    """Return the inputs of an integer node that hold activations."""
    if node.op_type in WEIGHTED | MOVING | ACTIVATIONS:
        return [node.input[0]]
    return list(node.input)


def _float_values(model: onnx.ModelProto) -> set[str]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    known = {value.name for value in (*graph.value_info, *graph.output)}
    unknown = [
        node.output[0] for node in graph.node if node.output[0] not in known and _is_opaque(node)
    ]
    if unknown:
        hinted = copy_model(model)
        hinted.graph.value_info.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in unknown
        )
        graph = onnx.shape_inference.infer_shapes(hinted).graph
    return {
        value.name
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }


def _is_opaque(node: onnx.NodeProto) -> bool:
    """Tell whether ONNX's inference does not see through a node; those compute in floats."""
    return bool(node.domain) or node.op_type == "GroupNormalization"
