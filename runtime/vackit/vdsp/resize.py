# SPDX-License-Identifier: Apache-2.0
"""Resize images by the name of the method: OpenCV's own, or Pillow's to the bit."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp_types import ResizeType
from vackit.errors import DataError
from vackit.vdsp.geometry import Size, size_text
from vackit.vdsp.pillow_resize import pillow_nearest, pillow_resize

Resizer = Callable[[NDArray[np.uint8], Size], NDArray[np.uint8]]

# A picture of one pixel by a million, brought to a short edge of 256, would take terabytes
MAX_PIXELS = 1 << 28


def _opencv(image: NDArray[np.uint8], size: Size, flag: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=flag), np.uint8)


_OPENCV: dict[str, Resizer] = {
    "nearest": partial(_opencv, flag=cv2.INTER_NEAREST),
    "linear": partial(_opencv, flag=cv2.INTER_LINEAR),
    "bilinear": partial(_opencv, flag=cv2.INTER_LINEAR),
    "cubic": partial(_opencv, flag=cv2.INTER_CUBIC),
    "bicubic": partial(_opencv, flag=cv2.INTER_CUBIC),
    "area": partial(_opencv, flag=cv2.INTER_AREA),
    "lanczos": partial(_opencv, flag=cv2.INTER_LANCZOS4),
}
_PILLOW: dict[str, Resizer] = {
    "nearest": pillow_nearest,
    "linear": partial(pillow_resize, kind="bilinear"),
    "bilinear": partial(pillow_resize, kind="bilinear"),
    "cubic": partial(pillow_resize, kind="bicubic"),
    "bicubic": partial(pillow_resize, kind="bicubic"),
}
_BACKENDS = {"cv2": _OPENCV, "pillow": _PILLOW}

# BILINEAR is a variant of the card's whose arithmetic is not published; taken for OpenCV's
_BY_TYPE: dict[ResizeType, tuple[str, str]] = {
    "NEAREST": ("cv2", "nearest"),
    "BILINEAR": ("cv2", "bilinear"),
    "BILINEAR_CV": ("cv2", "bilinear"),
    "BILINEAR_PILLOW": ("pillow", "bilinear"),
    "BICUBIC_PILLOW": ("pillow", "bicubic"),
}


def find_resizer(interpolation: str, backend: str) -> Resizer:
    """Return the function for a build YAML's ``interpolation`` and ``backend``.

    Raises:
        DataError: There is no such backend, or it has no such interpolation.
    """
    methods = _BACKENDS.get(backend)
    if methods is None:
        known = ", ".join(_BACKENDS)
        raise DataError(f"resize backend is {backend!r}, expected one of: {known}")
    if interpolation not in methods:
        known = ", ".join(methods)
        raise DataError(f"interpolation is {interpolation!r}, backend {backend} has only: {known}")
    return methods[interpolation]


def resize(
    image: NDArray[np.uint8], size: Size, resize_type: ResizeType = "BILINEAR_CV"
) -> NDArray[np.uint8]:
    """Resize as a vdsp ``ResizeType`` says; the image itself where the size is right.

    Args:
        image: uint8, (H, W) or (H, W, C).
        size: (height, width) of the result.
        resize_type: ``BILINEAR_CV`` and ``BILINEAR`` are ``cv2.INTER_LINEAR``, ``NEAREST``
            is ``cv2.INTER_NEAREST``, the others are Pillow's antialiased filters.

    Raises:
        DataError: A side would be less than one pixel, or the picture too large.
    """
    backend, interpolation = _BY_TYPE[resize_type]
    return resize_with(_BACKENDS[backend][interpolation], image, size)


def resize_with(resizer: Resizer, image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize with a function from `find_resizer`, after a look at the size."""
    if image.shape[:2] == size:
        return image
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise DataError(
            f"resizing {size_text((image.shape[0], image.shape[1]))} to {size_text(size)}: "
            f"expected sides of at least 1 and at most {MAX_PIXELS} pixels"
        )
    return resizer(image, size)
