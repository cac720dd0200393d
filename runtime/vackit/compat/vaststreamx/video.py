# SPDX-License-Identifier: Apache-2.0
"""Video through OpenCV, where its build can read or write the file; clear errors elsewhere."""

import contextlib
import logging
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.codec import (
    FrameAttr,
    as_bytes,
    bgr_array,
    nv12_image,
)
from vackit.compat.vaststreamx.enums import CaptureMode, CodecType
from vackit.compat.vaststreamx.ffmpeg_notes import without_notes
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.stream import EndOfStream
from vackit.compat.vaststreamx.video_encoder import RAW_SUFFIXES, RawWriter
from vackit.errors import DataError, StreamClosedError

logger = logging.getLogger(__name__)

_FOURCC = {
    CodecType.CODEC_TYPE_H264: "avc1",
    CodecType.CODEC_TYPE_H265: "hev1",
    CodecType.CODEC_TYPE_AV1: "av01",
    CodecType.CODEC_TYPE_JPEG: "MJPG",
}
_SUFFIXES = {
    CodecType.CODEC_TYPE_H264: ".h264",
    CodecType.CODEC_TYPE_H265: ".h265",
    CodecType.CODEC_TYPE_AV1: ".obu",
    CodecType.CODEC_TYPE_JPEG: ".mjpeg",
}
# What OpenCV's wheels can always encode, and containers that take something else (first)
_FALLBACK = "mp4v"
_CONTAINERS = {".ts": "mpg2", ".mts": "mpg2", ".m2ts": "mpg2", ".flv": "FLV1", ".webm": "VP80"}
# codecs as containers name them -> as programs look for them
_NAMES = {
    "avc1": "avc1", "h264": "avc1", "hevc": "hevc", "hev1": "hevc", "hvc1": "hevc", "av01": "av01",
}  # fmt: skip


class VideoCapture:
    """Reads a video's frames as NV12 images.

    Args:
        uri: A file, or what else OpenCV's build can open.
        mode: Accepted; frames come as fast as they are read.
        device_id: Accepted.
        use_hardware: Accepted.

    Raises:
        DataError: OpenCV cannot read it.
    """

    def __init__(
        self,
        uri: str,
        mode: CaptureMode = CaptureMode.FULLSPEED_MODE,
        device_id: int = 0,
        use_hardware: bool = True,
    ) -> None:
        CaptureMode(mode)
        self._uri = uri
        self._capture = _open(uri)
        self._codec = _codec_name(self._capture)
        self._has_begun = False

    def read(self) -> tuple[bool, Image | None, FrameAttr]:
        """Return whether there was a frame, the frame, and what is known of it.

        Raises:
            DataError: OpenCV decodes none of the frames that the file says it has.
        """
        done, frame = self._capture.read()
        attr = FrameAttr(self._capture.get(cv2.CAP_PROP_FPS), self._codec)
        if not done:
            self._check_begun()
            return False, None, attr
        self._has_begun = True
        attr.frame_pts = attr.frame_dts = int(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        return True, nv12_image(np.asarray(frame, np.uint8)), attr

    def _check_begun(self) -> None:
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not self._has_begun and count > 0:
            message = f"OpenCV's build decodes none of the {count} frames ({self._codec})"
            raise DataError(message, where=self._uri)

    def release(self) -> None:
        """Close the video."""
        self._capture.release()


class VideoWriter:
    """Writes images to a video file; where OpenCV cannot encode so, as the container allows.

    Args:
        uri: The file. One of a raw stream (``.h264``, ``.h265``) is what `VideoEncoder` makes.
        frame_rate: Frames a second.
        codec: What to encode to.
        bit_rate: Accepted; OpenCV chooses.
        key_interval: Accepted; OpenCV chooses.
        device_id: Accepted.
    """

    def __init__(
        self,
        uri: str,
        frame_rate: float = 25,
        codec: CodecType = CodecType.CODEC_TYPE_H264,
        bit_rate: int = 0,
        key_interval: int = 0,
        device_id: int = 0,
    ) -> None:
        self._uri = str(uri)
        self._frame_rate = float(frame_rate)
        self._codec = CodecType(codec)
        self._writer: cv2.VideoWriter | RawWriter | None = None

    def write(self, image: Image, attr: FrameAttr | None = None) -> None:
        """Append a frame; the first decides the size.

        Raises:
            DataError: OpenCV cannot write the file.
        """
        if self._writer is None:
            self._writer = self._open((image.width, image.height))
        if isinstance(self._writer, RawWriter):
            self._writer.write(image)
        else:
            self._writer.write(bgr_array(image))

    def _open(self, size: tuple[int, int]) -> "cv2.VideoWriter | RawWriter":
        if Path(self._uri).suffix in RAW_SUFFIXES:
            return RawWriter(self._uri, self._codec, self._frame_rate, size)
        return _writer(self._uri, _FOURCC[self._codec], self._frame_rate, size)

    def release(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None


class MediaSource:
    """Reads a file's encoded packets."""

    def __init__(self) -> None:
        self._capture: cv2.VideoCapture | None = None

    def open(self, path: str) -> None:
        """Open a file.

        Raises:
            DataError: OpenCV cannot read it, or not undecoded.
        """
        capture = _open(path)
        if not capture.set(cv2.CAP_PROP_FORMAT, -1):
            raise DataError("OpenCV's build does not give out undecoded packets", where=path)
        self._capture = capture

    def read(self) -> tuple[NDArray[np.uint8], bool]:
        """Return the next packet and whether the file has ended (then it is empty)."""
        if self._capture is None:
            raise DataError("no file is open", hint="call `open(path)` first")
        done, data = self._capture.read()
        if not done or data is None:
            return np.zeros(0, np.uint8), True
        return np.asarray(data, np.uint8).reshape(-1), False


class VideoDecoder:
    """Decodes an elementary stream; frames come once all of it has been sent.

    Args:
        codec: What the stream is.
    """

    def __init__(self, codec: CodecType) -> None:
        self._codec = CodecType(codec)
        self._path = _scratch(self) / f"stream{_SUFFIXES[self._codec]}"
        self._spool = self._path.open("wb")
        self._is_stopped = threading.Event()
        self._lock = threading.Lock()
        self._frames: Iterator[Image] | None = None

    def send_data(self, data: Any) -> None:
        """Append a packet."""
        if self._is_stopped.is_set():
            raise StreamClosedError("the decoder is stopped and takes no more data")
        self._spool.write(as_bytes(data).tobytes())

    def stop_send_data(self) -> None:
        """Say that nothing more comes."""
        self._spool.close()
        self._is_stopped.set()

    def recv_image(self) -> Image:
        """Return the next image; waits until the stream is complete; `ValueError` at the end.

        Raises:
            DataError: OpenCV cannot decode the stream.
        """
        self._is_stopped.wait()
        with self._lock:
            if self._frames is None:
                self._frames = _frames(self._path, self._codec)
            image = next(self._frames, None)
        if image is None:
            raise EndOfStream("the decoder is stopped and everything is taken")
        return image


def _scratch(owner: object) -> Path:
    """Return a folder that goes with its owner."""
    folder = tempfile.mkdtemp(prefix="vackit-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _open(uri: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(uri))
    if not capture.isOpened():
        what = "cannot read it as a video" if Path(uri).is_file() else "finds no video there"
        raise DataError(f"OpenCV {what}", where=uri)
    return capture


def _codec_name(capture: cv2.VideoCapture) -> str:
    """Return a codec's name; of one that no card reads, with that of the one to encode to.

    Programs choose the codec that they write by ``avc1`` or ``hevc`` in it, and stop at others.
    """
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    name = code.to_bytes(4, "little").decode("ascii", "replace").lower()
    return _NAMES.get(name, f"{name} as avc1")


def _writer(path: str, fourcc: str, rate: float, size: tuple[int, int]) -> cv2.VideoWriter:
    own = _CONTAINERS.get(Path(path).suffix.lower(), _FALLBACK)
    for code in (fourcc, own, _FALLBACK):
        with contextlib.suppress(cv2.error), without_notes():
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*code), rate, size)
            if writer.isOpened():
                if code != fourcc:
                    logger.warning("%s: OpenCV cannot encode %s, writes %s", path, fourcc, code)
                return writer
    raise DataError(f"OpenCV's build has no encoder for {fourcc} here", where=path)


def _frames(path: Path, codec: CodecType) -> Iterator[Image]:
    capture = _open(str(path))
    done, frame = capture.read()
    if not done and path.stat().st_size:
        raise DataError(f"OpenCV finds no frame in these {path.stat().st_size} bytes of {codec}")
    while done:
        yield nv12_image(np.asarray(frame, np.uint8))
        done, frame = capture.read()
    capture.release()
