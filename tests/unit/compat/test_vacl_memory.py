# SPDX-License-Identifier: Apache-2.0
"""Addresses of the interfaces of 2023: of copies, of outputs, behind pointers."""

import ctypes
from ctypes import c_uint64, c_void_p
from typing import Any

import numpy as np
import pytest

from vackit.compat import vacl_stream
from vackit.compat.vacl_stream.memory import Memory
from vackit.compat.vacl_stream.outputs import Outputs, as_outputs
from vackit.compat.vacl_stream.structures import address_of
from vackit.errors import DataError


def test_outputs_are_found_by_any_address_of_their_sample() -> None:
    outputs = Outputs()
    sample = as_outputs([np.arange(4, dtype=np.int64), np.zeros((1, 0), np.float32)], "m")
    assert [array.dtype for array in sample] == [np.float16, np.float16]
    with outputs.offered([sample]) as addresses:
        assert len(addresses) == 2
        assert outputs.sample(addresses[1]) is sample
        assert outputs.samples(addresses, 2) == [sample]
    with pytest.raises(DataError, match="no output lies at address"):
        outputs.samples([1], 1)


def test_memory_copies_what_it_is_given() -> None:
    memory = Memory()
    array = np.arange(6, dtype=np.int32)[::2]
    address = memory.copy_in(array, 12)
    array[:] = 9
    assert memory.read(address).view(np.int32).tolist() == [0, 2, 4]
    assert memory.read(c_uint64(address)) is memory.read(c_void_p(address))
    assert (memory.free(address), memory.free(address), len(memory)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("source", "num_bytes", "message"),
    [
        (np.zeros(3, np.uint8), 4, "4 bytes are to be copied, the array holds 3"),
        (np.zeros(3, np.uint8), 0, "0 bytes are to be copied, expected at least 1"),
        (c_void_p(None), 4, "the pointer is null"),
        (1.5, 4, "expected an address, got float"),
    ],
    ids=["too small", "nothing", "null", "no pointer"],
)
def test_memory_refuses(source: Any, num_bytes: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Memory().copy_in(source, num_bytes)


def test_address_of_reads_every_kind_of_pointer() -> None:
    info = vacl_stream.StreamInfo(1, 2, 3, "m")
    wanted = ctypes.addressof(info)
    for pointer in (info, ctypes.pointer(info), ctypes.byref(info), wanted, c_void_p(wanted)):
        assert address_of(pointer) == wanted
    assert address_of(None) == 0
