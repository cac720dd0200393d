# SPDX-License-Identifier: Apache-2.0
"""Video encoding without OpenCV's help: its usual builds have no encoder for H.264 or H.265."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx import pictures
from vackit.compat.vaststreamx.codec import Conveyor, FrameAttr, jpeg_data
from vackit.compat.vaststreamx.enums import CodecType, ImageFormat
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.lossless.h264 import H264Encoder
from vackit.compat.vaststreamx.lossless.h265 import H265Encoder
from vackit.errors import DataError
from vackit.vdsp.nv12 import Nv12

RAW_SUFFIXES = (".h264", ".264", ".h265", ".265", ".hevc")

_MAX_TERM = (1 << 31) - 1  # of a frame rate in a stream

Encode = Callable[[Image], bytes]


class VideoEncoder:
    """Encodes images to the packets of an elementary stream; one each, at once.

    Args:
        codec: H.264 and H.265 without loss (large, for any decoder), or JPEG.
        width: Of the images.
        height: Likewise.
        config: ``frame_rate_numerator`` and ``frame_rate_denominator``; more is accepted.

    Raises:
        DataError: There is no encoder for the codec.
    """

    def __init__(
        self, codec: CodecType, width: int, height: int, config: Mapping[str, Any] | None = None
    ) -> None:
        rates = config or {}
        rate = Fraction(
            int(rates.get("frame_rate_numerator", 30)), int(rates.get("frame_rate_denominator", 1))
        )
        self._size = (width, height)
        self._encode = _encoder(CodecType(codec), self._size, rate)
        self._data: Conveyor[NDArray[np.uint8]] = Conveyor("encoder")

    def send_image(self, image: Image, attr: FrameAttr | None = None) -> None:
        """Encode an image.

        Raises:
            DataError: It is of another size.
            StreamClosedError: The end has been announced.
        """
        if (image.width, image.height) != self._size:
            raise DataError(
                f"the encoder was made for {self._size[0]}x{self._size[1]}, got an image of "
                f"{image.width}x{image.height}"
            )
        self._data.put(np.frombuffer(self._encode(image), np.uint8))

    def stop_send_image(self) -> None:
        """Say that nothing more comes."""
        self._data.end()

    def recv_data(self) -> NDArray[np.uint8]:
        """Return the next packet; `ValueError` at the end."""
        return self._data.get()


class RawWriter:
    """Writes packets to a file without a container.

    Args:
        path: The file.
        codec: As `VideoEncoder` takes it.
        rate: Frames a second.
        size: (width, height) of the images.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(self, path: str, codec: CodecType, rate: float, size: tuple[int, int]) -> None:
        fraction = Fraction(rate).limit_denominator(1001)
        self._encode = _encoder(codec, size, fraction)
        try:
            self._file = Path(path).open("wb")  # noqa: SIM115 - until `release`
        except OSError as error:
            raise DataError(f"cannot write the video: {error.strerror}", where=path) from error

    def write(self, image: Image) -> None:
        """Append an image."""
        self._file.write(self._encode(image))

    def release(self) -> None:
        """Finish the file."""
        self._file.close()


def _encoder(codec: CodecType, size: tuple[int, int], rate: Fraction) -> Encode:
    if not 0 < max(rate.numerator, rate.denominator) <= _MAX_TERM or rate <= 0:
        raise DataError(f"frame rate is {rate}, expected a number above 0")
    if codec is CodecType.CODEC_TYPE_JPEG:
        return lambda image: jpeg_data(image).tobytes()
    kinds: dict[CodecType, type[H264Encoder] | type[H265Encoder]] = {
        CodecType.CODEC_TYPE_H264: H264Encoder,
        CodecType.CODEC_TYPE_H265: H265Encoder,
    }
    if codec not in kinds:
        raise DataError(
            f"there is no encoder for {codec.name} here",
            hint="choose CODEC_TYPE_H264, CODEC_TYPE_H265 or CODEC_TYPE_JPEG",
        )
    height, width = (side // 2 * 2 for side in (size[1], size[0]))
    if min(height, width) < 2:
        raise DataError(f"a video of {size[0]}x{size[1]}, expected sides of at least 2")
    encode = kinds[codec]((height, width), (rate.numerator, rate.denominator))
    return lambda image: encode(_nv12(image, (height, width)))


def _nv12(image: Image, size: tuple[int, int]) -> Nv12:
    nv12 = ImageFormat.YUV_NV12
    picture = pictures.converted(image.picture, image.format, nv12, "BT601")
    assert isinstance(picture, Nv12)
    return picture.cropped(0, 0, size)
