# SPDX-License-Identifier: Apache-2.0
"""Write a placement into the graph as QuantizeLinear and DequantizeLinear nodes.

Every quantized value gets one pair; integer nodes read its dequantized form, which is the
pattern that runtimes fuse into integer kernels. Weights and biases are stored as integers.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from vackit.compiler.graph import (
    add_constant,
    attribute,
    constants,
    output_names,
    replace,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.placement import WEIGHTED, Placement, data_inputs
from vackit.compiler.quantize import (
    WEIGHT_MAX,
    ActivationScale,
    quantize_bias,
    quantize_weight,
    weight_scale,
)

Scales = Mapping[str, ActivationScale]

# what is added to a value's name: its integers, and the numbers that they stand for
CODES, DEQUANTIZED = "/quantized", "/dequantized"


def insert_qdq(
    model: onnx.ModelProto,
    placement: Placement,
    scales: Scales,
    *,
    per_channel: bool = True,
    limit: int = WEIGHT_MAX,
) -> None:
    """Quantize ``model`` in place.

    Names, order, shapes and dtypes of its inputs and outputs stay.

    Args:
        model: Opset 13 or newer, float32.
        placement: From `vackit.compiler.placement.place` on this model.
        scales: Per quantized value; values of one group have the same.
        per_channel: One weight scale per output channel instead of one per tensor.
        limit: The largest integer weight.
    """
    graph = model.graph
    stored: dict[tuple[str, bytes], tuple[str, str]] = {}
    prepared: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.name in placement.nodes and node.op_type in WEIGHTED:
            scale = scales[node.input[0]].scale
            prepared.extend(_quantize_weights(graph, node, scale, per_channel, limit, stored))
    _insert_pairs(graph, placement, scales, prepared)
    RemoveDead().apply(model)
    del graph.value_info[:]


def _quantize_weights(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    input_scale: float,
    per_channel: bool,
    limit: int,
    stored: dict[tuple[str, bytes], tuple[str, str]],
) -> list[onnx.NodeProto]:
    known = constants(graph)
    weight = values_of(known[node.input[1]])
    has_bias = len(node.input) > 2 and bool(node.input[2])
    bias = values_of(known[node.input[2]]) if has_bias else np.zeros(1, np.float32)
    axis = channel_axis(node) if per_channel else None
    scale = weight_scale(weight, axis, bias, input_scale, limit)
    nodes = []
    key = (node.input[1], scale.tobytes())
    if key not in stored:
        integers = quantize_weight(weight, scale, axis, limit)
        values = add_constant(graph, f"{key[0]}/int8", integers)
        steps = add_constant(graph, f"{key[0]}/scale", scale)
        stored[key] = (values, steps)
        zero = add_constant(graph, f"{key[0]}/zero", np.zeros(scale.shape, np.int8))
        nodes.append(_dequantize(f"{values}/float", [values, steps, zero], axis))
    values, _ = stored[key]
    node.input[1] = f"{values}/float"
    if has_bias:
        nodes.append(_quantize_bias(graph, node, bias, scale * np.float32(input_scale)))
    return nodes


def _quantize_bias(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    bias: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> onnx.NodeProto:
    name = node.input[2]
    values = add_constant(graph, f"{name}/int32", quantize_bias(bias, scale))
    steps = add_constant(graph, f"{values}/scale", scale)
    zero = add_constant(graph, f"{values}/zero", np.zeros(scale.shape, np.int32))
    node.input[2] = f"{values}/float"
    return _dequantize(node.input[2], [values, steps, zero], 0 if scale.ndim else None)


def channel_axis(node: onnx.NodeProto) -> int:
    """Return the axis of a weight that holds the output channels."""
    if node.op_type == "Conv":
        return 0
    return 0 if node.op_type == "Gemm" and attribute(node, "transB", 0) else 1


def _dequantize(output: str, inputs: list[str], axis: int | None) -> onnx.NodeProto:
    node = helper.make_node("DequantizeLinear", inputs, [output], name=output)
    if axis is not None:
        node.attribute.append(helper.make_attribute("axis", axis))
    return node


def _insert_pairs(
    graph: onnx.GraphProto, placement: Placement, scales: Scales, prepared: list[onnx.NodeProto]
) -> None:
    outputs = output_names(graph)
    made = {name for node in graph.node if node.name in placement.nodes for name in node.output}
    integers = made - placement.unrounded
    pairs = _Pairs(graph, placement, scales)
    nodes: list[onnx.NodeProto] = [*prepared]
    for value in graph.input:
        if value.name in placement.groups:
            nodes.extend(pairs.make(value.name, value.name, value.name + DEQUANTIZED))
    for node in graph.node:
        for name in data_inputs(node) if node.name in placement.nodes else list(node.input):
            # a float node reads the dequantized form only of what integers have made
            if name in pairs.float_forms and (node.name in placement.nodes or name in integers):
                replace(node.input, name, pairs.float_forms[name])
        nodes.append(node)
        for position, name in enumerate(node.output):
            if name not in placement.groups:
                continue
            raw, dequantized = name, name + DEQUANTIZED
            if name in outputs and name in integers:
                # a graph output keeps its name: it is the dequantized form that bears it
                raw, dequantized = f"{name}/raw", name
            node.output[position] = raw
            nodes.extend(pairs.make(name, raw, dequantized))
    set_nodes(graph, nodes)


class _Pairs:
    """Make the QuantizeLinear and DequantizeLinear of one value after another."""

    def __init__(self, graph: onnx.GraphProto, placement: Placement, scales: Scales) -> None:
        self.graph, self.placement, self.scales = graph, placement, scales
        self.float_forms: dict[str, str] = {}
        self._parameters: dict[str, list[str]] = {}

    def make(self, name: str, raw: str, dequantized: str) -> list[onnx.NodeProto]:
        """Return the pair from ``raw`` to ``dequantized`` for the value ``name``."""
        self.float_forms[name] = dequantized
        scale = self._parameters_of(self.placement.groups[name])
        middle = name + CODES
        return [
            helper.make_node("QuantizeLinear", [raw, *scale], [middle], name=middle),
            _dequantize(dequantized, [middle, *scale], None),
        ]

    def _parameters_of(self, group: str) -> list[str]:
        if group not in self._parameters:
            scale = self.scales[group]
            self._parameters[group] = [
                add_constant(self.graph, f"{group}/scale", np.array(scale.scale, np.float32)),
                add_constant(self.graph, f"{group}/zero", np.array(scale.zero_point, np.uint8)),
            ]
        return self._parameters[group]
