# SPDX-License-Identifier: Apache-2.0
"""Bit strings as H.264 and H.265 write them, and the units that carry them."""

import re

import numpy as np
from numpy.typing import NDArray

from vackit.vdsp.nv12 import Nv12

Bytes = NDArray[np.uint8]

_START = b"\x00\x00\x00\x01"


class Bits:
    """Collects bits, the highest of a number first."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def u(self, value: int, count: int = 1) -> "Bits":
        """Append an unsigned number of ``count`` bits."""
        self._text.append(f"{value:0{count}b}")
        return self

    def ue(self, *values: int) -> "Bits":
        """Append unsigned numbers in the Exp-Golomb code of order 0."""
        for value in values:
            digits = f"{value + 1:b}"
            self._text.append("0" * (len(digits) - 1) + digits)
        return self

    def aligned(self, stop: str = "") -> bytes:
        """Return all as bytes: ``stop`` behind it, then zeros up to a whole byte."""
        text = "".join(self._text) + stop
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")

    def closed(self) -> bytes:
        """Return all as bytes, with the bit that ends a unit's payload."""
        return self.aligned("1")


def unit(header: bytes, payload: bytes) -> bytes:
    """Return a NAL unit of a byte stream, with what keeps start codes out of its payload."""
    return _START + header + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def block_rows(picture: Nv12, side: int, room: int) -> Bytes:
    """Return one row per block, in raster order: ``room`` zeros, then its Y, U and V samples.

    Blocks beyond the picture repeat its last row and column.
    """
    chroma = [picture.chroma[..., index] for index in (0, 1)]
    planes = [(picture.luma, side), *((plane, side // 2) for plane in chroma)]
    parts = [_blocks(plane, size) for plane, size in planes]
    return np.concatenate([np.zeros((len(parts[0]), room), np.uint8), *parts], axis=1)


def _blocks(plane: Bytes, side: int) -> Bytes:
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % side), (0, -width % side)), mode="edge")
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    split = padded.reshape(rows, side, columns, side).transpose(0, 2, 1, 3)
    return split.reshape(rows * columns, side * side)
