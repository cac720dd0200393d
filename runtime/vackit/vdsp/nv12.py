# SPDX-License-Identifier: Apache-2.0
"""NV12: full-size luma, and chroma for every 2 x 2 pixels; to RGB and back.

Limited range: luma in [16, 235], chroma in [16, 240] around 128. Chroma is taken for all
four pixels of its block and made from the upper left one, both as OpenCV does.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp_types import ResizeType
from vackit.errors import DataError
from vackit.vdsp.geometry import Size
from vackit.vdsp.picture import Plane, Planes, check_array
from vackit.vdsp.resize import resize

ColorSpace = Literal["BT601", "BT709"]

_FRACTION_BITS = 20

# Coefficients in units of 2**-20. BT.601: ITU-R BT.601-7 as OpenCV rounds it, so that the
# results are equal. BT.709: ITU-R BT.709-6, Kr 0.2126, Kb 0.0722, the factors 255/219 for
# luma and 255/224 for chroma, rounded to the nearest.
# Per color space: Y to all, V to R, V to G, U to G, U to B
_TO_RGB: dict[ColorSpace, tuple[int, int, int, int, int]] = {
    "BT601": (1220542, 1673527, -852492, -409993, 2116026),
    "BT709": (1220945, 1879825, -558796, -223607, 2215014),
}
# Per color space: the rows Y, U, V over the columns R, G, B
_FROM_RGB: dict[ColorSpace, tuple[tuple[int, int, int], ...]] = {
    "BT601": (
        (269484, 528482, 102760),
        (-155188, -305135, 460324),
        (460324, -385875, -74448),
    ),
    "BT709": (
        (191455, 644067, 65019),
        (-105533, -355018, 460551),
        (460551, -418321, -42230),
    ),
}


@dataclass(frozen=True)
class Nv12:
    """A picture as luma (H, W) and interleaved chroma (ceil(H/2), ceil(W/2), 2), uint8.

    Arrays of the format have even sides; a picture resized on the way may be odd.
    """

    luma: Plane
    chroma: Plane

    @property
    def size(self) -> Size:
        """Return (height, width)."""
        return self.luma.shape[0], self.luma.shape[1]

    def resized(self, size: Size, resize_type: ResizeType) -> "Nv12":
        """Return the picture stretched to ``size``, luma and chroma each by itself."""
        return Nv12(
            resize(self.luma, size, resize_type),
            resize(self.chroma, _halved(size), resize_type),
        )

    def cropped(self, x: int, y: int, size: Size) -> "Nv12":
        """Return views of the part of ``size`` at (x, y).

        An odd ``x`` or ``y`` cuts through a chroma sample: it then starts the part.
        """
        (height, width), (rows, columns) = size, _halved(size)
        return Nv12(
            self.luma[y : y + height, x : x + width],
            self.chroma[y // 2 : y // 2 + rows, x // 2 : x // 2 + columns],
        )

    def to_rgb(self, color_space: ColorSpace) -> Planes:
        """Return the picture as planes R, G, B."""
        if color_space == "BT601" and not (self.size[0] % 2 or self.size[1] % 2):
            rgb = cv2.cvtColorTwoPlane(self.luma, self.chroma, cv2.COLOR_YUV2RGB_NV12)
            return Planes(tuple(np.asarray(plane, np.uint8) for plane in cv2.split(rgb)))
        return _fixed_point_rgb(self, color_space)

    def to_gray(self) -> Planes:
        """Return the luma as it is, in its limited range."""
        return Planes((self.luma,))


def _halved(size: Size) -> Size:
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def read_nv12(image: Plane) -> Nv12:
    """Take an array (H * 3 / 2, W) of even H and W apart; views into it.

    Raises:
        DataError: Dtype or shape are not NV12's.
    """
    check_array(image, "YUV_NV12")
    rows, width = image.shape
    if rows % 3 or width % 2 or (rows // 3 * 2) % 2:
        raise DataError(
            f"image has shape {image.shape}, "
            "YUV_NV12 expected (height * 3 / 2, width) with even height and width"
        )
    image = np.ascontiguousarray(image)
    height = rows // 3 * 2
    return Nv12(image[:height], image[height:].reshape(height // 2, width // 2, 2))


def write_nv12(picture: Nv12) -> Plane:
    """Return the array (H * 3 / 2, W) of a picture with even sides."""
    height, width = picture.size
    if height % 2 or width % 2:
        raise DataError(f"NV12 image would be {width}x{height}, expected even sides")
    return np.concatenate([picture.luma, picture.chroma.reshape(height // 2, width)])


def rgb_to_nv12(picture: Planes, color_space: ColorSpace) -> Nv12:
    """Convert planes R, G, B; BT.601 equals OpenCV's ``COLOR_RGB2YUV_I420``."""
    luma, u, v = _FROM_RGB[color_space]
    blocks = [plane[::2, ::2] for plane in picture.channels]
    chroma = np.stack([_weighted(blocks, u, 128), _weighted(blocks, v, 128)], axis=-1)
    return Nv12(_weighted(list(picture.channels), luma, 16), chroma)


def _rounded(sums: NDArray[np.int32]) -> Plane:
    whole = (sums + (1 << (_FRACTION_BITS - 1))) >> _FRACTION_BITS
    return np.asarray(np.clip(whole, 0, 255), np.uint8)


def _weighted(planes: list[Plane], weights: tuple[int, ...], offset: int) -> Plane:
    sums = np.full(planes[0].shape, offset << _FRACTION_BITS, np.int32)
    for plane, weight in zip(planes, weights, strict=True):
        sums += plane.astype(np.int32) * np.int32(weight)
    return _rounded(sums)


def _fixed_point_rgb(picture: Nv12, color_space: ColorSpace) -> Planes:
    """Convert with 20 fractional bits; for BT.601 the same as OpenCV, to the bit."""
    height, width = picture.size
    y, v_r, v_g, u_g, u_b = (np.int32(value) for value in _TO_RGB[color_space])
    luma = np.maximum(picture.luma.astype(np.int32) - 16, 0) * y
    spread = picture.chroma.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    u, v = (spread[..., index].astype(np.int32) - 128 for index in (0, 1))
    return Planes(
        (_rounded(luma + v_r * v), _rounded(luma + v_g * v + u_g * u), _rounded(luma + u_b * u))
    )
