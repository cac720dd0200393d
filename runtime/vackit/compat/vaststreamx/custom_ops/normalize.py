# SPDX-License-Identifier: Apache-2.0
"""``opf_normalize``: uint8 planes to normalized float16."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.config.vdsp_types import NormaType
from vackit.errors import DataError
from vackit.vdsp.geometry import Size
from vackit.vdsp.normalize import Normalizer

# width, height, 4 pitches, channels; type; 4 means and 4 stds as float16
_CONFIG = "<7Ii4e4e"
_TYPES: tuple[NormaType, ...] = (
    "EQUAL", "MINUSMEAN_DIVSTD", "DIV255_MINUSMEAN_DIVSTD", "DIV1275_MINUSONE", "DIV255",
)  # fmt: skip


def run(call: Call) -> Sequence[Any]:
    """Return float16 (channels, height, width) of a planar image; with its own pitch or without.

    Behind the pitch that the config gives the output are zeros, where output info has the room.

    Raises:
        DataError: The config does not fit the image, or names no normalization.
    """
    fields = call.unpack(_CONFIG)
    size, channels, kind = (fields[1], fields[0]), fields[6], fields[7]
    if not 0 <= kind < len(_TYPES) or not 1 <= channels <= 4:
        raise DataError(f"{call.name}: norma_type {kind} and {channels} channels, expected "
                        f"a type of 0 to {len(_TYPES) - 1} and 1 to 4 channels")  # fmt: skip
    means, stds = fields[8 : 8 + channels], fields[12 : 12 + channels]
    normalizer = Normalizer(channels, _TYPES[kind], means, stds, half=True)
    made = normalizer(list(_planes(call, channels, size, (fields[3], fields[2]))))
    return [_pitched(call, made, (fields[5], fields[4]))]


def _planes(call: Call, channels: int, size: Size, pitch: Size) -> NDArray[np.uint8]:
    """Return the planes of ``size`` in an input that may have ``pitch``."""
    planes = call.array(0)
    (height, width), (rows, columns) = size, np.maximum(size, pitch)
    if planes.dtype == np.uint8 and planes.size == channels * height * width:
        return planes.reshape(channels, height, width)
    if planes.dtype == np.uint8 and planes.size == channels * rows * columns:
        return planes.reshape(channels, rows, columns)[:, :height, :width]
    raise DataError(
        f"{call.name}: config says {channels} planes of {width}x{height}, got "
        f"{planes.dtype} {planes.shape}"
    )


def _pitched(call: Call, made: NDArray[Any], pitch: Size) -> NDArray[Any]:
    """Return ``made`` with ``pitch`` where output info has just that room."""
    channels, height, width = made.shape
    rows, columns = np.maximum((height, width), pitch)
    if not call.output_info or np.prod(call.output_info[0][0]) != channels * rows * columns:
        return made
    return np.pad(made, ((0, 0), (0, rows - height), (0, columns - width)))
