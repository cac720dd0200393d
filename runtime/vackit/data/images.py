# SPDX-License-Identifier: Apache-2.0
"""Decode image files to 8-bit arrays, or say why they cannot be.

All decoding is OpenCV's: an EXIF orientation is applied, gray becomes three equal
channels, an alpha channel is dropped, CMYK is converted, 16 bits are scaled to 8, of an
animation the first frame is taken.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.data.image_header import check_header
from vackit.errors import DataError


def decode_rgb(path: str | Path) -> NDArray[np.uint8]:
    """Return the image as RGB, uint8, shape (H, W, 3), contiguous.

    Raises:
        DataError: The file cannot be read, is empty, cut off, too large or no image.
    """
    return np.asarray(cv2.cvtColor(decode_bgr(Path(path)), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def decode_gray(path: str | Path) -> NDArray[np.uint8]:
    """Return the image as luma, uint8, shape (H, W), contiguous.

    Raises:
        DataError: As `decode_rgb`.
    """
    path = Path(path)
    return decode_bytes(read_file(path), path, cv2.IMREAD_GRAYSCALE)


def decode_bgr(path: Path) -> NDArray[np.uint8]:
    """Return the image as OpenCV decodes it: BGR, uint8, shape (H, W, 3)."""
    return decode_bytes(read_file(path), path, cv2.IMREAD_COLOR)


def decode_rgb_planes(
    data: bytes, path: Path, reuse: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return an image file's content as RGB planes, uint8, shape (3, H, W), contiguous.

    The planes are written by one pass of `cv2.split` into the result, which takes a tenth
    of the time of a color conversion and a transposed copy.

    Args:
        data: The whole file.
        path: Its name, for errors.
        reuse: An earlier result that is no longer needed: where the size is the same, it is
            filled and returned, which spares the system handing out fresh pages.

    Raises:
        DataError: As `decode_rgb`.
    """
    bgr = decode_bytes(data, path, cv2.IMREAD_COLOR)
    shape = (3, *bgr.shape[:2])
    planes = reuse if reuse is not None and reuse.shape == shape else np.empty(shape, np.uint8)
    cv2.split(bgr, [planes[2], planes[1], planes[0]])
    return planes


def read_file(path: Path) -> bytes:
    """Return the content of an image file.

    Raises:
        DataError: It cannot be read or is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or '').lower()}", where=path) from error
    if not data:
        raise DataError("is empty (0 bytes), expected an image", where=path)
    return data


def decode_bytes(data: bytes, path: Path, flags: int) -> NDArray[np.uint8]:
    """Decode an image file's content with OpenCV's ``flags``; ``path`` names it in errors."""
    check_header(data, path)
    image: Any
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DataError("OpenCV cannot decode it", where=path) from error
    if image is None:
        raise DataError("cannot be decoded: not an image, or damaged", where=path)
    return np.asarray(image, dtype=np.uint8)
