# SPDX-License-Identifier: Apache-2.0
"""Take more nodes of an integer graph back to float, everything else as it is.

That is what ``skip_conv_layers`` and ``exclude_layers`` do, without calibrating again: the
scales, the integer weights and the corrected biases are those of the artifact.
"""

import dataclasses

import onnx

from vackit.compiler.explain.blocks import find_steps
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import constants, copy_model, producers, set_nodes
from vackit.compiler.placement import WEIGHTED, place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import ActivationScale

_KEPT = "kept/"


def in_float(twins: Twins, excluded: frozenset[str]) -> onnx.ModelProto | None:
    """Return the integer graph with all of ``excluded`` in float.

    Args:
        twins: The artifact's graphs.
        excluded: Names of nodes, those that are in float already included.

    Returns:
        None where the compiler would then round a value that the artifact does not round:
        its scale has to be measured.
    """
    placement = place(twins.floating, excluded)
    steps = find_steps(twins.integer.graph)
    if any(name not in steps for name in placement.groups):
        return None
    scales = {
        name: ActivationScale(steps[name].scale, steps[name].zero_point)
        for name in placement.groups
    }
    model = copy_model(twins.floating)
    # one group a value: the artifact has joined what it joined, the scales say so
    apart = dataclasses.replace(placement, groups={name: name for name in scales})
    insert_qdq(model, apart, scales)
    _keep_weights(model.graph, twins.integer.graph)
    return model


def _keep_weights(graph: onnx.GraphProto, before: onnx.GraphProto) -> None:
    """Give every integer node of ``graph`` the integers that it has in ``before``."""
    known, makers = constants(before), producers(before)
    names = {node.name: node for node in before.node}
    now = producers(graph)
    kept: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        twin = names.get(node.name)
        if node.op_type not in WEIGHTED or twin is None or not _has_integers(node, now):
            continue
        if not _has_integers(twin, makers):
            continue
        for name in twin.input[1:]:
            kept.setdefault(name, _renamed(makers[name]))
        node.input[:] = [node.input[0], *(_KEPT + name for name in twin.input[1:])]
    needed = dict.fromkeys(name for node in kept.values() for name in node.input)
    for name in needed:
        tensor = graph.initializer.add()
        tensor.CopyFrom(known[name.removeprefix(_KEPT)])
        tensor.name = name
    set_nodes(graph, [*kept.values(), *graph.node])


def _has_integers(node: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> bool:
    maker = makers.get(node.input[1])
    return maker is not None and maker.op_type == "DequantizeLinear"


def _renamed(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = _KEPT + node.name
    copy.input[:] = [_KEPT + name for name in node.input]
    copy.output[:] = [_KEPT + name for name in node.output]
    return copy
