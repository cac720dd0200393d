# SPDX-License-Identifier: Apache-2.0
"""Small models that end as detectors do: planted outputs, and convolutions over an image."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vackit.testing.graph_builder import GraphBuilder


def planted(
    outputs: Mapping[str, Sequence[int]],
    size: tuple[int, int],
    *,
    through: str | Mapping[str, str] = "Identity",
    opset: int = 13,
) -> onnx.ModelProto:
    """Return a model that hands its inputs on as the outputs of a head, batch free.

    Args:
        outputs: Per output its shape without the batch; its input is called ``in_`` and so.
        size: (height, width) of the image that it also takes, as ``image``, and ignores.
        through: The operator between, or per output that has another than Identity.
        opset: Of the default domain.
    """
    inputs = {"image": (3, *size)} | {f"in_{name}": tuple(s) for name, s in outputs.items()}
    ops = dict.fromkeys(outputs, through) if isinstance(through, str) else through
    graph = helper.make_graph(
        [
            helper.make_node(ops.get(name, "Identity"), [f"in_{name}"], [name], name=name)
            for name in outputs
        ],
        "planted",
        [_value(name, shape) for name, shape in inputs.items()],
        [_value(name, shape) for name, shape in outputs.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _value(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])


def convolved(
    channels: int, size: tuple[int, int] = (64, 64), strides: Sequence[int] = (8, 16, 32)
) -> onnx.ModelProto:
    """Return a model of one random convolution a level: maps (channels, h, w)."""
    build = GraphBuilder(13, batch_norm=False)
    outputs: dict[str, tuple[str, Sequence[int | str]]] = {}
    for stride in strides:
        value = build.conv("input", 3, channels, kernel=stride, stride=stride, pads=[0] * 4)
        outputs[f"level_{stride}"] = (value, ["N", channels, size[0] // stride, size[1] // stride])
    return build.model({"input": ["N", 3, *size]}, outputs)


def red_squares(size: int = 64, side: int = 8) -> onnx.ModelProto:
    """Return a detector of red squares of ``side`` pixels that lie on its grid.

    A YOLOX head of one level (stride ``side``) and two classes, red and blue: a box fills
    its cell, and its score is near 1 where the whole cell has the color.
    """
    weight = np.zeros((7, 3, side, side), np.float32)
    bias = np.zeros(7, np.float32)
    bias[:2] = 0.5  # the middle of the cell; exp(0) is its side
    share = 1 / (side * side)
    for row, (red, blue) in enumerate([(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)], start=4):
        # logits of -20, 0 and 20 for a cell of no color, half of one, one
        weight[row] = 40 * share * np.array([red, -1.0, blue], np.float32).reshape(3, 1, 1)
        bias[row] = -20.0
    return _single_convolution(weight, bias, size, side)


def color_segments(size: int = 32) -> onnx.ModelProto:
    """Return a segmenter: the scores of background, red, green, blue at every pixel."""
    weight = np.zeros((4, 3, 1, 1), np.float32)
    weight[1:, :, 0, 0] = np.eye(3)
    return _single_convolution(weight, np.array([0.5, 0, 0, 0], np.float32), size, 1)


def _single_convolution(
    weight: NDArray[np.float32], bias: NDArray[np.float32], size: int, stride: int
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "w", "b"], ["output"], strides=[stride, stride])],
        "single",
        [_value("input", (3, size, size))],
        [_value("output", (len(bias), size // stride, size // stride))],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
