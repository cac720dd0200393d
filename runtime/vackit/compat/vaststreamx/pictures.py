# SPDX-License-Identifier: Apache-2.0
"""What is done to pictures beyond the vdsp operators: any conversion, flips, warps, borders."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.enums import (
    ImageColorSpace,
    ImageFlipType,
    ImageFormat,
    ImageResizeType,
    ImageWarpAffineMode,
)
from vackit.compat.vaststreamx.pixels import BGR
from vackit.config.vdsp_types import ResizeType
from vackit.errors import DataError
from vackit.vdsp.color import convert_picture
from vackit.vdsp.geometry import Edges, Size, size_text
from vackit.vdsp.nv12 import ColorSpace, Nv12
from vackit.vdsp.picture import Plane, Planes

Picture = Planes | Nv12
_NEUTRAL_CHROMA = 128


def color_space(value: ImageColorSpace | int) -> ColorSpace:
    """Return the operators' name of a color space."""
    return "BT709" if ImageColorSpace(value) is ImageColorSpace.COLOR_SPACE_BT709 else "BT601"


def resize_type(value: ImageResizeType | int) -> ResizeType:
    """Return the operators' name of a resize method."""
    name: Any = ImageResizeType(value).name
    resize_name: ResizeType = name
    return resize_name


def converted(
    picture: Picture, source: ImageFormat, target: ImageFormat, space: ColorSpace
) -> Picture:
    """Return ``picture`` in the channels of ``target``; its layout is the writer's affair."""
    if source == target:
        return picture
    if isinstance(picture, Nv12):
        return _from_nv12(picture, target, space)
    if source is ImageFormat.GRAY:
        return _from_gray(picture, target)
    order = "BGR" if source in BGR else "RGB"
    if target is ImageFormat.GRAY:
        return convert_picture(picture, f"{order}2GRAY_PLANAR", space)
    if target is ImageFormat.YUV_NV12:
        return convert_picture(picture, f"{order}2YUV_NV12_PLANAR", space)
    return picture.swapped() if (source in BGR) != (target in BGR) else picture


def _from_nv12(picture: Nv12, target: ImageFormat, space: ColorSpace) -> Planes:
    if target is ImageFormat.GRAY:
        return picture.to_gray()
    rgb = picture.to_rgb(space)
    return rgb.swapped() if target in BGR else rgb


def _from_gray(picture: Planes, target: ImageFormat) -> Picture:
    (plane,) = picture.channels
    if target is not ImageFormat.YUV_NV12:
        return Planes((plane, plane, plane))
    rows, columns = ((side + 1) // 2 for side in plane.shape)
    return Nv12(plane, np.full((rows, columns, 2), _NEUTRAL_CHROMA, np.uint8))


def cut(picture: Picture, box: Sequence[int]) -> Picture:
    """Return the part (x, y, width, height); views.

    Raises:
        DataError: It reaches out of the picture.
    """
    x, y, width, height = whole_numbers("crop box (x, y, width, height)", box, 4)
    rows, columns = picture.size
    if min(x, y) < 0 or min(width, height) < 1 or x + width > columns or y + height > rows:
        raise DataError(
            f"crop of {size_text((height, width))} at ({x}, {y}) reaches out of the image of "
            f"{size_text(picture.size)}"
        )
    return picture.cropped(x, y, (height, width))


def flipped(picture: Picture, axis: ImageFlipType | int) -> Picture:
    """Return the picture turned around an axis: around X, top and bottom change places."""
    rows = ImageFlipType(axis) is ImageFlipType.FLIP_TYPE_X_AXIS

    def turn(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(array[::-1] if rows else array[:, ::-1])

    if isinstance(picture, Nv12):
        return Nv12(turn(picture.luma), turn(picture.chroma))
    return Planes(tuple(turn(plane) for plane in picture.channels))


def bordered(
    picture: Picture, size: Size, edges: Edges, values: Sequence[int], method: ResizeType
) -> Picture:
    """Return ``size`` with constant edges, the picture resized to fill what is inside.

    Args:
        picture: Any.
        size: (height, width) of the result, edges included.
        edges: (top, bottom, left, right), in pixels; chroma of NV12 starts at half of them,
            rounded down.
        values: One a channel (Y, U, V for NV12), or one for all.
        method: Of the resize.
    """
    top, bottom, left, right = edges
    inside = (size[0] - top - bottom, size[1] - left - right)
    if min(edges) < 0 or min(inside) < 1:
        raise DataError(
            f"edges (top, bottom, left, right) = {edges} leave nothing of {size_text(size)}"
        )
    if isinstance(picture, Planes):
        return picture.resized(inside, method).bordered(edges, _fill(values, len(picture.channels)))
    resized = picture.resized(inside, method)
    luma, u, v = _fill(values, 3)
    rows, columns = ((side + 1) // 2 for side in size)
    inner_rows, inner_columns = resized.chroma.shape[:2]
    y, x = top // 2, left // 2
    chroma_edges = (y, rows - y - inner_rows, x, columns - x - inner_columns)
    return Nv12(_frame(resized.luma, edges, (luma,)), _frame(resized.chroma, chroma_edges, (u, v)))


def _fill(values: Sequence[int], channels: int) -> tuple[int, ...]:
    numbers = [int(value) for value in np.ravel(values)]
    if not all(0 <= number <= 255 for number in numbers):
        raise DataError(f"padding values are {numbers}, expected numbers of 0 to 255")
    if len(numbers) < channels and len(numbers) != 1:
        raise DataError(f"{len(numbers)} padding values for an image of {channels} channels")
    return tuple(numbers[:channels]) if len(numbers) >= channels else (numbers[0],) * channels


def _frame(array: Plane, edges: Edges, values: tuple[int, ...]) -> Plane:
    framed = cv2.copyMakeBorder(array, *edges, cv2.BORDER_CONSTANT, value=values)
    return np.asarray(framed, np.uint8)


def warped(
    picture: Picture,
    matrix: Any,
    mode: ImageWarpAffineMode | int,
    values: Sequence[int],
    size: Size,
) -> Picture:
    """Return the picture moved by a 2 x 3 matrix from source to result positions (x, y, 1).

    Args:
        picture: Any. Chroma of NV12 moves half as far.
        matrix: Six numbers, rows first.
        mode: How to sample.
        values: Around the picture: one a channel (Y, U, V for NV12), or one for all.
        size: (height, width) of the result.

    Raises:
        DataError: The matrix is no 2 x 3.
    """
    numbers = np.asarray(matrix, np.float64)
    if numbers.size != 6 or not np.isfinite(numbers).all():
        raise DataError(f"affine matrix is {matrix!r}, expected 2 x 3 numbers")
    linear = ImageWarpAffineMode(mode) is ImageWarpAffineMode.WARP_AFFINE_MODE_BILINEAR
    flags = cv2.INTER_LINEAR if linear else cv2.INTER_NEAREST
    move = numbers.reshape(2, 3)
    if isinstance(picture, Planes):
        fill = _fill(values, len(picture.channels))
        planes = zip(picture.channels, fill, strict=True)
        return Planes(tuple(_warp(plane, move, flags, (value,), size) for plane, value in planes))
    luma, u, v = _fill(values, 3)
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    return Nv12(
        _warp(picture.luma, move, flags, (luma,), size),
        _warp(picture.chroma, move * [1, 1, 0.5], flags, (u, v), half),
    )


def _warp(
    array: Plane, move: NDArray[np.float64], flags: int, values: tuple[int, ...], size: Size
) -> Plane:
    moved = cv2.warpAffine(
        np.ascontiguousarray(array), move, (size[1], size[0]), flags=flags,
        borderMode=cv2.BORDER_CONSTANT, borderValue=values,
    )  # fmt: skip
    return np.asarray(moved, np.uint8)


def whole_numbers(what: str, values: Sequence[Any], count: int) -> list[int]:
    """Return ``count`` numbers as ints; floats of whole value are welcome.

    Raises:
        DataError: There are not so many, or one is no whole number.
    """
    try:
        numbers = [int(value) for value in values]
        exact = all(float(value) == number for value, number in zip(values, numbers, strict=True))
    except (TypeError, ValueError, OverflowError):
        numbers, exact = [], False
    if len(numbers) != count or not exact:
        raise DataError(f"{what} is {values!r}, expected {count} whole numbers")
    return numbers
