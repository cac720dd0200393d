# SPDX-License-Identifier: Apache-2.0
"""Tensors of a program: `Tensor`, `from_numpy`, `as_numpy`, and the addresses they lie at."""

import math
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vackit.compat.vaststreamx.context import Place, place_id
from vackit.compat.vaststreamx.enums import TypeFlag
from vackit.compat.vaststreamx.image import Image
from vackit.errors import DataError

DTYPES: dict[TypeFlag, type[np.generic]] = {
    TypeFlag.UINT8: np.uint8,
    TypeFlag.INT8: np.int8,
    TypeFlag.UINT16: np.uint16,
    TypeFlag.INT16: np.int16,
    TypeFlag.UINT32: np.uint32,
    TypeFlag.INT32: np.int32,
    TypeFlag.FLOAT16: np.float16,
    TypeFlag.FLOAT32: np.float32,
}


class Tensor:
    """An array on a device (the emulator's is the host).

    Args:
        array: Taken, not copied; made contiguous.
        device_id: The device that it is said to lie on.
        plain: The same content in the layouts that a model may ask for instead, where
            ``array`` is in one of the hardware's: most specific first.
    """

    def __init__(
        self,
        array: NDArray[Any],
        device_id: int = 0,
        plain: tuple[NDArray[Any], ...] = (),
    ) -> None:
        self.array = np.ascontiguousarray(array).reshape(array.shape)
        self.device_id = device_id
        self.plain = plain

    @property
    def shape(self) -> list[int]:
        """Return the sizes of the axes."""
        return list(self.array.shape)

    @property
    def size(self) -> int:
        """Return the number of elements."""
        return int(self.array.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the element type as numpy names it."""
        return self.array.dtype

    @property
    def addr(self) -> int:
        """Return the address of the first element; `tensor_at` finds the tensor again."""
        address = int(self.array.ctypes.data)
        _ADDRESSES.add(address, self)
        return address

    def clone(self, device_id: Place | None = None) -> "Tensor":
        """Return a copy, on another device if one is named."""
        place = self.device_id if device_id is None else place_id(device_id)
        return Tensor(self.array.copy(), place, self.plain)

    def __repr__(self) -> str:
        return f"Tensor({self.shape}, {self.array.dtype})"


class _Addresses:
    """Tensors whose address a program has asked for; they are not kept alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tensors: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()

    def add(self, address: int, tensor: Tensor) -> None:
        with self._lock:
            self._tensors[address] = tensor

    def find(self, address: int) -> tuple[Tensor, int]:
        with self._lock:
            for start, tensor in self._tensors.items():
                if start <= address < start + max(tensor.array.nbytes, 1):
                    return tensor, address - start
        raise DataError(
            f"no tensor lies at address {address:#x}",
            hint="keep the tensor alive, and take the address from its `addr`",
        )


_ADDRESSES = _Addresses()


def array_at(address: int, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Return the memory of a known tensor from ``address`` on as an array; writable.

    Raises:
        DataError: No tensor lies there whose address was asked for, or it is too small.
    """
    tensor, offset = _ADDRESSES.find(address)
    data = tensor.array.reshape(-1).view(np.uint8)[offset:]
    num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if data.size < num_bytes:
        raise DataError(
            f"{num_bytes} bytes are asked for at address {address:#x}, its tensor has {data.size}"
        )
    return data[:num_bytes].view(dtype).reshape(shape)


def from_numpy(array: ArrayLike, device_id: Place = 0) -> Tensor:
    """Return a tensor that holds a copy of ``array``."""
    copy = np.array(array, order="C")
    if copy.dtype.kind not in "biuf":
        raise DataError(f"a tensor holds numbers, got an array of {copy.dtype}")
    return Tensor(copy, place_id(device_id))


def as_numpy(value: Image | Tensor) -> NDArray[Any]:
    """Return a writable copy of an image's or a tensor's content, on the host."""
    if not isinstance(value, Image | Tensor):
        raise DataError(f"as_numpy takes an Image or a Tensor, got {type(value).__name__}")
    return value.array.copy()
