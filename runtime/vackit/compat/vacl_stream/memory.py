# SPDX-License-Identifier: Apache-2.0
"""Memory of the device, as programs see it: addresses of copies in the host's memory."""

import ctypes
import operator
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vacl_stream.structures import address_of
from vackit.errors import DataError

Bytes = NDArray[np.uint8]


class Memory:
    """Blocks by their address. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[int, Bytes] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def copy_in(self, source: Any, num_bytes: int) -> int:
        """Copy from the host; return the address of the copy.

        Args:
            source: An array, or a ctypes pointer or address with as many bytes behind it.
            num_bytes: How many bytes to copy.

        Raises:
            DataError: ``source`` is a null pointer, nothing to read from, or too small.
        """
        block = _host_bytes(source, operator.index(num_bytes)).copy()
        address = int(block.ctypes.data)
        with self._lock:
            self._blocks[address] = block
        return address

    def read(self, address: Any) -> Bytes:
        """Return the block at ``address``; it stays valid after `free`.

        Raises:
            DataError: None starts there.
        """
        number = address_of(address)
        with self._lock:
            block = self._blocks.get(number)
        if block is None:
            raise DataError(
                f"nothing lies on the device at address {number:#x}",
                hint="pass what copy_data_to_device returned, before it is freed",
            )
        return block

    def free(self, address: Any) -> int:
        """Give a block up; return 0, or 1 where none starts at ``address``."""
        with self._lock:
            return 0 if self._blocks.pop(address_of(address), None) is not None else 1


def _host_bytes(source: Any, num_bytes: int) -> Bytes:
    if num_bytes < 1:
        raise DataError(f"{num_bytes} bytes are to be copied, expected at least 1")
    if isinstance(source, np.ndarray):
        data = np.ascontiguousarray(source).reshape(-1).view(np.uint8)
        if data.size < num_bytes:
            raise DataError(f"{num_bytes} bytes are to be copied, the array holds {data.size}")
        return data[:num_bytes]
    try:
        address = address_of(source)
    except TypeError as error:
        raise DataError(f"cannot copy to the device: {error}") from error
    if not address:
        raise DataError("cannot copy to the device: the pointer is null")
    return np.frombuffer(ctypes.string_at(address, num_bytes), np.uint8)


DEVICE_MEMORY = Memory()
"""The one memory of all streams: an address may be freed through any object of the API."""
