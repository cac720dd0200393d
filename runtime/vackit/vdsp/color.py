# SPDX-License-Identifier: Apache-2.0
"""The color conversions by their vdsp codes.

A code names channel orders and layouts. On RGB and BGR data a conversion between the two
is a swap of channels whatever the image format says: published files feed ``RGB_PLANAR``
through ``BGR2RGB`` to obtain BGR.
"""

from collections.abc import Callable

import cv2
import numpy as np

from vackit.errors import DataError
from vackit.vdsp.nv12 import ColorSpace, Nv12, read_nv12, rgb_to_nv12, write_nv12
from vackit.vdsp.picture import (
    INTERLEAVED_FORMATS,
    PLANAR_FORMATS,
    Plane,
    Planes,
    read_planes,
)

_FromPlanes = Callable[[Planes, ColorSpace], Planes | Nv12]
_FromNv12 = Callable[[Nv12, ColorSpace], Planes]


def _keep(picture: Planes, _: ColorSpace) -> Planes:
    return picture


def _swap(picture: Planes, _: ColorSpace) -> Planes:
    return picture.swapped()


def _rgb_to_gray(picture: Planes, _: ColorSpace) -> Planes:
    """Weigh R, G, B by 0.299, 0.587, 0.114, full range, as OpenCV does for any space."""
    gray = cv2.cvtColor(cv2.merge(picture.channels), cv2.COLOR_RGB2GRAY)
    return Planes((np.asarray(gray, np.uint8),))


def _bgr_to_gray(picture: Planes, space: ColorSpace) -> Planes:
    return _rgb_to_gray(picture.swapped(), space)


def _bgr_to_nv12(picture: Planes, space: ColorSpace) -> Nv12:
    return rgb_to_nv12(picture.swapped(), space)


_FROM_PLANES: dict[str, _FromPlanes] = {
    "NO_CHANGE": _keep,
    "RGB2BGR": _swap,
    "BGR2RGB": _swap,
    "BGR2RGB_INTERLEAVE2PLANAR": _swap,
    "RGB2BGR_INTERLEAVE2PLANAR": _swap,
    "BGR2BGR_INTERLEAVE2PLANAR": _keep,
    "RGB2RGB_INTERLEAVE2PLANAR": _keep,
    "BGR2GRAY_INTERLEAVE": _bgr_to_gray,
    "BGR2GRAY_PLANAR": _bgr_to_gray,
    "RGB2GRAY_INTERLEAVE": _rgb_to_gray,
    "RGB2GRAY_PLANAR": _rgb_to_gray,
    "RGB2YUV_NV12_PLANAR": rgb_to_nv12,
    "BGR2YUV_NV12_PLANAR": _bgr_to_nv12,
}
_FROM_NV12: dict[str, _FromNv12] = {
    "YUV2RGB_NV12": lambda picture, space: picture.to_rgb(space),
    "YUV2BGR_NV12": lambda picture, space: picture.to_rgb(space).swapped(),
    "YUV2GRAY_NV12": lambda picture, _: picture.to_gray(),
}
COLOR_CODES = (*_FROM_PLANES, *_FROM_NV12)


def convert_picture(picture: Planes | Nv12, code: str, space: ColorSpace) -> Planes | Nv12:
    """Convert a picture by a ``ColorCvtCode``.

    Raises:
        DataError: There is no such code, or it does not fit the picture.
    """
    if isinstance(picture, Nv12):
        if code in _FROM_NV12:
            return _FROM_NV12[code](picture, space)
        raise DataError(f"color code {code} does not fit an NV12 image{_choice(_FROM_NV12)}")
    if code not in _FROM_PLANES:
        raise DataError(f"color code {code} does not fit an RGB image{_choice(_FROM_PLANES)}")
    if len(picture.channels) == 1 and code != "NO_CHANGE":
        raise DataError(f"color code {code} needs 3 channels, the image has 1")
    return _FROM_PLANES[code](picture, space)


def _choice(codes: dict[str, _FromPlanes] | dict[str, _FromNv12]) -> str:
    return f"; expected one of: {', '.join(codes)}"


def color_channels(code: str, channels: int) -> int:
    """Return how many channels an image of ``channels`` has after a conversion."""
    return 1 if "2GRAY" in code else 3 if code in _FROM_NV12 else channels


def convert_color(
    image: Plane,
    code: str,
    image_format: str,
    output_format: str,
    color_space: ColorSpace = "BT601",
) -> Plane:
    """Run the single operator CVT_COLOR on an array.

    Args:
        image: uint8 in the shape of ``image_format`` (`vackit.vdsp.picture.image_layout`).
        code: One of `COLOR_CODES`.
        image_format: How ``image`` is laid out; its channel order is the code's affair.
        output_format: How the result is to be laid out.
        color_space: For conversions from and to NV12, limited range.

    Returns:
        A new array in the shape of ``output_format``.

    Raises:
        DataError: Code, formats and array do not fit together.
    """
    _check_layout(code, image_format)
    is_nv12 = image_format == "YUV_NV12"
    picture = read_nv12(image) if is_nv12 else read_planes(image, image_format)
    return _write(convert_picture(picture, code, color_space), output_format)


def _check_layout(code: str, image_format: str) -> None:
    if "_INTERLEAVE" in code:
        expected: tuple[str, ...] = INTERLEAVED_FORMATS
    elif code.endswith("_PLANAR"):
        expected = PLANAR_FORMATS
    else:
        return
    if image_format not in expected:
        formats = " or ".join(expected)
        raise DataError(f"color code {code} expected an image of {formats}, got {image_format}")


def _write(picture: Planes | Nv12, output_format: str) -> Plane:
    if isinstance(picture, Nv12):
        fitting: tuple[str, ...] = ("YUV_NV12",)
    elif len(picture.channels) == 1:
        fitting = ("GRAY",)
    else:
        fitting = (*PLANAR_FORMATS, *INTERLEAVED_FORMATS)
    if output_format not in fitting:
        formats = " or ".join(fitting)
        raise DataError(f"output format is {output_format}, the color code makes {formats}")
    if isinstance(picture, Nv12):
        return write_nv12(picture)
    if output_format == "GRAY":
        return picture.channels[0].copy()
    return np.stack(picture.channels, axis=0 if output_format in PLANAR_FORMATS else -1)
