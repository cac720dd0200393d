# SPDX-License-Identifier: Apache-2.0
"""``planar_argmax_op``: the index of the largest channel of every pixel."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.compat.vaststreamx.tensor import array_at
from vackit.errors import DataError

# input and output: address; channels, height, width, their pitches. With and without the
# padding that C puts behind 28 bytes
_CONFIGS = ("<Q5i4xQ5i4x", "<Q5iQ5i")


def run(call: Call) -> Sequence[Any]:
    """Return uint16 (1, 1, H, W); also written to the output address where a tensor lies."""
    padded = len(call.config) >= struct.calcsize(_CONFIGS[0])
    fields = call.unpack(_CONFIGS[0 if padded else 1])
    address, (channels, height, width, pitch_h, pitch_w) = fields[0], fields[1:6]
    shape = (channels, max(pitch_h, height), max(pitch_w, width))
    if min(channels, height, width) < 1:
        raise DataError(f"{call.name}: config says a shape of {(channels, height, width)}")
    values = call.array(0) if call.inputs else array_at(address, shape, np.float16)
    if values.size not in (np.prod(shape), channels * height * width):
        raise DataError(f"{call.name}: config says {shape}, got a tensor of {values.shape}")
    whole = values.size == np.prod(shape)
    maps = values.reshape(shape if whole else (channels, height, width))[:, :height, :width]
    made = maps.argmax(axis=0).astype(np.uint16)[np.newaxis, np.newaxis]
    if fields[6] and not call.output_info:
        array_at(fields[6], made.shape, np.uint16)[...] = made
    return [made]
