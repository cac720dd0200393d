# SPDX-License-Identifier: Apache-2.0
"""Outputs between the run and the callback: float16 arrays and the addresses they lie at.

A callback gets one address per sample and output; they are valid until it returns.
"""

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vacl_stream.structures import address_of
from vackit.errors import DataError
from vackit.stream.outputs import as_float16

Half = NDArray[np.float16]
Sample = tuple[Half, ...]


class Outputs:
    """The samples whose outputs callbacks may read now, by address. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: dict[int, Sample] = {}

    @contextmanager
    def offered(self, samples: Sequence[Sample]) -> Iterator[Any]:
        """Yield the addresses of all outputs, sample by sample, as a ctypes array."""
        found = {int(output.ctypes.data): sample for sample in samples for output in sample}
        with self._lock:
            self._samples |= found
        try:
            yield (ctypes.c_uint64 * len(found))(*found)
        finally:
            with self._lock:
                for address in found:
                    del self._samples[address]

    def sample(self, address: Any) -> Sample:
        """Return the outputs of the sample that an address belongs to.

        Raises:
            DataError: No output lies there.
        """
        number = address_of(address)
        with self._lock:
            sample = self._samples.get(number)
        if sample is None:
            raise DataError(
                f"no output lies at address {number:#x}",
                hint="read outputs inside the callback that got their addresses",
            )
        return sample

    def samples(self, addresses: Any, count: int) -> list[Sample]:
        """Return the samples behind the addresses that a callback got, in their order."""
        found: dict[int, Sample] = {}
        for i in range(count):
            sample = self.sample(addresses[i])
            found.setdefault(id(sample), sample)
        return list(found.values())


def as_outputs(arrays: Sequence[NDArray[Any]], place: str) -> Sample:
    """Return a sample's outputs as a card gives them: flat float16 arrays of their own.

    Integers (ids of detections) become float16 too, exact up to 2048.
    """
    return tuple(_flat_half(array, place) for array in arrays)


def _flat_half(array: NDArray[Any], place: str) -> Half:
    values = array if array.dtype.kind == "f" else array.astype(np.float32)
    flat = as_float16(values, place).reshape(-1)
    # an empty output needs an address of its own too
    buffer = np.zeros(max(flat.size, 1), np.float16)
    buffer[: flat.size] = flat
    return buffer[: flat.size]


OFFERED = Outputs()
"""Of all streams: programs read outputs through objects that know no stream."""
