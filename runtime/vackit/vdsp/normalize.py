# SPDX-License-Identifier: Apache-2.0
"""Normalize uint8 planes through tables of 256 entries, one a channel.

A table holds the float32 formula's result for every pixel value, so looking up equals
calculating, to the bit, at a third of the time: numpy's cast to float16 alone takes
longer than everything here.
"""

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp_types import NormaType
from vackit.errors import DataError
from vackit.vdsp.picture import Plane

OutputDtype = Literal["float16", "float32"]

_USES_MEAN = ("MINUSMEAN_DIVSTD", "DIV255_MINUSMEAN_DIVSTD")


def normalized(
    values: NDArray[Any], norma_type: NormaType, mean: float, std: float
) -> NDArray[np.float32]:
    """Calculate a NormaType's formula in float32, every step rounded to float32.

    ``EQUAL`` x; ``DIV255`` x / 255; ``MINUSMEAN_DIVSTD`` (x - mean) / std;
    ``DIV255_MINUSMEAN_DIVSTD`` (x / 255 - mean) / std; ``DIV1275_MINUSONE`` x / 127.5 - 1.
    Only the two that name a mean use ``mean`` and ``std``.

    Args:
        values: Pixel values, any shape.
        norma_type: The formula.
        mean: In the unit that the subtraction works in; rounded to float32.
        std: Likewise, not 0.

    Source:
        The formulas: from the names and from published numbers. The precision of the
        card's arithmetic is not published.
    """
    x = values.astype(np.float32)
    if norma_type == "DIV1275_MINUSONE":
        return x / np.float32(127.5) - np.float32(1)
    if norma_type in ("DIV255", "DIV255_MINUSMEAN_DIVSTD"):
        x = x / np.float32(255)
    if norma_type in _USES_MEAN:
        x = (x - np.float32(mean)) / np.float32(std)
    return x


class Normalizer:
    """Normalization of a fixed number of channels to one dtype. Thread-safe.

    Args:
        channels: How many.
        norma_type: The formula, see `normalized`.
        mean: One a channel, in their order, or one for all; unused ones may be anything.
        std: Likewise.
        half: Round to float16: the means and stds first, and each result.
        dtype: Of the result; ``float32`` with ``half`` holds float16 values, widened.

    Raises:
        DataError: The counts do not fit, or a std makes the result infinite.
    """

    def __init__(
        self,
        channels: int,
        norma_type: NormaType,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        *,
        half: bool,
        dtype: OutputDtype = "float16",
    ) -> None:
        if dtype not in ("float16", "float32"):
            raise DataError(f"dtype is {dtype!r}, expected float16 or float32")
        self._dtype = np.dtype(dtype)
        uses_mean = norma_type in _USES_MEAN
        means = _per_channel("mean", mean if uses_mean else (0.0,), channels)
        stds = _per_channel("std", std if uses_mean else (1.0,), channels)
        self._tables = [
            _table(norma_type, pair, half).astype(self._dtype).view(self._lookup_dtype)
            for pair in zip(means, stds, strict=True)
        ]

    @property
    def _lookup_dtype(self) -> np.dtype[Any]:
        # cv2.LUT took no float16 before OpenCV 5; its bits as uint16 do as well
        return np.dtype(np.uint16) if self._dtype == np.float16 else self._dtype

    def __call__(self, planes: Sequence[Plane], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the planes normalized, (C, H, W), contiguous, in ``out`` or a new array."""
        if out is None:
            out = np.empty((len(planes), *planes[0].shape), self._dtype)
        for plane, table, target in zip(
            planes, self._tables, out.view(self._lookup_dtype), strict=True
        ):
            cv2.LUT(plane, table, dst=target)
        return out


def _per_channel(name: str, values: Sequence[float], channels: int) -> Sequence[float]:
    if len(values) == channels:
        return values
    if len(set(values)) == 1:
        return [values[0]] * channels
    raise DataError(f"{name} has {len(values)} values for an image of {channels} channels")


def _table(norma_type: NormaType, pair: tuple[float, float], half: bool) -> NDArray[np.float32]:
    mean, std = (float(np.float16(value)) for value in pair) if half else pair
    with np.errstate(all="ignore"):
        table = normalized(np.arange(256), norma_type, mean, std)
        if half:
            table = table.astype(np.float16).astype(np.float32)
    if not np.isfinite(table).all():
        kind = "float16" if half else "float32"
        raise DataError(
            f"{norma_type} with mean {mean:g} and std {std:g} gives values beyond {kind}"
        )
    return table
