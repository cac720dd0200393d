# SPDX-License-Identifier: Apache-2.0
"""The steps of a build YAML's process_ops that work on pixels, each checked as it is made.

A chain is followed while it is built: how many channels an image has at each step, its
size where that is known, and whether it is still made of pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vackit.config.build_types import CenterCrop, ChannelSplit, CvtColor, Pad, Resize
from vackit.errors import DataError
from vackit.vdsp.geometry import (
    Size,
    centered_corner,
    long_edge_size,
    short_edge_size,
    size_text,
)
from vackit.vdsp.picture import Plane
from vackit.vdsp.resize import find_resizer, resize_with

PixelOp = Resize | CenterCrop | Pad | CvtColor | ChannelSplit
# uint8, (H, W, C), or (H, W) where there is one channel
Step = Callable[[Plane], Plane]


@dataclass
class Pixels:
    """What is known of the image at a place in the chain.

    ``size`` is (height, width), None where it depends on the image.
    """

    channels: int
    size: Size | None = None


def make_step(op: PixelOp, pixels: Pixels) -> Step:
    """Return the function of an op, and bring ``pixels`` to what it leaves behind.

    Raises:
        DataError: The op cannot work on what comes before it.
    """
    match op:
        case Resize():
            return _resize(op, pixels)
        case CenterCrop():
            return _center_crop(op, pixels)
        case Pad():
            return _pad(op, pixels)
        case CvtColor():
            return _cvt_color(op, pixels)
        case ChannelSplit():
            return _channel_split(op, pixels)


def _size_of(image: Plane) -> Size:
    return image.shape[0], image.shape[1]


def _resize(op: Resize, pixels: Pixels) -> Step:
    resizer = find_resizer(op.interpolation, op.backend)
    if not op.adaptive_side:
        if min(op.size) < 1:
            raise DataError(
                f"size is {list(op.size)}, expected [height, width]",
                hint="-1 needs adaptive_side: long or short",
            )
        pixels.size = op.size
        return lambda image: resize_with(resizer, image, op.size)
    edge = _edge(op.size)
    scaled = long_edge_size if op.adaptive_side == "long" else short_edge_size
    # a side of its own for each image, so what comes next cannot be checked beforehand
    pixels.size = None
    return lambda image: resize_with(resizer, image, scaled(_size_of(image), edge))


def _edge(size: tuple[int, int]) -> int:
    """Return the one number that a size for ``adaptive_side`` gives."""
    edges = {length for length in size if length != -1}
    if len(edges) != 1 or min(edges) < 1:
        raise DataError(
            f"size is {list(size)}, with adaptive_side expected one length and -1: [640, -1]"
        )
    return edges.pop()


def _center_crop(op: CenterCrop, pixels: Pixels) -> Step:
    if pixels.size is not None:
        _check_crop(op.crop_size, pixels.size)
    pixels.size = op.crop_size

    def crop(image: Plane) -> Plane:
        _check_crop(op.crop_size, _size_of(image))
        x, y = centered_corner(_size_of(image), op.crop_size)
        return image[y : y + op.crop_size[0], x : x + op.crop_size[1]]

    return crop


def _check_crop(crop: Size, size: Size) -> None:
    if crop[0] > size[0] or crop[1] > size[1]:
        raise DataError(f"crop of {size_text(crop)} is larger than the image, {size_text(size)}")


def _pad(op: Pad, pixels: Pixels) -> Step:
    """Pad to a square, the picture in the upper left corner [guess: side and value]."""
    if not op.pad_to_square:
        return lambda image: image
    if pixels.size is not None:
        pixels.size = (max(pixels.size), max(pixels.size))
    value = (op.value,) * pixels.channels

    def pad(image: Plane) -> Plane:
        height, width = _size_of(image)
        side = max(height, width)
        padded = cv2.copyMakeBorder(
            image, 0, side - height, 0, side - width, cv2.BORDER_CONSTANT, value=value
        )
        return np.asarray(padded, np.uint8)

    return pad


def _cvt_color(op: CvtColor, pixels: Pixels) -> Step:
    code = getattr(cv2, op.code, None) if op.code.startswith("COLOR_") else None
    if not isinstance(code, int):
        raise DataError(f"code is {op.code!r}, expected an OpenCV name such as COLOR_RGB2BGR")

    def convert(image: Plane) -> Plane:
        return np.asarray(cv2.cvtColor(image, code), np.uint8)

    shape = (2, 2) if pixels.channels == 1 else (2, 2, pixels.channels)
    try:
        # what a code takes and makes, OpenCV alone knows: ask it with four pixels
        result = convert(np.zeros(shape, np.uint8))
    except cv2.error as error:
        raise DataError(
            f"{op.code} does not take an image of {pixels.channels} channel(s)"
        ) from error
    if result.shape[:2] != (2, 2):
        raise DataError(f"{op.code} does not keep the image's size")
    pixels.channels = 1 if result.ndim == 2 else result.shape[2]
    return convert


def _channel_split(op: ChannelSplit, pixels: Pixels) -> Step:
    if not 0 <= op.index < pixels.channels:
        raise DataError(f"index is {op.index}, the image has {pixels.channels} channel(s)")
    is_single = pixels.channels == 1
    pixels.channels = 1
    if is_single:
        return lambda image: image
    return lambda image: np.asarray(cv2.extractChannel(image, op.index), np.uint8)
