# SPDX-License-Identifier: Apache-2.0
"""A picture in the hands of the operators: planes of uint8, or NV12.

Arrays of every image format become one of the two forms, and leave from them.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp_types import ResizeType
from vackit.errors import DataError
from vackit.vdsp.geometry import Edges, Size
from vackit.vdsp.resize import resize

Plane = NDArray[np.uint8]

PLANAR_FORMATS = ("RGB_PLANAR", "BGR_PLANAR")
# one layout under two names: the attribute codes', and the image formats'
INTERLEAVED_FORMATS = ("RGB888", "BGR888", "RGB_INTERLEAVE", "BGR_INTERLEAVE")
IMAGE_FORMATS = (*PLANAR_FORMATS, *INTERLEAVED_FORMATS, "GRAY", "YUV_NV12")


class Picture(Protocol):
    """What `Planes` and `Nv12` can both do; every method returns a new picture."""

    @property
    def size(self) -> Size:
        """Return (height, width)."""

    def resized(self, size: Size, resize_type: ResizeType) -> Self:
        """Return the picture stretched to ``size``."""

    def cropped(self, x: int, y: int, size: Size) -> Self:
        """Return the part of ``size`` whose upper left corner is (x, y)."""


@dataclass(frozen=True)
class Planes:
    """One (H, W) uint8 array a channel, all of one size; views are welcome."""

    channels: tuple[Plane, ...]

    @property
    def size(self) -> Size:
        """Return (height, width)."""
        height, width = self.channels[0].shape
        return height, width

    def resized(self, size: Size, resize_type: ResizeType) -> "Planes":
        """Return the picture stretched to ``size``; for linear the same as interleaved."""
        return Planes(tuple(resize(plane, size, resize_type) for plane in self.channels))

    def cropped(self, x: int, y: int, size: Size) -> "Planes":
        """Return views of the part of ``size`` at (x, y)."""
        height, width = size
        return Planes(tuple(plane[y : y + height, x : x + width] for plane in self.channels))

    def bordered(self, edges: Edges, values: tuple[int, ...]) -> "Planes":
        """Return the picture with constant borders (top, bottom, left, right).

        Args:
            edges: Widths in pixels.
            values: One a channel, or one for all.
        """
        fill = values if len(values) == len(self.channels) else values[:1] * len(self.channels)
        return Planes(
            tuple(
                np.asarray(
                    cv2.copyMakeBorder(plane, *edges, cv2.BORDER_CONSTANT, value=value), np.uint8
                )
                for plane, value in zip(self.channels, fill, strict=True)
            )
        )

    def swapped(self) -> "Planes":
        """Return the channels in reverse order: RGB to BGR or back."""
        return Planes(self.channels[::-1])


def image_layout(image_format: str) -> str:
    """Return what arrays of a format look like, for messages."""
    if image_format in PLANAR_FORMATS:
        return "(3, height, width)"
    if image_format in INTERLEAVED_FORMATS:
        return "(height, width, 3)"
    return "(height * 3 / 2, width)" if image_format == "YUV_NV12" else "(height, width)"


def read_planes(image: Plane, image_format: str) -> Planes:
    """Take an RGB, BGR or GRAY array apart into planes, without copying where possible.

    Args:
        image: uint8, of the shape that `image_layout` names; any strides, read-only is fine.
        image_format: One of `IMAGE_FORMATS` but ``YUV_NV12``.

    Raises:
        DataError: Dtype or shape are not the format's.
    """
    check_array(image, image_format)
    image = np.ascontiguousarray(image)
    if image_format == "GRAY":
        return Planes((image,))
    if image_format in PLANAR_FORMATS:
        return Planes((image[0], image[1], image[2]))
    return Planes(tuple(np.asarray(plane, np.uint8) for plane in cv2.split(image)))


def check_array(image: Plane, image_format: str) -> None:
    """Raise `DataError` unless dtype, shape and size can be those of the format."""
    if image_format not in IMAGE_FORMATS:
        known = ", ".join(IMAGE_FORMATS)
        raise DataError(f"image format is {image_format!r}, expected one of: {known}")
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise DataError(f"image holds {got}, expected uint8")
    channel_axis = (
        0 if image_format in PLANAR_FORMATS else 2 if image_format in INTERLEAVED_FORMATS else None
    )
    ndim = 2 if channel_axis is None else 3
    fits = image.ndim == ndim and (channel_axis is None or image.shape[channel_axis] == 3)
    if not fits or image.size == 0:
        raise DataError(
            f"image has shape {image.shape}, "
            f"{image_format} expected {image_layout(image_format)}, not empty"
        )
