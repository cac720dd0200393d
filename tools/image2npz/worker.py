# SPDX-License-Identifier: Apache-2.0
"""Convert single images. Runs in worker processes; reads images, writes npz files."""

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from image2npz.plan import Pair
from image2npz.record import Outcome, Record, Status
from vackit.data.images import decode_rgb_planes, read_file
from vackit.data.npz import npz_bytes, write_npz
from vackit.errors import DataError
from vackit.files import sha256_bytes


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
    planes: NDArray[np.uint8] | None = None
    outcomes = []
    for pair in pairs:
        image = dataset / pair.image
        try:
            stat = image.stat()
            data = read_file(image)
            planes = decode_rgb_planes(data, image, planes)
        except DataError as error:
            outcomes.append(Outcome(pair, Status.UNREADABLE, error.message))
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or '').lower()}"
            outcomes.append(Outcome(pair, Status.UNREADABLE, reason))
        else:
            outcomes.append(_store(pair, stat, data, planes, target / pair.npz, force))
    return outcomes


def _store(
    pair: Pair,
    stat: os.stat_result,
    data: bytes,
    planes: NDArray[np.uint8],
    npz: Path,
    force: bool,
) -> Outcome:
    status = _place(npz, {"input_0": planes}, force)
    if status is Status.DIFFERS:
        return Outcome(pair, status, "holds something else than this image")
    after = npz.stat()
    record = Record(
        image=pair.image,
        image_size_bytes=stat.st_size,
        image_mtime_ns=stat.st_mtime_ns,
        image_sha256=sha256_bytes(data),
        height=planes.shape[1],
        width=planes.shape[2],
        npz=pair.npz,
        npz_size_bytes=after.st_size,
        npz_mtime_ns=after.st_mtime_ns,
    )
    return Outcome(pair, status, record=record)


def _place(npz: Path, arrays: dict[str, NDArray[np.uint8]], force: bool) -> Status:
    """Write the npz unless its content stands there already; never over something else."""
    if npz.exists():
        # equal arrays give equal bytes
        if npz.read_bytes() == npz_bytes(arrays):
            return Status.KEPT
        if not force:
            return Status.DIFFERS
    write_npz(npz, arrays)
    return Status.WRITTEN
