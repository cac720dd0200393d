# SPDX-License-Identifier: Apache-2.0
"""Convert single images. Runs in worker processes; reads images, writes npz files."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from image2npz.plan import Pair
from image2npz.record import Outcome, Record, Status
from vackit.data.images import decode_rgb_planes, read_file
from vackit.data.npz import npz_bytes
from vackit.errors import DataError
from vackit.files import sha256_bytes, write_atomic


def prepare_opencv() -> None:
    """Keep OpenCV from starting threads of its own and from writing to stderr.

    What it would say about a damaged image comes back as that image's outcome.
    """
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def convert_chunk(dataset: Path, target: Path, pairs: Sequence[Pair], force: bool) -> list[Outcome]:
    """Convert some images, in order; what is wrong with one is its outcome, not an error.

    Raises:
        OSError: An npz cannot be written (no space, no permission).
    """
    return [_convert(dataset / pair.image, target / pair.npz, pair, force) for pair in pairs]


def _convert(image: Path, npz: Path, pair: Pair, force: bool) -> Outcome:
    try:
        before = image.stat()
        data = read_file(image)
        planes = decode_rgb_planes(data, image)
    except DataError as error:
        return Outcome(pair, Status.UNREADABLE, error.message)
    except OSError as error:
        return Outcome(pair, Status.UNREADABLE, f"cannot be read: {(error.strerror or '').lower()}")
    content = npz_bytes({"input_0": planes})
    status = _place(npz, content, force)
    if status is Status.DIFFERS:
        return Outcome(pair, status, "holds something else than this image")
    after = npz.stat()
    record = Record(
        image=pair.image,
        image_size_bytes=before.st_size,
        image_mtime_ns=before.st_mtime_ns,
        image_sha256=sha256_bytes(data),
        height=planes.shape[1],
        width=planes.shape[2],
        npz=pair.npz,
        npz_size_bytes=after.st_size,
        npz_mtime_ns=after.st_mtime_ns,
    )
    return Outcome(pair, status, record=record)


def _place(npz: Path, content: memoryview, force: bool) -> Status:
    """Write the npz unless its content stands there already; never over something else."""
    try:
        present = npz.read_bytes()
    except FileNotFoundError:
        present = None
    if present is not None:
        if present == content:
            return Status.KEPT
        if not force:
            return Status.DIFFERS
    write_atomic(npz, content, sync=False)
    return Status.WRITTEN
