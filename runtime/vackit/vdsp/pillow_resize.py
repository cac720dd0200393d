# SPDX-License-Identifier: Apache-2.0
"""Resize as Pillow 13 does, to the bit, without Pillow.

Pillow's filters are separable and antialiased: when an image shrinks, the filter widens
with the scale. Each pass multiplies with coefficients of 22 fractional bits and rounds to
uint8, so the order of the two passes shows in the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PillowFilter = Literal["bilinear", "bicubic"]

# Pillow keeps 8 bits for the pixel and 2 for overshoot of a 32-bit accumulator
_FRACTION_BITS = 32 - 8 - 2

# Outputs that share one small dense matrix: more waste its zeros, fewer cost more calls
_BLOCK = 8


def pillow_resize(
    image: NDArray[np.uint8], size: tuple[int, int], kind: PillowFilter
) -> NDArray[np.uint8]:
    """Resize with an antialiased filter, bit-identical to Pillow 13's ``Image.resize``.

    Horizontal pass first, except where the height shrinks by more than twice what the
    width shrinks by, in pixels: there Pillow 13 turns the order round (older ones do
    not). A pass that would keep its size is skipped.

    Args:
        image: (H, W) or (H, W, C), any strides.
        size: (height, width) of the result, both at least 1.
        kind: The filter.

    Returns:
        A new array of ``size``, C-contiguous per channel plane.

    Source:
        Filter shapes and precision: Pillow's documentation and its results. The rule for
        the order: found by comparing both orders with Pillow 13.0 over random sizes.
    """
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    passes = [(2, size[1]), (1, size[0])]
    if _is_vertical_first(image.shape[:2], size):
        passes.reverse()
    for axis, length in passes:
        if planes.shape[axis] != length:
            planes = _resample(planes, axis, length, kind)
    return (planes[0] if image.ndim == 2 else planes.transpose(1, 2, 0)).copy()


def pillow_nearest(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize to the nearest pixel center, bit-identical to Pillow's ``NEAREST``.

    Args:
        image: (H, W) or (H, W, C).
        size: (height, width) of the result, both at least 1.
    """
    rows = _nearest_indices(image.shape[0], size[0])
    columns = _nearest_indices(image.shape[1], size[1])
    return image[rows[:, None], columns]


def _nearest_indices(length: int, new_length: int) -> NDArray[np.intp]:
    steps = np.full(new_length, length / new_length)
    steps[0] /= 2
    # Pillow adds the step up, pixel by pixel: multiplying instead would round differently
    return np.minimum(np.cumsum(steps).astype(np.intp), length - 1)


def _is_vertical_first(old: tuple[int, ...], new: tuple[int, int]) -> bool:
    shrink = old[0] - new[0]
    return shrink > 0 and shrink > 2 * (old[1] - new[1])


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate Keys' cubic with a = -0.5 in the grouping that Pillow rounds in."""
    a, x = -0.5, np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


_FILTERS: dict[PillowFilter, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], float]]
_FILTERS = {"bilinear": (_triangle, 1.0), "bicubic": (_cubic, 2.0)}


def coefficients(
    length: int, new_length: int, kind: PillowFilter
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return which inputs make each output, and with what weights.

    Returns:
        ``first``: (new_length,), the first input index of each output.
        ``weights``: (new_length, taps), fixed point with 22 fractional bits, zero where
        the filter reaches beyond the image.
    """
    function, radius = _FILTERS[kind]
    scale = length / new_length
    widening = max(scale, 1.0)
    support = radius * widening
    center = (np.arange(new_length) + 0.5) * scale
    first = np.maximum((center - support + 0.5).astype(np.intp), 0)
    last = np.minimum((center + support + 0.5).astype(np.intp), length)
    tap = np.arange((last - first).max())
    weights = function((tap + first[:, None] - center[:, None] + 0.5) * (1.0 / widening))
    weights[tap >= (last - first)[:, None]] = 0.0
    # one after the other, as Pillow sums: pairwise summation would round differently
    weights /= np.cumsum(weights, axis=1)[:, -1:]
    fixed = weights * (1 << _FRACTION_BITS)
    return first, np.trunc(fixed + np.copysign(0.5, fixed)).astype(np.int64)


@dataclass(frozen=True)
class _Block:
    """The outputs ``start:stop`` come from the inputs ``low:high`` times ``matrix``."""

    start: int
    stop: int
    low: int
    high: int
    matrix: NDArray[np.float64]


@lru_cache(maxsize=32)
def _blocks(length: int, new_length: int, kind: PillowFilter) -> tuple[_Block, ...]:
    first, weights = coefficients(length, new_length, kind)
    taps = weights.shape[1]
    blocks = []
    for start in range(0, new_length, _BLOCK):
        stop = min(start + _BLOCK, new_length)
        low, high = int(first[start]), int(first[stop - 1]) + taps
        matrix = np.zeros((high - low, stop - start))
        outputs = np.arange(stop - start)
        inputs = first[start:stop] - low
        matrix[inputs + np.arange(taps)[:, None], outputs] = weights[start:stop].T
        high = min(high, length)
        blocks.append(_Block(start, stop, low, high, matrix[: high - low]))
    return tuple(blocks)


def _resample(
    planes: NDArray[np.uint8], axis: int, length: int, kind: PillowFilter
) -> NDArray[np.uint8]:
    """Run one pass over axis 1 (vertical) or 2 (horizontal) of (C, H, W).

    The products are sums of integers below 2**53, so float64 holds them exactly in any
    order of summation, and the matrix multiplication may be as fast as it can.
    """
    shape = list(planes.shape)
    shape[axis] = length
    result = np.empty(shape, np.uint8)
    for block in _blocks(planes.shape[axis], length, kind):
        if axis == 2:
            sums = planes[:, :, block.low : block.high].astype(np.float64, order="C") @ block.matrix
            result[:, :, block.start : block.stop] = _rounded(sums)
        else:
            lines = planes[:, block.low : block.high].astype(np.float64, order="C")
            result[:, block.start : block.stop] = _rounded(block.matrix.T @ lines)
    return result


def _rounded(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    sums += 1 << (_FRACTION_BITS - 1)
    sums *= 2.0**-_FRACTION_BITS
    np.floor(sums, out=sums)
    return np.clip(sums, 0.0, 255.0, out=sums)
