# SPDX-License-Identifier: Apache-2.0
"""Find the first layers of a network that are better left in float.

A convolution of an image's few channels and a depthwise one multiply little for each value
that they write: on a CPU they take about as long in integers as in float, while their large
pictures hold up to a quarter of what rounding loses. Rounded is only what comes out of them.
"""

import math

import onnx

from vackit.compiler.convolution import is_depthwise, is_pointwise
from vackit.compiler.graph import attribute, constants, consumers, output_names

# more channels than an image has
_MOST_CHANNELS = 4
# products for each value, as of a 3x3 kernel on three channels, and values for each pixel, as
# ShuffleNetV2's 24: of more, like a 7x7 kernel's or SqueezeNet's 64, integers are faster
_FEW_PRODUCTS, _FEW_CHANNELS = 32, 32
_ACTIVATIONS = frozenset({"Clip", "Relu"})


def float_stem(graph: onnx.GraphProto) -> frozenset[str]:
    """Return the names of the convolutions at a network's beginning that stay in float.

    They are a small first convolution that a MaxPool alone reads; or a first convolution that
    a depthwise one alone reads, that one, and the pointwise one behind it where it leaves
    fewer channels and no activation follows: what is rounded then is less. A first
    convolution of another kind of network is left to the integers.
    """
    found: list[str] = []
    for value in graph.input:
        first = _only_reader(graph, value.name)
        if first is not None and _is_first(graph, first):
            found += _with_pool(graph, first) or _with_depthwise(graph, first)
    return frozenset(found)


def _with_pool(graph: onnx.GraphProto, first: onnx.NodeProto) -> list[str]:
    behind = _behind(graph, first)
    outs, *window = constants(graph)[first.input[1]].dims
    is_small = outs <= _FEW_CHANNELS and math.prod(window) <= _FEW_PRODUCTS
    is_pooled = behind is not None and behind.op_type == "MaxPool" and len(behind.output) == 1
    return [first.name] if is_small and is_pooled else []


def _with_depthwise(graph: onnx.GraphProto, first: onnx.NodeProto) -> list[str]:
    depthwise = _behind(graph, first)
    if depthwise is None or not is_depthwise(depthwise, constants(graph)):
        return []
    last = _behind(graph, depthwise)
    behind = [last.name] if last is not None and _narrows(graph, last) else []
    return [first.name, depthwise.name, *behind]


def _only_reader(graph: onnx.GraphProto, value: str) -> onnx.NodeProto | None:
    readers = consumers(graph).get(value, [])
    return readers[0] if len(readers) == 1 and value not in output_names(graph) else None


def _behind(graph: onnx.GraphProto, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """Return the node that alone reads a node's result, its activation between."""
    behind = _only_reader(graph, node.output[0])
    if behind is not None and behind.op_type in _ACTIVATIONS:
        behind = _only_reader(graph, behind.output[0])
    return behind


def _is_first(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    if node.op_type != "Conv" or node.input[1] not in constants(graph):
        return False
    dims = constants(graph)[node.input[1]].dims
    return len(dims) == 4 and dims[1] <= _MOST_CHANNELS and attribute(node, "group", 1) == 1


def _narrows(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    known = constants(graph)
    readers = consumers(graph).get(node.output[0], [])
    linear = not any(reader.op_type in _ACTIVATIONS for reader in readers)
    if not linear or not is_pointwise(node, known):
        return False
    outs, ins = known[node.input[1]].dims[:2]
    return bool(outs < ins)
