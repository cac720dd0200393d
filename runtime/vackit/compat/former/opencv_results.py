# SPDX-License-Identifier: Apache-2.0
"""Results of OpenCV as its versions 4.5.1 to 4.12 gave them, for which programs were written.

OpenCV 5 leaves out an axis of 1 in some; 4.13 and 5 tell the angle of a rectangle otherwise.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Rectangle = tuple[tuple[float, float], tuple[float, float], float]


def restore_opencv_results() -> None:
    """Let OpenCV's functions give their former results; twice is harmless."""
    import cv2

    for name, former in _FORMER.items():
        function = getattr(cv2, name)
        if not getattr(function, "is_restored", False):
            setattr(cv2, name, _restored(function, former))


def _restored(function: Any, former: Callable[[Any], Any]) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return former(function(*arguments, **options))

    call.is_restored = True  # type: ignore[attr-defined]
    return call


def _rows(found: Any) -> Any:
    """Return (N, K) as (N, 1, K); None, where nothing was found, as it is."""
    return found[:, np.newaxis] if isinstance(found, np.ndarray) and found.ndim == 2 else found


def _column(histogram: Any) -> Any:
    """Return (N,) as (N, 1)."""
    return histogram[:, np.newaxis] if histogram.ndim == 1 else histogram


def _turned(rectangle: Rectangle) -> Rectangle:
    """Return the same rectangle by an angle above 0 and up to 90 degrees."""
    center, (width, height), angle = rectangle
    if angle > 0:
        return rectangle
    if angle <= -90:
        return center, (width, height), angle + 180
    return center, (height, width), angle + 90


_FORMER: dict[str, Callable[[Any], Any]] = {
    "HoughLinesP": _rows,
    "findNonZero": _rows,
    "convexityDefects": _rows,
    "calcHist": _column,
    "minAreaRect": _turned,
}
