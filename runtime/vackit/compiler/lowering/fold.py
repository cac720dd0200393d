# SPDX-License-Identifier: Apache-2.0
"""Folding an image's rows into channels after they were rounded, where pixels were folded before.

Four times fewer bytes move than in float, and in an order that needs no more than runs of
bytes and one transpose of small matrices: rows are gathered in pairs, and (channel, row,
column) becomes (column, channel, row). What the convolution behind becomes is in `columns`.
Of eight rows ONNX Runtime transposes bytes in a third of the time that six take.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from vackit.compiler.convolution import is_fixed_picture
from vackit.compiler.graph import (
    Shape,
    add_constant,
    attribute,
    constants,
    consumers,
    inferred_shapes,
    producers,
    set_nodes,
    values_of,
)
from vackit.compiler.lowering.columns import BLOCK, fold_columns, gathered, unfold_columns
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.qdq import CODES

_WAY = ("QuantizeLinear", "Reshape", "Gather", "Reshape", "Transpose")


def lower_folds(model: onnx.ModelProto) -> int:
    """Round before every SpaceToDepth that one convolution alone reads; return how many."""
    graph = model.graph
    shapes, makers, readers = inferred_shapes(model), producers(graph), consumers(graph)
    nodes: list[onnx.NodeProto] = []
    done: set[str] = set()
    for node in graph.node:
        fold = makers.get(node.input[0]) if node.op_type == "QuantizeLinear" else None
        if fold is not None and fold.op_type == "SpaceToDepth":
            shape, behind = shapes.get(fold.input[0], ()), _convolution_behind(graph, node)
            alone = len(readers[fold.output[0]]) == 1 and attribute(fold, "blocksize") == BLOCK
            if alone and behind is not None and is_fixed_picture(shape):
                unfold_columns(*behind)
                nodes += _rounded_first(graph, fold, node, shape)
                done.add(fold.name)
                continue
        nodes.append(node)
    if done:
        set_nodes(graph, [node for node in nodes if node.name not in done])
        del graph.value_info[:]
    return len(done)


def _convolution_behind(
    graph: onnx.GraphProto, quantize: onnx.NodeProto
) -> tuple[onnx.NodeProto, onnx.TensorProto] | None:
    """Return the convolution that alone reads a value, and its weights, where they are its own."""
    makers, readers, known = producers(graph), consumers(graph), constants(graph)
    node = quantize
    for kind in ("DequantizeLinear", "Conv"):
        behind = readers.get(node.output[0], [])
        if len(behind) != 1 or behind[0].op_type != kind:
            return None
        node = behind[0]
    weights = makers.get(node.input[1])
    if weights is None or attribute(node, "group", 1) != 1 or weights.input[0] not in known:
        return None
    own = len(readers[node.input[1]]) == len(readers[weights.input[0]]) == 1
    return (node, known[weights.input[0]]) if own else None


def _rounded_first(
    graph: onnx.GraphProto, fold: onnx.NodeProto, quantize: onnx.NodeProto, shape: Shape
) -> list[onnx.NodeProto]:
    _, channels, height, width = (size if isinstance(size, int) else 0 for size in shape)
    value, wide, rows = fold.output[0], gathered(channels), height // BLOCK
    made = f"{value}/pixels"
    nodes = [helper.make_node("QuantizeLinear", [fold.input[0], *quantize.input[1:]], [made])]

    def add(kind: str, label: str, constant: Sequence[int] = (), **attributes: Any) -> None:
        source, output = nodes[-1].output[0], f"{value}/{label}"
        extra = [add_constant(graph, f"{output}/constant", np.array(constant))] if constant else []
        nodes.append(helper.make_node(kind, [source, *extra], [output], **attributes))

    add("Reshape", "rows", [-1, channels * height, width])
    add("Gather", "pairs", _pairs(channels, wide, rows), axis=1)
    add("Reshape", "matrices", [-1, rows, wide * BLOCK, width])
    add("Transpose", "folded", perm=[0, 2, 1, 3])
    nodes[-1].output[0] = quantize.output[0]
    for node in nodes:
        node.name = node.output[0]
    return nodes


def _pairs(channels: int, wide: int, rows: int) -> list[int]:
    """Return which row of which channel comes where, of ``rows`` pairs in ``wide`` channels."""
    numbers = np.arange(channels * rows * BLOCK).reshape(channels, rows, BLOCK)
    order: list[int] = np.resize(numbers, (wide, rows, BLOCK)).swapaxes(0, 1).ravel().tolist()
    return order


def lift_folds(model: onnx.ModelProto) -> None:
    """Undo `lower_folds`, in place."""
    graph = model.graph
    makers = producers(graph)
    nodes: list[onnx.NodeProto] = []
    lifted = False
    for node in graph.node:
        way = _way_to(node, makers)
        behind = _convolution_behind(graph, node) if way else None
        if way and behind is not None:
            fold_columns(*behind, _channels(graph, way, behind[1]))
            nodes += _folded_first(way[0], node.output[0])
            lifted = True
        else:
            nodes.append(node)
    if lifted:
        set_nodes(graph, nodes)
        RemoveDead().apply(model)
        del graph.value_info[:]


def _way_to(node: onnx.NodeProto, makers: dict[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return the nodes from the rounding to ``node``, if they are those of a lowered fold."""
    way: list[onnx.NodeProto] = []
    maker: onnx.NodeProto | None = node
    for kind in reversed(_WAY):
        if maker is None or maker.op_type != kind:
            return []
        way.insert(0, maker)
        maker = makers.get(maker.input[0])
    return way if node.output[0].endswith(CODES) else []


def _channels(graph: onnx.GraphProto, way: list[onnx.NodeProto], weights: onnx.TensorProto) -> int:
    """Return how many channels the folded image has."""
    known = constants(graph)
    all_rows = int(values_of(known[way[1].input[1]])[1])
    gathered_rows, wide = known[way[2].input[1]].dims[0], weights.dims[1] // BLOCK
    return int(all_rows * wide // gathered_rows)


def _folded_first(quantize: onnx.NodeProto, codes: str) -> list[onnx.NodeProto]:
    value, source = codes.removesuffix(CODES), quantize.input[0]
    fold = helper.make_node("SpaceToDepth", [source], [value], name=value, blocksize=BLOCK)
    return [
        fold,
        helper.make_node("QuantizeLinear", [value, *quantize.input[1:]], [codes], name=codes),
    ]
