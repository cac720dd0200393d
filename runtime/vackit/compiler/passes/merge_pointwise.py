# SPDX-License-Identifier: Apache-2.0
"""Make one of two pointwise convolutions that nothing comes between."""

from typing import ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import (
    add_constant,
    constants,
    consumers,
    output_names,
    producers,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.base import Pass
from vackit.compiler.residual import is_pointwise

# times the multiplications of both: what is then not written, rounded and read again weighs more
_MOST_GROWTH = 1.5


class MergePointwise(Pass):
    """Replace W2 (W1 x + b1) + b2 by (W2 W1) x + (W2 b1 + b2).

    Inverted residual networks have such a pair behind their first block, whose result no sum
    reads. Merged, a value less is rounded, and a kernel less is run. Changes no more than the
    order of sums; leaves pairs whose product multiplies more often than `_MOST_GROWTH` times
    what both did, values that anything else reads, and the nodes it is told to spare.

    Args:
        spared: Names of nodes to leave as nodes of their own.
    """

    name: ClassVar[str] = "merge_pointwise"
    removes: ClassVar[frozenset[str]] = frozenset({"Conv"})

    def __init__(self, spared: frozenset[str] = frozenset()) -> None:
        self._spared = spared

    def sparing(self, nodes: frozenset[str]) -> "MergePointwise":
        """Return the pass that leaves ``nodes`` as nodes of their own."""
        return MergePointwise(self._spared | nodes)

    def apply(self, model: onnx.ModelProto) -> int:
        """Merge; return the number of pairs."""
        merged = 0
        while (pair := self._find(model.graph)) is not None:
            _merge(model.graph, *pair)
            merged += 1
        return merged

    def _find(self, graph: onnx.GraphProto) -> tuple[onnx.NodeProto, onnx.NodeProto] | None:
        makers, readers, known = producers(graph), consumers(graph), constants(graph)
        outputs = output_names(graph)
        for second in graph.node:
            first = makers.get(second.input[0]) if second.input else None
            if first is None or not all(self._may_go(node, known) for node in (first, second)):
                continue
            value = first.output[0]
            if len(readers[value]) == 1 and value not in outputs and _pays(first, second, known):
                return first, second
        return None

    def _may_go(self, node: onnx.NodeProto, known: dict[str, onnx.TensorProto]) -> bool:
        constant = all(name in known for name in node.input[1:] if name)
        return node.name not in self._spared and is_pointwise(node, known) and constant


def _pays(
    first: onnx.NodeProto, second: onnx.NodeProto, known: dict[str, onnx.TensorProto]
) -> bool:
    middle, ins = known[first.input[1]].dims[:2]
    outs = known[second.input[1]].dims[0]
    return bool(ins * outs <= _MOST_GROWTH * middle * (ins + outs))


def _merge(graph: onnx.GraphProto, first: onnx.NodeProto, second: onnx.NodeProto) -> None:
    """Let the second convolution do the work of both; the first one goes."""
    known = constants(graph)
    (inner, shift), (outer, bias) = (_matrix_and_bias(node, known) for node in (first, second))
    weight = (outer @ inner)[:, :, np.newaxis, np.newaxis].astype(np.float32)
    names = [
        add_constant(graph, f"{second.input[1]}_merged", weight),
        add_constant(graph, f"{second.input[1]}_bias", (outer @ shift + bias).astype(np.float32)),
    ]
    second.input[:] = [first.input[0], *names]
    set_nodes(graph, [node for node in graph.node if node.name != first.name])


def _matrix_and_bias(
    node: onnx.NodeProto, known: dict[str, onnx.TensorProto]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    weight = values_of(known[node.input[1]]).astype(np.float64)
    matrix = weight.reshape(weight.shape[:2])
    if len(node.input) > 2 and node.input[2]:
        return matrix, values_of(known[node.input[2]]).astype(np.float64)
    return matrix, np.zeros(len(matrix))
