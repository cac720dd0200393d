# SPDX-License-Identifier: Apache-2.0
"""What a node demands of the order of its input's channels, and gives to its output's."""

from enum import Enum
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import attribute

Order = NDArray[np.int64]

# every output channel depends on the same input channel and on nothing else
_UNARY = frozenset(
    {
        "AveragePool",
        "Clip",
        "Elu",
        "Erf",
        "Gelu",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "MaxPool",
        "Mish",
        "Relu",
        "Selu",
        "Sigmoid",
        "Softplus",
        "Swish",
        "Tanh",
    }
)


class Role(Enum):
    """How a node reads a value."""

    MIXES = "sums over all channels: any order will do, once its weights follow"
    CARRIES = "keeps channels apart: any order will do, and its output has the same"
    FIXES = "reads channels by their place: the order stays as it is"


def role(node: onnx.NodeProto, name: str, weights: dict[str, tuple[int, ...]]) -> Role:
    """Return how ``node`` reads the value ``name``.

    Args:
        node: Any node that reads it.
        name: An activation.
        weights: Shapes of the initializers by name.
    """
    if list(node.input[:1]) != [name] or name in node.input[1:]:
        return Role.FIXES
    if node.op_type in _UNARY:
        return Role.CARRIES if len(node.output) == 1 else Role.FIXES
    if len(node.input) < 2 or any(entry and entry not in weights for entry in node.input[1:]):
        return Role.FIXES
    if not node.input[1]:
        return Role.FIXES
    return _weighted_role(node, weights[node.input[1]])


def _weighted_role(node: onnx.NodeProto, shape: tuple[int, ...]) -> Role:
    if node.op_type == "Conv":
        group = attribute(node, "group", 1)
        if group == 1:
            return Role.MIXES
        is_depthwise = shape[0] == group and shape[1] == 1
        return Role.CARRIES if is_depthwise else Role.FIXES
    if node.op_type == "BatchNormalization":
        is_frozen = not attribute(node, "training_mode", 0) and len(node.output) == 1
        return Role.CARRIES if is_frozen and attribute(node, "spatial", 1) else Role.FIXES
    if node.op_type == "Gemm" and not attribute(node, "transA", 0):
        return Role.MIXES
    if node.op_type == "MatMul" and len(shape) == 2:
        return Role.MIXES
    return Role.FIXES


def input_axis(node: onnx.NodeProto) -> int:
    """Return the axis of a mixing node's weights that runs over its input's channels."""
    if node.op_type == "Gemm":
        return 1 if attribute(node, "transB", 0) else 0
    return 0 if node.op_type == "MatMul" else 1


def orders_freely(node: onnx.NodeProto, weights: dict[str, tuple[int, ...]]) -> bool:
    """Tell whether the order of a node's output channels is free to choose: a dense Conv."""
    return (
        node.op_type == "Conv"
        and attribute(node, "group", 1) == 1
        and all(name in weights for name in node.input[1:] if name)
    )


def permuted(values: NDArray[Any], order: Order, axis: int) -> NDArray[Any]:
    """Take ``values`` along ``axis`` in ``order``; -1 in it stands for zeros."""
    taken = np.take(values, np.maximum(order, 0), axis=axis)
    padding = [slice(None)] * values.ndim + [Ellipsis]
    padding[axis] = order < 0  # type: ignore[call-overload]
    taken[tuple(padding)] = 0
    return taken
