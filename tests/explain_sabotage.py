# SPDX-License-Identifier: Apache-2.0
"""Damage one layer of an integer graph on purpose: for the tests of what finds it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Edit = Callable[[NDArray[Any]], NDArray[Any]]


def edit(model: onnx.ModelProto, name: str, change: Edit) -> None:
    """Change an initializer; its dtype stays, integers saturate."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    before = numpy_helper.to_array(tensor)
    after = change(before.astype(np.float64))
    if np.issubdtype(before.dtype, np.integer):
        limits = np.iinfo(before.dtype)
        after = np.clip(np.rint(after), limits.min, limits.max)
    tensor.CopyFrom(numpy_helper.from_array(after.astype(before.dtype), name))


def dequantizer(model: onnx.ModelProto, value: str) -> onnx.NodeProto:
    """Return the node that makes a value."""
    found: onnx.NodeProto = next(node for node in model.graph.node if value in node.output)
    return found


def change_weights(model: onnx.ModelProto, node_name: str, change: Edit, part: int = 0) -> None:
    """Change a node's integer weights (part 0) or their scale (part 1)."""
    node = next(node for node in model.graph.node if node.name == node_name)
    edit(model, dequantizer(model, node.input[1]).input[part], change)


def change_bias(model: onnx.ModelProto, node_name: str, change: Edit) -> None:
    """Change a node's integer bias."""
    node = next(node for node in model.graph.node if node.name == node_name)
    edit(model, dequantizer(model, node.input[2]).input[0], change)


def change_rounding(
    model: onnx.ModelProto,
    value: str,
    *,
    scale: float = 1.0,
    zero: int = 0,
    op_types: tuple[str, ...] = ("QuantizeLinear", "DequantizeLinear"),
) -> None:
    """Change scale and zero point of one value alone, others that share them left alone."""
    codes = f"{value}/quantized"
    for node in list(model.graph.node):
        if node.op_type in op_types and codes in (*node.input[:1], *node.output):
            for position, (text, change) in enumerate(
                (("scale", lambda x: x * scale), ("zero", lambda x: x + zero)), 1
            ):
                tensor = next(t for t in model.graph.initializer if t.name == node.input[position])
                name = f"{value}/wrong/{text}/{node.op_type}"
                if all(t.name != name for t in model.graph.initializer):
                    copy = model.graph.initializer.add()
                    copy.CopyFrom(tensor)
                    copy.name = name
                    edit(model, name, change)
                node.input[position] = name
