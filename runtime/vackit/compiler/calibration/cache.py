# SPDX-License-Identifier: Apache-2.0
"""Statistics on disk: unfinished ones to go on from, finished ones to use again.

Reads and writes ``<cache folder>/calibration/<key>.npz``. The key is a sha256 over
everything that shapes the statistics, so an entry fits or is not found; there is nothing to
invalidate. An entry that is damaged is told of and made again.
"""

import hashlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from vackit._version import tool_versions
from vackit.compiler.calibration.collect import State
from vackit.compiler.calibration.statistics import VERSION, Statistics
from vackit.config.environment import cache_dir
from vackit.data.npz import read_npz, write_npz
from vackit.devices.cpu import cpu_isa
from vackit.errors import DataError
from vackit.files import json_bytes

logger = logging.getLogger(__name__)

# of what an entry holds
_LAYOUT = 2
# the least recently used beyond so many are removed; one holds 2 to 5 MB
KEPT_ENTRIES = 64
# no entry takes so long to write
_ABANDONED_S = 3600.0


def content_key(
    model: onnx.ModelProto, names: Sequence[str], images_sha256: str, preprocessing: Any
) -> str:
    """Return the key of the statistics of ``names``.

    Args:
        model: What is run, after the passes.
        names: Values that are observed.
        images_sha256: Over the files' relative names and contents, in order.
        preprocessing: What is done to them, ready for JSON.
    """
    about = {
        "statistics_version": VERSION,
        "layout": _LAYOUT,
        "values": list(names),
        "images": images_sha256,
        "preprocessing": preprocessing,
        # they decide the last bits of what the model computes
        "tools": {**tool_versions("numpy", "onnxruntime"), "opencv": cv2.__version__},
        "cpu": cpu_isa(),
    }
    digest = hashlib.sha256(json_bytes(about))
    digest.update(model.SerializeToString(deterministic=True))
    return digest.hexdigest()


class StatisticsCache:
    """One entry of the cache.

    Args:
        key: From `content_key`.
        folder: Where entries lie; None: the folder of `vackit.config.environment`.
    """

    def __init__(self, key: str, folder: Path | None = None) -> None:
        self.path = (folder or cache_dir() / "calibration") / f"{key}.npz"
        self._is_writable = True

    def load(self, num_values: int, num_images: int, samples: int) -> State | None:
        """Return what has been reached; None where nothing (usable) is there."""
        if not self.path.is_file():
            return None
        try:
            state = _state(read_npz(self.path), num_values, num_images, samples)
        except (DataError, ValueError, KeyError, TypeError) as error:
            reason = error.message if isinstance(error, DataError) else error
            logger.warning("%s: unusable calibration cache, made again: %s", self.path, reason)
            return None
        return state

    def save(self, state: State) -> None:
        """Write what has been reached; a folder that takes no files is told of once."""
        if not self._is_writable:
            return
        try:
            arrays = _arrays(state)
            write_npz(self.path, {**arrays, "sha256": _digest(arrays)})
            self._prune()
        except OSError as error:
            self._is_writable = False
            logger.warning("%s: calibration is not cached: %s", self.path.parent, error.strerror)

    def touch(self) -> None:
        """Mark the entry as used now."""
        try:
            os.utime(self.path)
        except OSError:
            logger.debug("%s: its time cannot be set", self.path)

    def _prune(self) -> None:
        entries = sorted(self.path.parent.glob("*.npz"), key=_modified, reverse=True)
        for entry in entries[KEPT_ENTRIES:]:
            entry.unlink(missing_ok=True)
        for left in self.path.parent.glob(".*.tmp"):  # of builds that were killed
            if _modified(left) < time.time() - _ABANDONED_S:
                left.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another build has just removed it
        return 0.0


def _arrays(state: State) -> dict[str, NDArray[Any]]:
    total = state.total
    return {
        "low": total.low,
        "high": total.high,
        "exponent": total.exponent,
        "counts": total.counts,
        "num_seen": total.num_seen,
        "num_images": np.array([total.num_images, total.samples]),
        "early_low": state.early_low,
        "early_high": state.early_high,
    }


def _digest(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Return the sha256 over the arrays, so that nothing damaged is gone on from."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _state(
    arrays: dict[str, NDArray[Any]], num_values: int, num_images: int, samples: int
) -> State:
    said = arrays.pop("sha256", None)
    if said is None or not np.array_equal(said, _digest(arrays)):
        raise ValueError("its contents are not what was written")
    total = Statistics(num_values, samples)
    for name, like in _arrays(State(total)).items():
        if arrays[name].shape != like.shape or arrays[name].dtype != like.dtype:
            raise ValueError(f"'{name}' is {arrays[name].dtype} {arrays[name].shape}")
    total.num_images = int(arrays["num_images"][0])
    if not 0 < total.num_images <= num_images or arrays["num_images"][1] != samples:
        raise ValueError(f"it counts {total.num_images} images of {num_images}")
    total.low, total.high = arrays["low"], arrays["high"]
    total.exponent, total.counts = arrays["exponent"], arrays["counts"]
    total.num_seen = arrays["num_seen"]
    state = State(total)
    state.early_low, state.early_high = arrays["early_low"], arrays["early_high"]
    return state
