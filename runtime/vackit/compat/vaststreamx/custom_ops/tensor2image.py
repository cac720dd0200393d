# SPDX-License-Identifier: Apache-2.0
"""``custom_op_tensor2image``: float16 values to uint8 pixels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.errors import DataError

# width, height * channels; type; threshold; scale; coefficient; base
_CONFIG = "<IIififf"
_FLOAT16_TO_UINT8 = 0


def run(call: Call) -> Sequence[Any]:
    """Return ``floor((x * coef + base) * scale + 0.5)``, clipped to 0..255; the shape stays."""
    _, _, kind, _, scale, coef, base = call.unpack(_CONFIG)
    if kind != _FLOAT16_TO_UINT8:
        raise DataError(f"{call.name}: type {kind}, expected 0 (float16 to uint8)")
    values = call.array(0).astype(np.float32)
    pixels = np.floor((values * np.float32(coef) + np.float32(base)) * scale + np.float32(0.5))
    return [np.clip(np.nan_to_num(pixels), 0, 255).astype(np.uint8)]
