# SPDX-License-Identifier: Apache-2.0
import threading

import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.context import current_device_id, open_device
from vackit.compat.vaststreamx.tensor import array_at
from vackit.errors import DataError


@pytest.mark.parametrize("dtype", ["int32", "float16", "float32", "uint8", "uint16"])
def test_from_numpy_keeps_shape_type_and_content(dtype: str) -> None:
    array = np.arange(24).reshape(1, 4, 6).astype(dtype)
    tensor = vsx.from_numpy(array[:, ::2], 0)
    assert tensor.shape == [1, 2, 6]
    assert tensor.size == 12
    assert tensor.dtype == np.dtype(dtype)
    assert str([1, 2, 6]) in repr(tensor)
    assert np.array_equal(vsx.as_numpy(tensor), array[:, ::2])


def test_tensors_hold_copies() -> None:
    array = np.zeros(3, np.float32)
    tensor = vsx.from_numpy(array, vsx.Context.CPU())
    array[:] = 1
    host = vsx.as_numpy(tensor)
    host[:] = 2
    assert not vsx.as_numpy(tensor).any()
    clone = tensor.clone(1)
    assert clone.device_id == 1
    assert clone.addr != tensor.addr


def test_scalars_stay_scalars() -> None:
    assert vsx.from_numpy(np.float32(3)).shape == []


def test_from_numpy_refuses_what_is_no_number() -> None:
    with pytest.raises(DataError, match="a tensor holds numbers, got an array of <U1"):
        vsx.from_numpy(np.array(["a"]))


def test_as_numpy_refuses_other_objects() -> None:
    with pytest.raises(DataError, match="as_numpy takes an Image or a Tensor, got list"):
        vsx.as_numpy([])  # type: ignore[arg-type]


def test_addresses_lead_back_to_their_tensor() -> None:
    tensor = vsx.from_numpy(np.arange(12, dtype=np.float16).reshape(3, 4))
    row = array_at(tensor.addr + 8, (4,), np.float16)
    assert row.tolist() == [4, 5, 6, 7]
    row[:] = 0
    assert vsx.as_numpy(tensor)[1].tolist() == [0, 0, 0, 0]


def test_addresses_are_checked() -> None:
    tensor = vsx.from_numpy(np.zeros(4, np.float16))
    address = tensor.addr
    with pytest.raises(DataError, match=r"10 bytes are asked for at address 0x\w+, its tensor has"):
        array_at(address, (5,), np.float16)
    del tensor
    with pytest.raises(DataError, match=r"no tensor lies at address 0x1\n  hint: keep the tensor"):
        array_at(1, (1,), np.uint8)


def test_the_device_is_each_threads_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VACKIT_DEVICE", "null")
    seen: list[tuple[int, str]] = []

    def work() -> None:
        vsx.set_device(3)
        seen.append((current_device_id(), open_device().spec))

    vsx.set_device(0)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(3, "null:3")]
    assert (current_device_id(), open_device().spec) == (0, "null:0")
    monkeypatch.setenv("VACKIT_DEVICE", "null:2")
    assert open_device().spec == "null:2"
