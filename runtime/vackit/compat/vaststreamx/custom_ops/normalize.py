# SPDX-License-Identifier: Apache-2.0
"""``opf_normalize``: uint8 planes to normalized float16."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.config.vdsp_types import NormaType
from vackit.errors import DataError
from vackit.vdsp.normalize import Normalizer

# width, height, 4 pitches, channels; type; 4 means and 4 stds as float16
_CONFIG = "<7Ii4e4e"
_TYPES: tuple[NormaType, ...] = (
    "EQUAL", "MINUSMEAN_DIVSTD", "DIV255_MINUSMEAN_DIVSTD", "DIV1275_MINUSONE", "DIV255",
)  # fmt: skip


def run(call: Call) -> Sequence[Any]:
    """Return float16 (channels, height, width) of a planar image.

    Raises:
        DataError: The config does not fit the image, or names no normalization.
    """
    fields = call.unpack(_CONFIG)
    width, height, channels, kind = fields[0], fields[1], fields[6], fields[7]
    if not 0 <= kind < len(_TYPES) or not 1 <= channels <= 4:
        raise DataError(f"{call.name}: norma_type {kind} and {channels} channels, expected "
                        f"a type of 0 to {len(_TYPES) - 1} and 1 to 4 channels")  # fmt: skip
    planes = call.array(0)
    if planes.dtype != np.uint8 or planes.size != channels * height * width:
        raise DataError(
            f"{call.name}: config says {channels} planes of {width}x{height}, got "
            f"{planes.dtype} {planes.shape}"
        )
    means, stds = fields[8 : 8 + channels], fields[12 : 12 + channels]
    normalizer = Normalizer(channels, _TYPES[kind], means, stds, half=True)
    return [normalizer(list(planes.reshape(channels, height, width)))]
