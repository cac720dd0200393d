# SPDX-License-Identifier: Apache-2.0
"""``find_contours``: the outlines of what lies above a threshold in a probability map."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.errors import DataError

_CONFIG = "<3if"  # width, height, pitch; threshold
_COLUMNS, _POINTS_COLUMN = 5, 4
_MAX_CONTOURS = 1000


def run(call: Call) -> Sequence[Any]:
    """Return points, contours, their number and a scratch tensor.

    Points: int16 (height * width * 2), x and y of all contours one after the other; contours:
    uint32 (max, 5), column 4 their numbers of points (``max`` as output info says, else
    1000; more are left out, and so are points beyond the room); number: uint32 (1,);
    scratch: uint8 zeros. Unused room is zero.
    """
    width, height, pitch, threshold = call.unpack(_CONFIG)
    values = call.array(0)
    pitch = max(pitch, width)
    if min(width, height) < 1 or values.size not in (width * height, pitch * height):
        raise DataError(f"{call.name}: config says a map of {width}x{height}, got {values.shape}")
    map_ = values.reshape(height, -1)[:, :width]
    mask = (map_.astype(np.float32) > np.float32(threshold)).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    limit = _MAX_CONTOURS
    if len(call.output_info) > 1:  # of any number of axes
        limit = int(np.prod(call.output_info[1][0], dtype=int)) // _COLUMNS
    return _packed([np.asarray(one).reshape(-1, 2) for one in found[:limit]], limit, call, mask)


def _packed(contours: list[Any], limit: int, call: Call, mask: Any) -> list[Any]:
    points = np.zeros(mask.size * 2, np.int16)
    table = np.zeros((limit, _COLUMNS), np.uint32)
    used = count = 0
    for contour in contours:
        if used + contour.size > points.size:
            break
        points[used : used + contour.size] = contour.reshape(-1)
        table[count, _POINTS_COLUMN] = len(contour)
        used, count = used + contour.size, count + 1
    scratch = np.prod(call.output_info[3][0], dtype=int) if len(call.output_info) > 3 else 1
    return [points, table, np.array([count], np.uint32), np.zeros(scratch, np.uint8)]
