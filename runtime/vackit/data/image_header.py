# SPDX-License-Identifier: Apache-2.0
"""Look at the header of an image file before it is decoded.

Decoders fill what a cut-off JPEG lacks with gray (OpenCV 4 does, and only prints a
warning), and a PNG of a few kilobytes can declare gigabytes of pixels. Both are found
here from the bytes alone.
"""

import struct
from pathlib import Path

from vackit.errors import DataError

# 268 million pixels, 800 MB as color: above any photograph's
MAX_PIXELS = 1 << 28

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_SCAN = 0xDA
# ITU-T T.81 table B.1: start-of-frame markers (C4, C8 and CC are something else)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# markers without a length: TEM and the restarts
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def check_header(data: bytes, path: Path) -> None:
    """Refuse a JPEG or PNG that is cut off or declares more than `MAX_PIXELS`.

    Other formats pass: their decoder reports what is wrong with them.

    Raises:
        DataError: Naming ``path``.
    """
    if data.startswith(_JPEG_START):
        size, is_complete = _jpeg(data)
    elif data.startswith(_PNG_START):
        size, is_complete = _png(data)
    else:
        return
    if size[0] * size[1] > MAX_PIXELS:
        raise DataError(
            f"declares {size[0]} x {size[1]} pixels; at most {MAX_PIXELS} are read", where=path
        )
    if not is_complete:
        raise DataError(f"is cut off: its end is missing after {len(data)} bytes", where=path)


def _png(data: bytes) -> tuple[tuple[int, int], bool]:
    if len(data) < 24:
        return (0, 0), False
    width, height = struct.unpack_from(">II", data, 16)
    # the IEND chunk ends the file; some writers leave a few bytes after it
    return (width, height), data.rfind(b"IEND") >= 0


def _jpeg(data: bytes) -> tuple[tuple[int, int], bool]:
    """Walk the segments up to the first scan; behind it the end marker is unmistakable."""
    size = (0, 0)
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _BARE:
            position += 2
        else:
            if marker in _FRAMES:
                height, width = struct.unpack_from(">HH", data, position + 5)
                size = (width, height)
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            if marker == _SCAN:
                break
    # from the end, where it is in most files
    return size, position < len(data) and data.rfind(_JPEG_END, position) >= 0
