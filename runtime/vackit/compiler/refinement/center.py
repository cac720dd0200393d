# SPDX-License-Identifier: Apache-2.0
"""Shift channels about zero so that quantization loses less, without changing the network.

One range serves all channels of an activation. What a convolution makes without an activation
behind it lies about a middle of its own in every channel; shifted, all lie about zero, and
the range need not hold the differences. The maker's bias shifts, the bias of whoever reads
takes it back. Readers must not pad, since it is zeros that they pad with; and sums in float
(`vackit.compiler.residual`) hand shifts on.

Source: channel-wise shifting is Wei et al. 2023's, arXiv:2304.09145, section 4.1.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from vackit.compiler.convolution import is_unpadded
from vackit.compiler.graph import (
    attribute,
    constants,
    consumers,
    output_names,
    values_of,
)
from vackit.compiler.refinement.channel_noise import Channels
from vackit.compiler.residual import float_sums

Doubles = NDArray[np.float64]


def center(model: onnx.ModelProto, channels: Mapping[str, Channels]) -> dict[str, Channels]:
    """Shift what may be shifted, in place; the model's outputs stay.

    Args:
        model: float32 with batch norms folded; integer nodes have biases.
        channels: Of every value that will be quantized.

    Returns:
        ``channels`` as they are now.
    """
    graph = model.graph
    shifts = _shifts(graph, float_sums(model), channels)
    known = constants(graph)
    for node in graph.node:
        if node.op_type == "Conv" and node.output[0] in shifts:
            _add(known[node.input[2]], shifts[node.output[0]])
        if node.op_type == "Conv" and node.input[0] in shifts:
            weight = values_of(known[node.input[1]]).astype(np.float64)
            sums = weight.sum(axis=tuple(range(2, weight.ndim)))
            _add(known[node.input[2]], -sums @ shifts[node.input[0]])
    moved = {name: _moved(channels[name], by) for name, by in shifts.items() if name in channels}
    return {**channels, **moved}


def _shifts(
    graph: onnx.GraphProto, sums: frozenset[str], channels: Mapping[str, Channels]
) -> dict[str, Doubles]:
    """Return what to add to the channels of each value that is shifted."""
    known, free = constants(graph), _shiftable(graph, sums, channels)
    shifts: dict[str, Doubles] = {}
    sizes: dict[str, int] = {}
    # a sum is wider than what a block adds to it: it comes first
    waits = {v: all(reader.name in sums for reader in r) for v, r in consumers(graph).items()}
    for node in graph.node:
        value = node.output[0] if node.output else ""
        if value not in free:
            continue
        if node.name in sums:
            sizes[value] = sizes[node.input[0]]
            # what nothing else reads takes up what the sum wants
            waiting = [name for name in node.input if name not in shifts]
            for name in waiting:
                shifts[name] = np.zeros(sizes[name])
            if waiting:
                missing = _to_middle(channels[value]) if value in channels else 0.0
                shifts[waiting[0]] = missing - _sum(shifts, node)
            shifts[value] = _sum(shifts, node)
        else:
            sizes[value] = known[node.input[1]].dims[0]
            if value in channels and not waits[value]:
                shifts[value] = _to_middle(channels[value])
    return shifts


def _sum(shifts: Mapping[str, Doubles], node: onnx.NodeProto) -> Doubles:
    return np.asarray(sum(shifts[name] for name in node.input), np.float64)


def _to_middle(stats: Channels) -> Doubles:
    return -(stats.low + stats.high) / 2


def _shiftable(
    graph: onnx.GraphProto, sums: frozenset[str], channels: Mapping[str, Channels]
) -> set[str]:
    """Return the values that convolutions and float sums make, and hand on to nothing else."""
    known, readers = constants(graph), consumers(graph)
    own = {name for name in known if len(readers.get(name, [])) == 1}
    added = {name for node in graph.node if node.name in sums for name in node.input}
    free = set()
    for node in graph.node:
        makes = node.name in sums or (
            node.op_type == "Conv" and _has_bias(node, own) and node.input[1] in known
        )
        value = node.output[0] if node.output else ""
        if makes and value not in output_names(graph) and (value in channels or value in added):
            behind = readers.get(value, [])
            if all(reader.name in sums or _takes_back(reader, value, own) for reader in behind):
                free.add(value)
    # a sum hands on what both of its inputs do, or nothing
    while broken := {
        name
        for node in graph.node
        if node.name in sums and not free.issuperset((*node.input, *node.output))
        for name in free.intersection((*node.input, *node.output))
    }:
        free -= broken
    return free


def _has_bias(node: onnx.NodeProto, own: set[str]) -> bool:
    return len(node.input) > 2 and node.input[2] in own


def _takes_back(node: onnx.NodeProto, value: str, own: set[str]) -> bool:
    """Tell whether a node is a convolution whose bias can make up for shifted channels."""
    return (
        node.op_type == "Conv"
        and _has_bias(node, own)
        and node.input[0] == value
        and attribute(node, "group", 1) == 1
        and is_unpadded(node)
    )


def _add(tensor: onnx.TensorProto, by: Doubles) -> None:
    values = (values_of(tensor).astype(np.float64) + by).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _moved(stats: Channels, by: Doubles) -> Channels:
    return dataclasses.replace(
        stats, low=stats.low + by, high=stats.high + by, highs=stats.highs + by
    )
