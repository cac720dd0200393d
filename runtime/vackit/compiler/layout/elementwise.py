# SPDX-License-Identifier: Apache-2.0
"""Nodes that combine values element by element, channel with channel."""

import onnx

from vackit.compiler.graph import Shape

ELEMENTWISE = frozenset({"Add", "Div", "Mul", "PRelu", "Sub"})

Shapes = dict[str, Shape]


def combined(
    node: onnx.NodeProto, shapes: Shapes, weights: dict[str, tuple[int, ...]]
) -> list[str]:
    """Return the activations that an element-wise node combines channel by channel.

    Args:
        node: Its op_type is one of `ELEMENTWISE`.
        shapes: Of the values.
        weights: Shapes of the initializers by name.

    Returns:
        The names of its activations; none where channels meet other channels, or where a
        channel of zeros, as padding is, could become infinite.
    """
    data = [name for name in dict.fromkeys(node.input) if name not in weights]
    result = shapes.get(node.output[0], ())
    if len(result) not in (2, 4) or not isinstance(result[1], int):
        return []
    if any(len(shapes.get(name, ())) != len(result) for name in data):
        return []
    if any(shapes[name][1] != result[1] for name in data):
        return []
    fixed = [weights[name] for name in node.input if name in weights]
    if any(len(shape) > len(result) or _batch(shape, len(result)) != 1 for shape in fixed):
        return []
    if node.op_type == "Div":
        over_number = len(data) == 1 and node.input[0] == data[0]
        is_single = all(channel_axis(shape, len(result)) is None for shape in fixed)
        return data if over_number and is_single else []
    return data


def channel_axis(shape: tuple[int, ...], rank: int) -> int | None:
    """Return the axis of a constant that runs over the channels of a value of ``rank``.

    None where it has the same for all channels.
    """
    axis = len(shape) - (rank - 1)
    return axis if axis >= 0 and shape[axis] != 1 else None


def _batch(shape: tuple[int, ...], rank: int) -> int:
    return shape[0] if len(shape) == rank else 1
