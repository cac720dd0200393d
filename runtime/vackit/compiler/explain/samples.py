# SPDX-License-Identifier: Apache-2.0
"""Samples that are gone through several times, kept in memory as far as they fit."""

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from vackit.compiler.calibration.images import CalibrationSet

# about 200 images of 224x224: decoding them again costs more than running the network
KEPT_BYTES = 128 * 2**20
Sample = tuple[str, Mapping[str, NDArray[Any]]]


class Samples:
    """The samples of a set, in order; the first of them are read from disk only once."""

    def __init__(self, images: CalibrationSet, kept_bytes: int = KEPT_BYTES) -> None:
        self._images = images
        self._room = kept_bytes
        self._kept: list[Sample] = []

    def __len__(self) -> int:
        return len(self._images)

    def few(self, count: int) -> list[Sample]:
        """Return up to ``count`` of them, evenly spread."""
        total = len(self)
        number = min(count, total)
        return [next(self._images.starting_at(i * total // number)) for i in range(number)]

    def __iter__(self) -> Iterator[Sample]:
        yield from list(self._kept)
        index = len(self._kept)
        for sample in self._images.starting_at(index):
            size = sum(array.nbytes for array in sample[1].values())
            if index == len(self._kept) and size <= self._room:
                self._kept.append(sample)
                self._room -= size
            index += 1
            yield sample
