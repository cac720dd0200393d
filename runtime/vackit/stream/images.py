# SPDX-License-Identifier: Apache-2.0
"""Arrange an RGB picture as the vdsp params say that the operator reads its bytes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.errors import StreamError

IMAGE_FORMATS = ("RGB_PLANAR", "BGR_PLANAR", "RGB888", "BGR888", "GRAY", "YUV_NV12")


def arrange(rgb: NDArray[np.uint8], image_format: str) -> NDArray[np.uint8]:
    """Return a planar RGB picture in another pixel format.

    Args:
        rgb: (3, H, W): what an npz holds under ``input_0``.
        image_format: One of `IMAGE_FORMATS`. GRAY and YUV_NV12 (BT.601) are computed by
            OpenCV.

    Returns:
        uint8, contiguous: (3, H, W) for the planar formats, (H, W, 3) for RGB888 and
        BGR888, (H, W) for GRAY, (H * 3 / 2, W) for YUV_NV12.

    Raises:
        StreamError: The format is not known, or NV12 is asked of odd sides.
    """
    if image_format == "RGB_PLANAR":
        return np.ascontiguousarray(rgb)
    if image_format == "BGR_PLANAR":
        return np.ascontiguousarray(rgb[::-1])
    packed = np.ascontiguousarray(rgb.transpose(1, 2, 0))
    if image_format == "RGB888":
        return packed
    if image_format == "BGR888":
        return np.ascontiguousarray(packed[..., ::-1])
    if image_format == "GRAY":
        return _gray(packed)
    if image_format == "YUV_NV12":
        return _nv12(packed)
    raise StreamError(
        f"image format '{image_format}' is not known; known: {', '.join(IMAGE_FORMATS)}"
    )


def _gray(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return _uint8(cv2.cvtColor(packed, cv2.COLOR_RGB2GRAY))


def _nv12(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    height, width = packed.shape[:2]
    if height % 2 or width % 2:
        raise StreamError(f"YUV_NV12 needs even sides, the picture is {height}x{width}")
    planar = _uint8(cv2.cvtColor(packed, cv2.COLOR_RGB2YUV_I420))
    # I420 keeps U and V in planes of a quarter each, NV12 alternates them
    chroma = planar[height:].reshape(2, -1).T.reshape(height // 2, width)
    return np.concatenate([planar[:height], chroma])


def _uint8(image: Any) -> NDArray[np.uint8]:
    return np.asarray(image, dtype=np.uint8)
