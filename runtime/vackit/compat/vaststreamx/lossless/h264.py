# SPDX-License-Identifier: Apache-2.0
"""H.264 without loss: every picture an IDR picture of I_PCM macroblocks (ITU-T H.264)."""

import math

from vackit.compat.vaststreamx.lossless.bits import Bits, block_rows, unit
from vackit.vdsp.geometry import Size
from vackit.vdsp.nv12 import Nv12

_SIDE = 16
_PICTURE, _SEQUENCE_SET, _PICTURE_SET = b"\x65", b"\x67", b"\x68"
_BASELINE, _LEVEL_5_1 = 66, 51
# mb_type 25 in an I slice, and what aligns the samples behind it
_I_PCM = Bits().ue(25).aligned()


class H264Encoder:
    """Makes one access unit per picture.

    Args:
        size: (height, width), even.
        rate: Pictures a second, as (numerator, denominator).
    """

    def __init__(self, size: Size, rate: tuple[int, int]) -> None:
        self._sets = unit(_SEQUENCE_SET, _sequence_set(size, rate)) + unit(
            _PICTURE_SET, _picture_set()
        )
        self._count = 0

    def __call__(self, picture: Nv12) -> bytes:
        """Return the picture's access unit, the parameter sets first."""
        rows = block_rows(picture, _SIDE, len(_I_PCM))
        rows[:, : len(_I_PCM)] = list(_I_PCM)
        samples = rows.tobytes()[len(_I_PCM) :]  # the header is aligned with the first block's
        header = _slice_header(self._count % 2).ue(25).aligned()
        self._count += 1
        return self._sets + unit(_PICTURE, header + samples + Bits().closed())


def _sequence_set(size: Size, rate: tuple[int, int]) -> bytes:
    height, width = size
    bits = Bits().u(_BASELINE, 8).u(0b11000000, 8).u(_LEVEL_5_1, 8)
    # id; frame_num of 4 bits; output in coding order; no reference pictures
    bits.ue(0, 0, 2, 0).u(0)
    bits.ue(math.ceil(width / _SIDE) - 1, math.ceil(height / _SIDE) - 1)
    bits.u(1).u(1)  # frames only; direct_8x8_inference
    bits.u(1).ue(0, -width % _SIDE // 2, 0, -height % _SIDE // 2)  # cropping
    bits.u(1).u(0, 4)  # usability information, without aspect, overscan, signal, chroma place
    numerator, denominator = rate
    bits.u(1).u(denominator, 32).u(2 * numerator, 32).u(1)  # a frame has two ticks
    bits.u(0, 3)  # no buffering models, no picture structure
    bits.u(1).u(1).ue(0, 0, 0, 0, 0, 0)  # nothing is reordered
    return bits.closed()


def _picture_set() -> bytes:
    # ids; no CABAC, no field order; one slice group; reference counts; no weights
    bits = Bits().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3)
    # quantizers and chroma offset; deblocking is said per slice
    return bits.ue(0, 0, 0).u(1).u(0, 2).closed()


def _slice_header(idr_id: int) -> Bits:
    # first macroblock; I slice; picture set; frame_num; id; reference marking; quantizer
    bits = Bits().ue(0, 7, 0).u(0, 4).ue(idr_id).u(0, 2).ue(0)
    return bits.ue(1)  # no deblocking
