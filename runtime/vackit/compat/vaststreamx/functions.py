# SPDX-License-Identifier: Apache-2.0
"""The image functions of ``vaststreamx``: each returns new images and keeps its input."""

from collections.abc import Sequence
from typing import Any

from vackit.compat.vaststreamx import pictures
from vackit.compat.vaststreamx.enums import (
    ImageColorSpace,
    ImageFlipType,
    ImageFormat,
    ImagePaddingType,
    ImageResizeType,
    ImageWarpAffineMode,
)
from vackit.compat.vaststreamx.image import Image, image_of
from vackit.errors import DataError
from vackit.stream.recorder import span
from vackit.vdsp.nv12 import Nv12

_BILINEAR = ImageResizeType.BILINEAR_CV


def cvtcolor(
    image: Image,
    image_format: ImageFormat,
    color_space: ImageColorSpace = ImageColorSpace.COLOR_SPACE_BT601,
) -> Image:
    """Convert between the six formats; the color space counts from and to NV12."""
    target = ImageFormat(image_format)
    with span("cvtcolor"):
        space = pictures.color_space(color_space)
        picture = pictures.converted(_taken(image).picture, image.format, target, space)
        return image_of(picture, target, image.device_id)


def resize(
    image: Image,
    resize_type: ImageResizeType = _BILINEAR,
    resize_width: int = 0,
    resize_height: int = 0,
) -> Image:
    """Stretch to a size; the format stays."""
    with span("resize"):
        size = (resize_height, resize_width)
        return _resized(_taken(image), size, resize_type)


def crop(image: Image, rect: Sequence[int]) -> Image:
    """Cut out (x, y, width, height)."""
    with span("crop"):
        return _taken(image).with_picture(pictures.cut(image.picture, rect))


def resize_copy_make_border(
    image: Image,
    resize_type: ImageResizeType = _BILINEAR,
    resize_width: int = 0,
    resize_height: int = 0,
    padding_type: ImagePaddingType = ImagePaddingType.PADDING_TYPE_CONSTANT,
    padding_values: Sequence[int] = (114, 114, 114),
    padding_edges: Sequence[int] = (0, 0, 0, 0),
) -> Image:
    """Resize into the inside of a frame; ``resize_width`` x ``resize_height`` is the whole.

    ``padding_edges`` = (top, bottom, left, right).
    """
    ImagePaddingType(padding_type)
    top, bottom, left, right = pictures.whole_numbers(
        "padding_edges (top, bottom, left, right)", padding_edges, 4
    )
    with span("resize_copy_make_border"):
        return _taken(image).with_picture(
            pictures.bordered(
                image.picture,
                (resize_height, resize_width),
                (top, bottom, left, right),
                padding_values,
                pictures.resize_type(resize_type),
            )
        )


def warpaffine(
    image: Image,
    matrix: Any,
    mode: ImageWarpAffineMode = ImageWarpAffineMode.WARP_AFFINE_MODE_BILINEAR,
    border_mode: ImagePaddingType = ImagePaddingType.PADDING_TYPE_CONSTANT,
    value: Sequence[int] = (0, 0, 0),
    border_value: Sequence[int] | None = None,
) -> Image:
    """Move the picture by a 2 x 3 matrix; the size stays. ``border_value`` is ``value``."""
    ImagePaddingType(border_mode)
    with span("warpaffine"):
        size = (_taken(image).height, image.width)
        fill = value if border_value is None else border_value
        picture = pictures.warped(image.picture, matrix, mode, fill, size)
        return image.with_picture(picture)


def yuvflip(image: Image, flip_type: ImageFlipType) -> Image:
    """Turn an NV12 image around an axis."""
    with span("yuvflip"):
        _need_nv12("yuvflip", image)
        return image.with_picture(pictures.flipped(image.picture, flip_type))


def scale(
    image: Image, resize_type: ImageResizeType, sizes: Sequence[Sequence[int]]
) -> list[Image]:
    """Stretch an NV12 image to several sizes (width, height)."""
    with span("scale"):
        _need_nv12("scale", image)
        pairs = [pictures.whole_numbers("size (width, height)", size, 2) for size in sizes]
        return [_resized(image, (height, width), resize_type) for width, height in pairs]


def batch_crop_resize(
    image: Image,
    crop_rects: Sequence[Sequence[int]],
    resize_type: ImageResizeType = _BILINEAR,
    resize_width: int = 0,
    resize_height: int = 0,
) -> list[Image]:
    """Cut out several (x, y, width, height) and stretch each to one size."""
    with span("batch_crop_resize"):
        _taken(image)
        size = (resize_height, resize_width)
        parts = [pictures.cut(image.picture, rect) for rect in crop_rects]
        return [_resized(image.with_picture(part), size, resize_type) for part in parts]


def _resized(image: Image, size: tuple[int, int], method: ImageResizeType) -> Image:
    height, width = pictures.whole_numbers("size (height, width)", size, 2)
    return image.with_picture(image.picture.resized((height, width), pictures.resize_type(method)))


def _taken(image: Image) -> Image:
    if not isinstance(image, Image):
        raise DataError(f"an image function takes an Image, got {type(image).__name__}")
    return image


def _need_nv12(name: str, image: Image) -> None:
    if not isinstance(_taken(image).picture, Nv12):
        raise DataError(
            f"{name} takes YUV_NV12, got {image.format.name}", hint="convert it with cvtcolor first"
        )
