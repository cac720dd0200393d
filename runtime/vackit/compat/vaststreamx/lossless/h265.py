# SPDX-License-Identifier: Apache-2.0
"""H.265 without loss: every picture an IDR picture of PCM blocks (ITU-T H.265).

A block's two flags are arithmetically coded: ``part_mode``, always the more probable symbol
of a context that grows surer with every block, and ``pcm_flag``, which ends the code. With
nothing else coded, the code's value is the interval's lower end, so no coder is needed.
"""

import numpy as np

from vackit.compat.vaststreamx.lossless.bits import Bits, Bytes, block_rows, unit
from vackit.vdsp.geometry import Size
from vackit.vdsp.nv12 import Nv12

_SIDE = 32
_LOG2_SIDE = 5
_VIDEO_SET, _SEQUENCE_SET, _PICTURE_SET, _PICTURE = (
    bytes([kind << 1, 1]) for kind in (32, 33, 34, 19)
)
_MAIN, _LEVEL_5_1 = 1, 153
# rangeTabLps for the upper quarter of the range, by the state of the context: from the
# one that part_mode starts in (initValue 184 at quantizer 26) to the surest
_LESS_PROBABLE = (
    240, 227, 216, 205, 195, 185, 175, 166, 158, 150, 142, 135, 128, 122, 116, 110,
    104, 99, 94, 89, 85, 80, 76, 72, 69, 65, 62, 59, 56, 53, 50, 48,
    45, 43, 41, 39, 37, 35, 33, 31, 30, 28, 27, 25, 24, 23, 22, 21,
    20, 19, 18, 17, 16, 15, 14, 14, 13, 12, 12, 11, 11, 10, 9,
)  # fmt: skip
_RANGE = 510
_FLAGS_BYTES = 2


class H265Encoder:
    """Makes one access unit per picture.

    Args:
        size: (height, width), even.
        rate: Pictures a second, as (numerator, denominator).
    """

    def __init__(self, size: Size, rate: tuple[int, int]) -> None:
        self._sets = (
            unit(_VIDEO_SET, _video_set(rate))
            + unit(_SEQUENCE_SET, _sequence_set(size, rate))
            + unit(_PICTURE_SET, _picture_set())
        )

    def __call__(self, picture: Nv12) -> bytes:
        """Return the picture's access unit, the parameter sets first."""
        rows = block_rows(picture, _SIDE, _FLAGS_BYTES)
        rows[:, :_FLAGS_BYTES] = _flags(len(rows))
        end = (_RANGE - 2 | 1) << 7  # end_of_slice_segment_flag
        payload = _slice_header() + rows.tobytes() + end.to_bytes(2, "big")
        return self._sets + unit(_PICTURE, payload)


def _flags(count: int) -> Bytes:
    """Return the 2 bytes before each block's samples."""
    states = np.minimum(np.arange(count), len(_LESS_PROBABLE) - 1)
    low = _RANGE - 2 - np.array(_LESS_PROBABLE)[states]
    low[1:] -= 2  # behind a block that does not end the slice
    # 9 bits, the last of them 1, and zeros
    flags: Bytes = ((low | 1) << 7).astype(">u2").view(np.uint8)
    return flags.reshape(count, _FLAGS_BYTES)


def _profile(bits: Bits) -> None:
    bits.u(0, 3).u(_MAIN, 5).u(0b011 << 29, 32)  # compatible with Main and Main 10
    bits.u(0b1001, 4).u(0, 44).u(_LEVEL_5_1, 8)  # progressive frames only


def _timing(bits: Bits, rate: tuple[int, int]) -> None:
    numerator, denominator = rate
    bits.u(1).u(denominator, 32).u(numerator, 32).u(0)


def _video_set(rate: tuple[int, int]) -> bytes:
    bits = Bits().u(0, 4).u(0b11, 2).u(0, 6).u(0, 3).u(1).u(0xFFFF, 16)
    _profile(bits)
    bits.u(1).ue(0, 0, 0)  # one picture is kept, none is reordered
    bits.u(0, 6).ue(0)
    _timing(bits, rate)
    return bits.ue(0).u(0).closed()


def _sequence_set(size: Size, rate: tuple[int, int]) -> bytes:
    height, width = size
    bits = Bits().u(0, 4).u(0, 3).u(1)
    _profile(bits)
    bits.ue(0, 1, width + -width % _SIDE, height + -height % _SIDE)  # id, 4:2:0
    bits.u(1).ue(0, -width % _SIDE // 2, 0, -height % _SIDE // 2)  # conformance window
    bits.ue(0, 0, 0).u(1).ue(0, 0, 0)  # 8 bits; order count of 4 bits; as the video set
    bits.ue(_LOG2_SIDE - 3, 0)  # coding blocks of one size
    bits.ue(0, 3, 0, 0)  # transforms of 4 to 32
    bits.u(0, 3)  # no scaling lists, asymmetric partitions, adaptive offset
    bits.u(1).u(7, 4).u(7, 4).ue(_LOG2_SIDE - 3, 0).u(1)  # PCM of 8 bits, not filtered
    bits.ue(0).u(0, 3)  # no reference pictures, no prediction from them, no smoothing
    bits.u(1).u(0, 8)  # usability information, only:
    _timing(bits, rate)
    return bits.u(0, 2).u(0).closed()


def _picture_set() -> bytes:
    bits = Bits().ue(0, 0).u(0, 7)  # ids; no dependent slices, extra bits, hiding, tables
    bits.ue(0, 0, 0).u(0, 3)  # reference counts, quantizer; no constraints, skips, deltas
    bits.ue(0, 0).u(0, 7)  # chroma offsets; no weights, bypass, tiles, wavefront, crossing
    bits.u(1).u(0).u(1)  # no deblocking
    return bits.u(0, 2).ue(0).u(0, 2).closed()


def _slice_header() -> bytes:
    # first of its picture; earlier ones may be shown; picture set; I slice; quantizer
    return Bits().u(1).u(0).ue(0, 2, 0).closed()
