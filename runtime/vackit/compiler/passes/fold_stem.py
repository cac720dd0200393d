# SPDX-License-Identifier: Apache-2.0
"""Turn a strided first convolution into one on folded pixels."""

from typing import Any, ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from vackit.compiler.graph import (
    Shape,
    add_constant,
    attribute,
    constants,
    consumers,
    fresh_name,
    inferred_shapes,
    output_names,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.base import Pass
from vackit.compiler.stem import float_stem

_BLOCK = 2
# more channels than an image has, and the folding costs more than it saves
_MAX_CHANNELS = 4


class FoldStem(Pass):
    """Fold 2x2 pixels into channels before a first convolution of stride 2.

    An integer convolution copies its taps together before it multiplies; runs of three
    bytes, one pixel of an image, make that the slowest step of a small network. After a
    SpaceToDepth the same convolution has a quarter of the taps, each four times as long, and
    stride 1. The weights are re-ordered, and zero where a folded tap was none before.
    Changes no sum but for the order of its terms; leaves convolutions that read anything
    but an input of the graph, inputs of odd height or width, and what stays in float, where the
    folding costs more than it saves: `vackit.compiler.stem`, and the nodes it is told to spare.

    Args:
        spared: Names of nodes to leave as they are.
    """

    name: ClassVar[str] = "fold_stem"
    adds: ClassVar[frozenset[str]] = frozenset({"SpaceToDepth"})

    def __init__(self, spared: frozenset[str] = frozenset()) -> None:
        self._spared = spared

    def sparing(self, nodes: frozenset[str]) -> "FoldStem":
        """Return the pass that leaves ``nodes`` as they are."""
        return FoldStem(self._spared | nodes)

    def apply(self, model: onnx.ModelProto) -> int:
        """Fold; return the number of convolutions changed."""
        graph = model.graph
        shapes, known = inferred_shapes(model), constants(graph)
        readers, outputs = consumers(graph), output_names(graph)
        nodes: list[onnx.NodeProto] = []
        folded = 0
        inputs = {value.name for value in graph.input} - outputs
        floats = self._spared | float_stem(graph)
        for node in graph.node:
            is_first = bool(node.input) and node.input[0] in inputs
            is_first = is_first and node.name not in floats
            if is_first and len(readers[node.input[0]]) == 1 and _fits(node, known, shapes):
                tensor = known[node.input[1]]
                nodes.append(_fold(graph, node, tensor, shapes[node.input[0]]))
                folded += 1
            nodes.append(node)
        if folded:
            set_nodes(graph, nodes)
            del graph.value_info[:]
        return folded


def _fits(
    node: onnx.NodeProto, known: dict[str, onnx.TensorProto], shapes: dict[str, Shape]
) -> bool:
    if node.op_type != "Conv" or node.input[1] not in known:
        return False
    shape = shapes.get(node.input[0], ())
    return (
        len(shape) == 4
        and all(isinstance(size, int) and size % _BLOCK == 0 for size in shape[2:])
        and isinstance(shape[1], int)
        and shape[1] <= _MAX_CHANNELS
        and list(attribute(node, "strides", [])) == [_BLOCK, _BLOCK]
        and list(attribute(node, "dilations", [1, 1])) == [1, 1]
        and attribute(node, "group", 1) == 1
        and attribute(node, "auto_pad", b"NOTSET") == b"NOTSET"
        and _covers(node, known, shape)
    )


def _covers(node: onnx.NodeProto, known: dict[str, onnx.TensorProto], shape: Shape) -> bool:
    """Tell whether padding can give the folded convolution as many outputs."""
    return all(
        first >= 0 and last >= 0 for first, last in _folded_pads(node, known[node.input[1]], shape)
    )


def _folded_pads(
    node: onnx.NodeProto, weight: onnx.TensorProto, shape: Shape
) -> list[tuple[int, int]]:
    """Return the padding before and after, vertically and horizontally, of folded pixels.

    Behind the last output nothing is read: an unpadded convolution may leave pixels over.
    """
    pads = list(attribute(node, "pads", [0, 0, 0, 0]))
    result = []
    for axis in (0, 1):
        kernel, before, after = weight.dims[axis + 2], pads[axis], pads[axis + 2]
        size = shape[axis + 2]
        assert isinstance(size, int)
        low, high = _reach(kernel, before)
        outputs = (size + before + after - kernel) // _BLOCK + 1
        result.append((-low, outputs + high - size // _BLOCK))
    return result


def _reach(kernel: int, pad: int) -> tuple[int, int]:
    """Return the first and last folded place that a kernel at output 0 touches."""
    return (-pad) // _BLOCK, (kernel - 1 - pad) // _BLOCK


def _fold(
    graph: onnx.GraphProto, node: onnx.NodeProto, tensor: onnx.TensorProto, shape: Shape
) -> onnx.NodeProto:
    top, left = list(attribute(node, "pads", [0, 0, 0, 0]))[:2]
    (above, below), (before, behind) = _folded_pads(node, tensor, shape)
    folded = fold_weight(values_of(tensor), top, left)[0]
    source = node.input[0]
    name = fresh_name(graph, f"{source}_folded")
    node.input[0] = name
    node.input[1] = add_constant(graph, f"{node.input[1]}_folded", folded)
    kept = [a for a in node.attribute if a.name not in ("strides", "pads", "kernel_shape")]
    del node.attribute[:]
    node.attribute.extend(kept)
    pads = [above, before, below, behind]
    for key, value in (("strides", [1, 1]), ("pads", pads), ("kernel_shape", folded.shape[2:])):
        node.attribute.append(helper.make_attribute(key, list(value)))
    return helper.make_node("SpaceToDepth", [source], [name], name=name, blocksize=_BLOCK)


def fold_weight(
    weight: NDArray[Any], top: int, left: int
) -> tuple[NDArray[Any], tuple[int, int], tuple[int, int]]:
    """Re-order a stride-2 weight for an input folded by SpaceToDepth.

    Args:
        weight: Shape (out_channels, channels, kernel height, kernel width).
        top: Rows of padding above.
        left: Columns of padding on the left.

    Returns:
        The weight of shape (out_channels, 4 * channels, folded height, folded width), and
        the first and last place that it touches at output 0, vertically and horizontally.

    Source:
        ONNX SpaceToDepth: channel (dy * 2 + dx) * channels + c holds pixel (dy, dx).
    """
    outs, channels, height, width = weight.shape
    reach_y, reach_x = _reach(height, top), _reach(width, left)
    size = (reach_y[1] - reach_y[0] + 1, reach_x[1] - reach_x[0] + 1)
    folded = np.zeros((outs, _BLOCK * _BLOCK * channels, *size), weight.dtype)
    for y in range(height):
        row, dy = divmod(y - top, _BLOCK)
        for x in range(width):
            column, dx = divmod(x - left, _BLOCK)
            first = (dy * _BLOCK + dx) * channels
            place = (row - reach_y[0], column - reach_x[0])
            folded[:, first : first + channels, place[0], place[1]] = weight[:, :, y, x]
    return folded, reach_y, reach_x
