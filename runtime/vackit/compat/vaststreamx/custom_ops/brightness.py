# SPDX-License-Identifier: Apache-2.0
"""``img_brightness_adjust``: the luma of an NV12 image times a factor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.errors import DataError

_CONFIG = "<8if"  # in and out: height, width, their pitches; factor


def run(call: Call) -> Sequence[Any]:
    """Return the image (H * 3 / 2, W) with its luma scaled, rounded and clipped to 0..255.

    Chroma stays (inferred: only that a factor above 1 is brighter is published).
    """
    height, width, rows, columns, *_, factor = call.unpack(_CONFIG)
    image = call.array(0)
    if image.shape == (rows * 3 // 2, columns):
        # an image of its pitches: what lies behind the picture is treated alike
        height, width = rows, columns
    if image.dtype != np.uint8 or image.shape != (height * 3 // 2, width):
        raise DataError(
            f"{call.name}: config says an NV12 image of {width}x{height}, got {image.dtype} "
            f"{image.shape}"
        )
    made = image.copy()
    luma = np.rint(image[:height].astype(np.float32) * np.float32(factor))
    made[:height] = np.clip(np.nan_to_num(luma), 0, 255)
    return [made]
