# SPDX-License-Identifier: Apache-2.0
"""OpenCV's results as programs know them, whichever version is there."""

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.compat.former.opencv_results import restore_opencv_results

RESTORED = ("HoughLinesP", "findNonZero", "convexityDefects", "calcHist", "minAreaRect")


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RESTORED:
        monkeypatch.setattr(cv2, name, getattr(cv2, name))  # undone at the end
    restore_opencv_results()
    restore_opencv_results()  # twice is harmless


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Return a white line on black, (64, 64)."""
    drawn = cv2.line(np.zeros((64, 64), np.uint8), (5, 32), (58, 32), 255)
    return np.asarray(drawn, np.uint8)


def test_lines_are_rows_of_one(picture: NDArray[np.uint8]) -> None:
    lines: Any = cv2.HoughLinesP(picture, 1, np.pi / 180, 20, minLineLength=20, maxLineGap=2)
    x1, y1, x2, y2 = lines[0][0]
    assert (min(x1, x2), y1, max(x1, x2), y2) == (5, 32, 58, 32)
    assert cv2.HoughLinesP(np.zeros_like(picture), 1, np.pi / 180, 20) is None


def test_points_and_defects_are_rows_of_one(picture: NDArray[np.uint8]) -> None:
    assert cv2.findNonZero(picture).shape == (54, 1, 2)
    star = np.array([[0, 0], [20, 8], [40, 0], [40, 40], [0, 40]], np.int32)
    hull = cv2.convexHull(star, returnPoints=False)
    start, end, farthest, _ = cv2.convexityDefects(star, hull)[0][0]
    assert {int(start), int(end), int(farthest)} == {0, 1, 2}


def test_a_histogram_is_a_column(picture: NDArray[np.uint8]) -> None:
    assert cv2.calcHist([picture], [0], None, [16], [0, 256]).shape == (16, 1)
    both = cv2.calcHist([picture, picture], [0, 1], None, [4, 4], [0, 256, 0, 256])
    assert both.shape == (4, 4)


@pytest.mark.parametrize("degrees", [0, 10, 45, 80, 90, 123, -30])
def test_a_rectangles_angle_is_above_0_and_up_to_90(degrees: int) -> None:
    points = cv2.boxPoints(((50, 40), (30, 10), degrees))
    center, size, angle = cv2.minAreaRect(points)
    assert 0 < angle <= 90.001  # of float32 corners
    assert sorted(size) == pytest.approx([10, 30], abs=1e-3)
    again = cv2.boxPoints((center, size, angle))
    # the same corners, beginning with any
    nearest = [np.abs(again - point).sum(axis=1).min() for point in points]
    assert max(nearest) < 1e-3
