# SPDX-License-Identifier: Apache-2.0
"""Means and second moments of what a convolution or matrix product reads.

Each is a sum over windows: output = weight x window + bias. The sums are taken over the
activations' integer steps and over float values rounded to a fixed-point grid, so that
float64 adds them without rounding and no order or thread count changes a bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import attribute

Doubles = NDArray[np.float64]

# windows a sample contributes to the second moments at most, and for each number in one;
# neighbors tell little new
WINDOWS = 256
WINDOWS_PER_WEIGHT = 8
# steps of the fixed-point grid per quantization step
_GRID = 64.0
# a covariance takes memory with the square of the window: 5 GB for VGG's first Gemm
MAX_WINDOW = 2400
# four of them
MAX_NOISE_WINDOW = 1280


@dataclass(frozen=True)
class Half:
    """Second moments over every other sample, in quantization steps, about the means.

    Attributes:
        covariance: Of the quantized inputs, shape (groups, window, window).
        noise: Of what quantization added to the inputs (rows) with the quantized inputs.
    """

    covariance: Doubles
    noise: Doubles


@dataclass(frozen=True)
class Moments:
    """Sums over windows, in quantization steps of the input, zero at zero.

    Attributes:
        count: Windows in the covariance.
        quantized: Mean of the quantized inputs by sample, shape (samples, groups, window).
        float: The same of the float inputs.
        variance: Of the quantized inputs, shape (groups, window).
        covariance: Of the quantized inputs, shape (groups, window, window); None where the
            window is wider than `MAX_WINDOW`.
        halves: The samples at even and at odd places; empty where there is one sample only,
            or the window is wider than `MAX_NOISE_WINDOW`.
    """

    count: int
    quantized: Doubles
    float: Doubles
    variance: Doubles
    covariance: Doubles | None
    halves: tuple[Half, ...] = ()


class _Sums:
    """Over the windows picked of some samples."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Doubles | float = 0.0
        self.noise_total: Doubles | float = 0.0
        self.squares: Doubles | float = 0.0
        self.noise: Doubles | float = 0.0

    def add(self, quantized: Doubles, noise: Doubles) -> None:
        """Add windows of one sample, shape (groups, window, positions)."""
        across, size = quantized.transpose(0, 2, 1), quantized.shape[1]
        self.count += quantized.shape[2]
        self.total = self.total + quantized.sum(axis=2)
        # added in place: these are the largest matrices of a build
        if size <= MAX_WINDOW:
            self.squares += quantized @ across
        else:
            self.squares += (quantized * quantized).sum(axis=2)
        if size <= MAX_NOISE_WINDOW:
            self.noise_total = self.noise_total + noise.sum(axis=2)
            self.noise += noise @ across

    def half(self) -> Half:
        """Return them about the means; they are used up."""
        mean = np.asarray(self.total) / self.count
        noise_mean = np.asarray(self.noise_total) / self.count
        squares, noise = np.asarray(self.squares), np.asarray(self.noise)
        self.squares = self.noise = 0.0
        squares /= self.count
        squares -= mean[:, :, np.newaxis] * mean[:, np.newaxis]
        noise /= self.count
        noise -= noise_mean[:, :, np.newaxis] * mean[:, np.newaxis]
        return Half(squares, noise)


class MomentSums:
    """Add up samples of one node.

    Args:
        node: Conv, Gemm or MatMul.
        weight_shape: Of its weight.
    """

    def __init__(self, node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> None:
        self._node, self._shape = node, weight_shape
        self._quantized: list[Doubles] = []
        self._float: list[Doubles] = []
        self._sums = (_Sums(), _Sums())

    def add(self, quantized: Doubles, float_: Doubles) -> None:
        """Add one sample: inputs in quantization steps, zero at zero."""
        on_grid = float_ * _GRID
        outer = self._windows(np.rint(on_grid, out=on_grid))
        inner = self._windows(quantized)
        groups = attribute(self._node, "group", 1)
        some = _picked(inner, groups)
        self._sums[len(self._quantized) % 2].add(some, some - _picked(outer, groups) / _GRID)
        positions = inner.shape[3] * inner.shape[4]
        self._quantized.append(inner.sum(axis=(3, 4)).reshape(groups, -1) / positions)
        self._float.append(outer.sum(axis=(3, 4)).reshape(groups, -1) / (_GRID * positions))

    def moments(self) -> Moments:
        """Return the moments of all samples, of which there is at least one; used up by it."""
        even, odd = self._sums
        count = even.count + odd.count
        mean = np.asarray(even.total + odd.total) / count
        squares = np.asarray(even.squares + odd.squares)
        squares /= count
        covariance: Doubles | None = None
        halves: tuple[Half, ...] = ()
        if squares.ndim == 2:
            variance = squares - mean * mean
        else:
            covariance = squares
            covariance -= mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
            variance = np.diagonal(covariance, axis1=1, axis2=2)
            if odd.count and covariance.shape[1] <= MAX_NOISE_WINDOW:
                halves = (even.half(), odd.half())
        floats = np.stack(self._float)
        return Moments(count, np.stack(self._quantized), floats, variance, covariance, halves)

    def _windows(self, values: Doubles) -> Doubles:
        if self._node.op_type == "Conv":
            return windows(values[0], self._node, self._shape)
        rows = values.reshape(-1, values.shape[-1])
        return rows.T[np.newaxis, :, np.newaxis, np.newaxis, :].swapaxes(0, 1)


def windows(values: Doubles, node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> Doubles:
    """Return what each position of a 2-D convolution sees.

    Args:
        values: Shape (channels, height, width).
        node: A Conv.
        weight_shape: Shape (outputs, channels per group, kernel height, kernel width).

    Returns:
        A view of shape (channels, kernel height, kernel width, height, width).
    """
    strides = attribute(node, "strides", [1, 1])
    dilations = attribute(node, "dilations", [1, 1])
    spans = [(size - 1) * step + 1 for size, step in zip(weight_shape[2:], dilations, strict=True)]
    (top, bottom), (left, right) = padding(node, values.shape[1:], spans)
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right)))
    slide: Any = np.lib.stride_tricks.sliding_window_view  # typed for one axis before numpy 2.4
    views: Doubles = slide(padded, spans, axis=(1, 2))
    views = views[:, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
    return views.transpose(0, 3, 4, 1, 2)


def _picked(views: Doubles, groups: int) -> Doubles:
    """Return some windows, evenly spread, shape (groups, window, positions)."""
    channels, high, wide, rows, columns = views.shape
    window = channels * high * wide // groups
    wanted = min(WINDOWS, WINDOWS_PER_WEIGHT * window)
    step = max(1, round(math.sqrt(rows * columns / wanted)))
    some = views[:, :, :, ::step, ::step]
    return np.ascontiguousarray(some).reshape(groups, window, -1)


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
