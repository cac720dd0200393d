# SPDX-License-Identifier: Apache-2.0
"""Fold BatchNormalization into the convolution before it."""

from typing import Any, ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import (
    add_constant,
    attribute,
    constants,
    consumers,
    output_names,
    producers,
    remove_nodes,
    replace,
    replace_uses,
    values_of,
)
from vackit.compiler.passes.base import Pass


class FoldBatchNorm(Pass):
    """Fold BatchNormalization (inference) into the Conv that alone feeds it.

    With g = scale / sqrt(var + epsilon): weight * g and (bias - mean) * g + shift, computed
    in float64. New constants are made, so weights shared with other nodes stay as they are.
    Leaves a BatchNormalization in training mode, and a Conv whose output is also read by
    others or is a graph output, alone.

    Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2, eq. 14.
    """

    name: ClassVar[str] = "fold_batch_norm"
    removes: ClassVar[frozenset[str]] = frozenset({"BatchNormalization"})

    def apply(self, model: onnx.ModelProto) -> int:
        """Fold; return the number of BatchNormalizations removed."""
        graph = model.graph
        makers, readers = producers(graph), consumers(graph)
        outputs, known = output_names(graph), constants(graph)
        folded = []
        for node in graph.node:
            if node.op_type != "BatchNormalization" or attribute(node, "training_mode", 0):
                continue
            conv = makers.get(node.input[0])
            if (
                conv is None
                or conv.op_type != "Conv"
                or len(readers[node.input[0]]) > 1
                or node.input[0] in outputs
                or not all(name in known for name in (*conv.input[1:], *node.input[1:]) if name)
                or any(name in readers or name in outputs for name in node.output[1:] if name)
            ):
                continue
            _fold(graph, conv, node, known)
            folded.append(node)
        remove_nodes(graph, folded)
        return len(folded)


def _fold(
    graph: onnx.GraphProto,
    conv: onnx.NodeProto,
    norm: onnx.NodeProto,
    known: dict[str, onnx.TensorProto],
) -> None:
    scale, shift, mean, variance = (_float64(known[name]) for name in norm.input[1:5])
    gain = scale / np.sqrt(variance + attribute(norm, "epsilon", 1e-5))
    weight = _float64(known[conv.input[1]])
    has_bias = len(conv.input) > 2 and bool(conv.input[2])
    bias = _float64(known[conv.input[2]]) if has_bias else np.zeros(len(gain))
    folded = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
    names = [
        add_constant(graph, f"{conv.name}.weight_folded", folded.astype(np.float32)),
        add_constant(
            graph, f"{conv.name}.bias_folded", ((bias - mean) * gain + shift).astype(np.float32)
        ),
    ]
    data = conv.input[0]
    del conv.input[:]
    conv.input.extend([data, *names])
    old, new = conv.output[0], norm.output[0]
    replace(conv.output, old, new)
    replace_uses(graph, old, new)


def _float64(tensor: onnx.TensorProto) -> NDArray[Any]:
    return values_of(tensor).astype(np.float64)
