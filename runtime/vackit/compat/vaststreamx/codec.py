# SPDX-License-Identifier: Apache-2.0
"""JPEG coding through OpenCV, and what comes with a frame of a video."""

import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx import pictures
from vackit.compat.vaststreamx.enums import ImageColorSpace, ImageFormat
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.stream import EndOfStream
from vackit.errors import DataError, StreamClosedError
from vackit.vdsp.nv12 import Nv12
from vackit.vdsp.picture import Plane, Planes

# What a card's decoder aligns rows and columns to
_WIDTH_ALIGN, _HEIGHT_ALIGN = 64, 4
_QUALITY = 95

T = TypeVar("T")


@dataclass
class FrameAttr:
    """What is known of a frame: rate in frames a second, time stamps in milliseconds."""

    video_fps: float = 0.0
    codec_info: str = ""
    color_space: ImageColorSpace = ImageColorSpace.COLOR_SPACE_BT601
    frame_pts: int = 0
    frame_dts: int = 0


class Conveyor(Generic[T]):
    """Hands results on in their order; blocks for the next one until the end is known."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._queue: SimpleQueue[T | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_ended = False

    def put(self, item: T) -> None:
        """Append a result.

        Raises:
            StreamClosedError: The end has been announced.
        """
        with self._lock:
            if self._is_ended:
                raise StreamClosedError(f"the {self._what} is stopped and takes no more data")
            self._queue.put(item)

    def end(self) -> None:
        """Announce the end; twice is harmless."""
        with self._lock:
            if not self._is_ended:
                self._is_ended = True
                self._queue.put(None)

    def get(self) -> T:
        """Wait for the next result.

        Raises:
            EndOfStream: There is none.
        """
        item = self._queue.get()
        if item is None:
            self._queue.put(None)
            raise EndOfStream(f"the {self._what} is stopped and everything is taken")
        return item


class JpegDecoder:
    """Decodes JPEG files to NV12 images with a card's pitches (64 columns, 4 rows)."""

    def __init__(self) -> None:
        self._images: Conveyor[Image] = Conveyor("decoder")

    def send_data(self, data: Any) -> None:
        """Decode one file's bytes.

        Raises:
            DataError: They are no picture.
        """
        decoded = cv2.imdecode(as_bytes(data), cv2.IMREAD_COLOR)
        if decoded is None:
            raise DataError("these bytes are no JPEG picture")
        self._images.put(nv12_image(np.asarray(decoded, np.uint8)))

    def stop_send_data(self) -> None:
        """Say that nothing more comes."""
        self._images.end()

    def recv_image(self) -> Image:
        """Return the next image; `ValueError` at the end."""
        return self._images.get()


class JpegEncoder:
    """Encodes images of any format to JPEG files."""

    def __init__(self) -> None:
        self._data: Conveyor[NDArray[np.uint8]] = Conveyor("encoder")

    def send_image(self, image: Image, attr: FrameAttr | None = None) -> None:
        """Encode one image."""
        self._data.put(jpeg_data(image))

    def stop_send_image(self) -> None:
        """Say that nothing more comes."""
        self._data.end()

    def recv_data(self) -> NDArray[np.uint8]:
        """Return the next file's bytes; `ValueError` at the end."""
        return self._data.get()


def jpeg_data(image: Image) -> NDArray[np.uint8]:
    """Return an image as the bytes of a JPEG file.

    Raises:
        DataError: OpenCV does not encode it.
    """
    done, data = cv2.imencode(".jpg", bgr_array(image), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise DataError(f"OpenCV does not encode an image of {image.width}x{image.height}")
    return np.asarray(data, np.uint8).reshape(-1)


def as_bytes(data: Any) -> NDArray[np.uint8]:
    """Return bytes-like data as an array.

    Raises:
        DataError: It holds no bytes.
    """
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    try:
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected bytes, got {type(data).__name__}") from error


def nv12_image(bgr: Plane) -> Image:
    """Return a decoded (H, W, 3) picture as a decoder gives it; BT.601, limited range."""
    planes = Planes(tuple(np.asarray(plane, np.uint8) for plane in cv2.split(bgr)))
    bgr_planar, nv12 = ImageFormat.BGR_PLANAR, ImageFormat.YUV_NV12
    picture = pictures.converted(planes, bgr_planar, nv12, "BT601")
    assert isinstance(picture, Nv12)
    height, width = picture.size
    wide, high = width + -width % _WIDTH_ALIGN, height + -height % _HEIGHT_ALIGN
    array = np.zeros((high * 3 // 2, wide), np.uint8)
    array[:height, :width] = picture.luma
    rows, columns = picture.chroma.shape[:2]
    array[high : high + rows, : 2 * columns] = picture.chroma.reshape(rows, -1)
    return Image(array, nv12, width, height)


def bgr_array(image: Image) -> Plane:
    """Return an image as (H, W, 3) BGR, for OpenCV."""
    target = ImageFormat.BGR_INTERLEAVE
    picture = pictures.converted(image.picture, image.format, target, "BT601")
    assert isinstance(picture, Planes)
    return np.stack(picture.channels, axis=-1)
