# SPDX-License-Identifier: Apache-2.0
"""What programs and callbacks share: ctypes structures.

The layout of the description and of the shape is this project's: programs reach their fields
by name. `StreamInfo` is laid out as published, because programs define it anew.
"""

import ctypes
import operator
from collections.abc import Sequence
from typing import Any, ClassVar

_MAX_AXES = 8


class StreamInfo(ctypes.Structure):
    """What a callback's ``user_data`` points to."""

    _fields_: ClassVar = [
        ("stream_id", ctypes.c_uint32),
        ("device_id", ctypes.c_uint32),
        ("model_op_context", ctypes.c_uint32),
        ("model_name", ctypes.c_wchar_p),
    ]


class OutputDescription(ctypes.Structure):
    """Which input the outputs of a callback belong to."""

    _fields_: ClassVar = [
        ("input_id", ctypes.c_uint64),
        ("stream_id", ctypes.c_uint32),
        ("device_id", ctypes.c_uint32),
    ]


class OutputShape(ctypes.Structure):
    """The shape of an output for one sample: ``shapes[i]`` for ``i`` below ``ndims``."""

    _fields_: ClassVar = [("ndims", ctypes.c_uint32), ("shapes", ctypes.c_uint32 * _MAX_AXES)]


def output_shape(shape: Sequence[int]) -> OutputShape:
    """Return ``shape`` as programs read it."""
    return OutputShape(len(shape), (ctypes.c_uint32 * _MAX_AXES)(*shape))


def address_of(pointer: Any) -> int:
    """Return the address that an integer, a ctypes pointer or a ctypes object means; 0: none.

    Raises:
        TypeError: It is nothing of that kind.
    """
    if isinstance(pointer, ctypes.Structure | ctypes.Array):
        return ctypes.addressof(pointer)
    if isinstance(pointer, ctypes._SimpleCData) and not isinstance(pointer, ctypes.c_void_p):
        pointer = pointer.value  # c_uint64(address)
    if hasattr(pointer, "__index__"):
        pointer = operator.index(pointer)  # numpy's integers too
    try:
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0
    except ctypes.ArgumentError as error:
        raise TypeError(f"expected an address, got {type(pointer).__name__}") from error
