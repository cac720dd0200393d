# SPDX-License-Identifier: Apache-2.0
"""Means and second moments of what a convolution or matrix product reads.

Each is a sum over windows: output = weight x window + bias. The sums are taken over the
activations' integer steps and over float values rounded to a fixed-point grid, so that
float64 adds them without rounding and no order or thread count changes a bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import attribute

Doubles = NDArray[np.float64]

# windows a sample contributes to the second moments; neighbors tell little new
WINDOWS = 256
# steps of the fixed-point grid per quantization step
_GRID = 64.0


# a covariance takes memory with the square of the window: 5 GB for VGG's first Gemm
MAX_WINDOW = 2400


@dataclass
class Moments:
    """Sums over windows, in quantization steps of the input, zero at zero.

    Attributes:
        count: Windows in the covariance.
        quantized: Mean of the quantized inputs by sample, shape (samples, groups, window).
        float: The same of the float inputs.
        variance: Of the quantized inputs, shape (groups, window).
        covariance: Of the quantized inputs, shape (groups, window, window); None where the
            window is wider than `MAX_WINDOW`.
    """

    count: int
    quantized: Doubles
    float: Doubles
    variance: Doubles
    covariance: Doubles | None


class MomentSums:
    """Add up samples of one node.

    Args:
        node: Conv, Gemm or MatMul.
        weight_shape: Of its weight.
    """

    def __init__(self, node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> None:
        self._node, self._shape = node, weight_shape
        self._picked = 0
        self._quantized: list[Doubles] = []
        self._float: list[Doubles] = []
        self._picked_sum: Doubles | float = 0.0
        self._squares: Doubles | float = 0.0

    def add(self, quantized: Doubles, float_: Doubles) -> None:
        """Add one sample: inputs in quantization steps, zero at zero."""
        inner = self._windows(quantized)
        self._quantized.append(inner.sum(axis=2) / inner.shape[2])
        outer = self._windows(np.rint(float_ * _GRID))
        self._float.append(outer.sum(axis=2) / (_GRID * outer.shape[2]))
        some = inner[:, :, :: max(1, inner.shape[2] // WINDOWS)]
        self._picked += some.shape[2]
        self._picked_sum = self._picked_sum + some.sum(axis=2)
        if inner.shape[1] > MAX_WINDOW:
            self._squares = self._squares + (some * some).sum(axis=2)
        else:
            self._squares = self._squares + some @ some.transpose(0, 2, 1)

    def moments(self) -> Moments:
        """Return the moments of all samples so far, of which there is at least one."""
        mean = np.asarray(self._picked_sum) / self._picked
        squares = np.asarray(self._squares) / self._picked
        covariance = None
        if squares.ndim == 2:
            variance = squares - mean * mean
        else:
            covariance = squares - mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
            variance = np.diagonal(covariance, axis1=1, axis2=2)
        floats = np.stack(self._float)
        return Moments(self._picked, np.stack(self._quantized), floats, variance, covariance)

    def _windows(self, values: Doubles) -> Doubles:
        """Return the windows of one sample, shape (groups, window, positions)."""
        if self._node.op_type != "Conv":
            return np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T[np.newaxis])
        return windows(values[0], self._node, self._shape)


def windows(values: Doubles, node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> Doubles:
    """Return what each position of a 2-D convolution sees.

    Args:
        values: Shape (channels, height, width).
        node: A Conv.
        weight_shape: Shape (outputs, channels per group, kernel height, kernel width).

    Returns:
        Shape (groups, channels per group x kernel height x kernel width, positions).
    """
    groups = attribute(node, "group", 1)
    strides = attribute(node, "strides", [1, 1])
    dilations = attribute(node, "dilations", [1, 1])
    spans = [(size - 1) * step + 1 for size, step in zip(weight_shape[2:], dilations, strict=True)]
    (top, bottom), (left, right) = padding(node, values.shape[1:], spans)
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right)))
    views = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))
    views = views[:, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
    columns = views.transpose(0, 3, 4, 1, 2)
    return np.ascontiguousarray(columns).reshape(groups, -1, views.shape[1] * views.shape[2])


def padding(
    node: onnx.NodeProto, sizes: Sequence[int], spans: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the zeros before and behind each axis, as the Conv's pads or auto_pad say.

    Args:
        node: A Conv.
        sizes: Height and width of its input.
        spans: Height and width of its kernel, dilation included.
    """
    mode = attribute(node, "auto_pad", b"NOTSET")
    if mode == b"VALID":
        return [(0, 0)] * len(sizes)
    if mode == b"NOTSET":
        pads = attribute(node, "pads", [0] * 2 * len(sizes))
        return list(zip(pads[: len(sizes)], pads[len(sizes) :], strict=True))
    result = []
    for size, span, stride in zip(
        sizes, spans, attribute(node, "strides", [1] * len(sizes)), strict=True
    ):
        # as many outputs as strides fit into the input, the last one begun included
        total = max((-(-size // stride) - 1) * stride + span - size, 0)
        less, more = total // 2, total - total // 2
        result.append((less, more) if mode == b"SAME_UPPER" else (more, less))
    return result
