# SPDX-License-Identifier: Apache-2.0
"""Write the embedded digits as image files in class folders."""

from pathlib import Path

from vackit.errors import DataError
from vackit.files import write_atomic
from vackit.selftest.digits import DigitSet


def write_images(digits: DigitSet, folder: Path) -> int:
    """Write ``folder/<class>/digit_<index>.png`` for every digit, 8x8 and gray.

    A file that already holds the same bytes stays as it is.

    Returns:
        The number of files written now.

    Raises:
        DataError: ``folder`` holds another file: it would be counted as a digit.
    """
    import cv2

    written, expected = 0, set()
    for image, label, index in zip(digits.images, digits.labels, digits.index, strict=True):
        path = folder / str(label) / f"digit_{index:04d}.png"
        expected.add(path)
        content = cv2.imencode(".png", image)[1].tobytes()
        if not path.is_file() or path.read_bytes() != content:
            write_atomic(path, content)
            written += 1
    strange = sorted(path for path in folder.rglob("*") if path.is_file() and path not in expected)
    if strange:
        raise DataError("is none of the embedded digits", where=strange[0], hint="remove it")
    return written
