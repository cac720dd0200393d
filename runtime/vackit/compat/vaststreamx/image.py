# SPDX-License-Identifier: Apache-2.0
"""Images of a program: `Image` and `create_image`."""

import operator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.context import Place, place_id
from vackit.compat.vaststreamx.enums import ImageFormat
from vackit.compat.vaststreamx.pixels import array_shape, read_picture, write_picture
from vackit.errors import DataError
from vackit.vdsp.nv12 import Nv12
from vackit.vdsp.picture import Plane, Planes


class Image:
    """A uint8 picture in one of the six formats.

    Args:
        array: In the shape of `pixels.array_shape`, pitches included; taken, not copied.
        image_format: The format.
        width: Of the picture in pixels; the array's own (its pitch) where None.
        height: Likewise.
        device_id: The device that it is said to lie on.
    """

    def __init__(
        self,
        array: Plane,
        image_format: ImageFormat,
        width: int | None = None,
        height: int | None = None,
        device_id: int = 0,
    ) -> None:
        self.array = array
        self.format = ImageFormat(image_format)
        rows, columns = array.shape[:2] if self.format >= 3 else array.shape[-2:]
        self.widthpitch = columns
        self.heightpitch = rows // 3 * 2 if self.format is ImageFormat.YUV_NV12 else rows
        self.width = self.widthpitch if width is None else width
        self.height = self.heightpitch if height is None else height
        self.device_id = device_id

    @property
    def shape(self) -> list[int]:
        """Return the shape that ``as_numpy`` gives."""
        return list(self.array.shape)

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return int(self.array.size)

    @property
    def picture(self) -> Planes | Nv12:
        """Return the picture without its pitch, for the operators; views."""
        return read_picture(self.array, self.format, (self.height, self.width))

    @property
    def plain_array(self) -> Plane:
        """Return the array without pitch; an odd last row or column of NV12 is left out."""
        height, width = self.height, self.width
        if self.format is ImageFormat.YUV_NV12:
            height, width = height // 2 * 2, width // 2 * 2
        if (height, width) == (self.heightpitch, self.widthpitch):
            return self.array
        picture = read_picture(self.array, self.format, (height, width))
        return write_picture(picture, self.format)

    def with_picture(
        self, picture: Planes | Nv12, image_format: ImageFormat | None = None
    ) -> "Image":
        """Return a new image of ``picture`` on the same device."""
        return image_of(picture, image_format or self.format, self.device_id)

    def clone(self, device_id: Place | None = None) -> "Image":
        """Return a copy, on another device if one is named."""
        place = self.device_id if device_id is None else place_id(device_id)
        return Image(self.array.copy(), self.format, self.width, self.height, place)

    def __repr__(self) -> str:
        return f"Image({self.width}x{self.height}, {self.format})"


def image_of(picture: Planes | Nv12, image_format: ImageFormat, device_id: int) -> Image:
    """Return an image of a picture of the operators."""
    height, width = picture.size
    return Image(write_picture(picture, image_format), image_format, width, height, device_id)


def create_image(
    array: NDArray[Any] | str | PathLike[str] | None = None,
    format: ImageFormat | None = None,
    width: int | None = None,
    height: int | None = None,
    device_id: Place = 0,
    *,
    rawdata_path: str | PathLike[str] | None = None,
) -> Image:
    """Make an image of an array's or a raw file's bytes, whatever the array's shape.

    Args:
        array: uint8 of any shape, or the path of a raw file.
        format: What the bytes are.
        width: Of the picture, in pixels.
        height: Likewise.
        device_id: A device, or a context.
        rawdata_path: The path, where it is given by name.

    Raises:
        DataError: An argument is missing or wrong, the file cannot be read, or the bytes
            are not as many as format and size need.
    """
    image_format = _format(format)
    size = (_side("height", height), _side("width", width))
    source = array if rawdata_path is None else rawdata_path
    data, where = _bytes(source)
    if image_format is ImageFormat.YUV_NV12 and (size[0] % 2 or size[1] % 2):
        raise DataError(f"YUV_NV12 needs even sides, got {size[1]}x{size[0]}", where=where)
    shape = array_shape(image_format, size)
    if data.size != np.prod(shape):
        raise DataError(
            f"holds {data.size} bytes, {image_format.name} of {size[1]}x{size[0]} has "
            f"{np.prod(shape)}",
            where=where,
        )
    return Image(data.reshape(shape).copy(), image_format, device_id=place_id(device_id))


def _format(value: object) -> ImageFormat:
    try:
        return ImageFormat(value)  # type: ignore[arg-type]
    except ValueError as error:
        known = ", ".join(str(member) for member in ImageFormat)
        raise DataError(f"image format is {value!r}, expected one of: {known}") from error


def _side(name: str, value: object) -> int:
    try:
        side = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        side = 0
    if side < 1:
        raise DataError(f"image {name} is {value!r}, expected a whole number from 1")
    return side


def _bytes(source: object) -> tuple[NDArray[np.uint8], str]:
    if isinstance(source, str | PathLike):
        path = Path(source)
        try:
            return np.fromfile(path, np.uint8), str(path)
        except OSError as error:
            raise DataError(f"cannot read raw image: {error.strerror}", where=path) from error
    if not isinstance(source, np.ndarray) or source.dtype != np.uint8:
        got = source.dtype if isinstance(source, np.ndarray) else type(source).__name__
        raise DataError(f"an image is made of a uint8 array or a file's path, got {got}")
    return np.ascontiguousarray(source), "array"
