# SPDX-License-Identifier: Apache-2.0
"""Images as memory: sizes, pitches, and the way to and from the operators' pictures.

Arrays have their pitch in them: planar (3, heightpitch, widthpitch), interleaved
(heightpitch, widthpitch, 3), GRAY (heightpitch, widthpitch), NV12 (heightpitch * 3 / 2,
widthpitch) with the chroma from row ``heightpitch`` on.
"""

import numpy as np

from vackit.compat.vaststreamx.enums import ImageFormat
from vackit.errors import DataError
from vackit.vdsp.geometry import Size
from vackit.vdsp.nv12 import Nv12
from vackit.vdsp.picture import Plane, Planes, read_planes

PLANAR = (ImageFormat.RGB_PLANAR, ImageFormat.BGR_PLANAR)
INTERLEAVED = (ImageFormat.RGB_INTERLEAVE, ImageFormat.BGR_INTERLEAVE)
BGR = (ImageFormat.BGR_PLANAR, ImageFormat.BGR_INTERLEAVE)


def array_shape(image_format: ImageFormat, size: Size) -> tuple[int, ...]:
    """Return the shape of an image's array; ``size`` = (height, width) with pitches."""
    height, width = size
    if image_format in PLANAR:
        return 3, height, width
    if image_format in INTERLEAVED:
        return height, width, 3
    if image_format is ImageFormat.YUV_NV12:
        return height * 3 // 2, width
    return height, width


def read_picture(array: Plane, image_format: ImageFormat, size: Size) -> Planes | Nv12:
    """Return the picture of ``size`` (height, width) in a pitched array; views into it."""
    height, width = size
    if image_format is ImageFormat.YUV_NV12:
        pitch = array.shape[0] // 3 * 2
        rows, columns = (height + 1) // 2, (width + 1) // 2
        chroma = array[pitch : pitch + rows, : 2 * columns].reshape(rows, columns, 2)
        return Nv12(array[:height, :width], chroma)
    if image_format in INTERLEAVED:
        return read_planes(array[:height, :width], image_format.name)
    if image_format is ImageFormat.GRAY:
        return Planes((array[:height, :width],))
    return Planes(tuple(plane[:height, :width] for plane in array))


def write_picture(picture: Planes | Nv12, image_format: ImageFormat) -> Plane:
    """Return a new array of the picture; NV12 gets even pitches where its sides are odd.

    Raises:
        DataError: The picture is not of that format (channels are not converted).
    """
    if isinstance(picture, Nv12) != (image_format is ImageFormat.YUV_NV12):
        raise DataError(f"the operator's result is not {image_format.name}")
    if isinstance(picture, Nv12):
        height, width = (side + side % 2 for side in picture.size)
        array = np.zeros((height * 3 // 2, width), np.uint8)
        array[: picture.size[0], : picture.size[1]] = picture.luma
        rows, columns = picture.chroma.shape[:2]
        array[height : height + rows, : 2 * columns] = picture.chroma.reshape(rows, -1)
        return array
    if len(picture.channels) != (1 if image_format is ImageFormat.GRAY else 3):
        raise DataError(f"the operator's result is not {image_format.name}")
    if image_format is ImageFormat.GRAY:
        return np.array(picture.channels[0])
    return np.stack(picture.channels, axis=0 if image_format in PLANAR else -1)
