# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.pixels import write_picture
from vackit.errors import DataError
from vackit.vdsp.picture import Planes

F = vsx.ImageFormat
RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, 6 * 4 * 3, np.uint8)


@pytest.mark.parametrize(
    ("image_format", "shape"),
    [
        (F.RGB_PLANAR, [3, 4, 6]),
        (F.BGR_PLANAR, [3, 4, 6]),
        (F.RGB_INTERLEAVE, [4, 6, 3]),
        (F.BGR_INTERLEAVE, [4, 6, 3]),
        (F.YUV_NV12, [6, 6]),
        (F.GRAY, [4, 6]),
    ],
    ids=str,
)
def test_create_image_takes_the_bytes_whatever_their_shape(
    image_format: vsx.ImageFormat, shape: list[int]
) -> None:
    data = BYTES[: np.prod(shape)]
    for given in (data, data.reshape(shape), data.reshape(1, -1), data.reshape(-1, 6)):
        image = vsx.create_image(given, image_format, 6, 4, 0)
        assert (image.width, image.height, image.format) == (6, 4, image_format)
        assert (image.widthpitch, image.heightpitch, image.shape) == (6, 4, shape)
        assert np.array_equal(vsx.as_numpy(image), data.reshape(shape))


def test_create_image_takes_all_call_forms(tmp_path: Path) -> None:
    path = tmp_path / "raw.yuv"
    BYTES[:36].tofile(path)
    images = [
        vsx.create_image(BYTES[:36], F.YUV_NV12, 6, 4, 0),
        vsx.create_image(array=BYTES[:36], format=F.YUV_NV12, width=6, height=4, device_id=0),
        vsx.create_image(rawdata_path=str(path), format=F.YUV_NV12, width=6, height=4, device_id=0),
        vsx.create_image(str(path), F.YUV_NV12, 6, 4, vsx.Context.CPU()),
        vsx.create_image(BYTES[:36], F.YUV_NV12, 6, 4, vsx.Context.CPU()),
    ]
    assert len({vsx.as_numpy(image).tobytes() for image in images}) == 1


def test_as_numpy_is_a_writable_copy() -> None:
    image = vsx.create_image(BYTES, F.RGB_INTERLEAVE, 6, 4, 0)
    array = vsx.as_numpy(image)
    array[:] = 0
    assert vsx.as_numpy(image).any()


def test_image_prints_its_format_and_can_be_cloned() -> None:
    image = vsx.create_image(BYTES, F.RGB_INTERLEAVE, 6, 4, 0)
    assert repr(image) == "Image(6x4, ImageFormat.RGB_INTERLEAVE)"
    clone = image.clone(3)
    assert clone.device_id == 3
    assert clone.size == 72
    assert clone.clone().device_id == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BYTES[:5], F.GRAY, 6, 4), "array: holds 5 bytes, GRAY of 6x4 has 24"),
        ((BYTES.astype(np.float32), F.GRAY, 6, 4), "uint8 array or a file's path, got float32"),
        ((None, F.GRAY, 6, 4), "uint8 array or a file's path, got NoneType"),
        ((BYTES, "GRAY", 6, 4), "image format is 'GRAY', expected one of: ImageFormat.YUV_NV12"),
        ((BYTES, F.GRAY, 0, 4), "image width is 0, expected a whole number from 1"),
        ((BYTES, F.GRAY, 6, 4.5), "image height is 4.5, expected a whole number from 1"),
        ((BYTES, F.YUV_NV12, 5, 4), "YUV_NV12 needs even sides, got 5x4"),
        (("missing.yuv", F.GRAY, 6, 4), "missing.yuv: cannot read raw image: No such file"),
    ],
    ids=["bytes", "dtype", "nothing", "format", "width", "height", "odd", "file"],
)
def test_create_image_explains_what_is_wrong(arguments: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        vsx.create_image(*arguments)


def test_picture_and_plain_array_leave_the_pitch_out() -> None:
    array = np.zeros((8 * 3 // 2, 64), np.uint8)
    array[:6, :5] = 200
    array[8:11, :6] = 100
    image = vsx.Image(array, F.YUV_NV12, 5, 6)
    assert (image.widthpitch, image.heightpitch) == (64, 8)
    assert image.shape == [12, 64]
    assert image.picture.size == (6, 5)
    plain = image.plain_array  # an odd column is left out
    assert plain.shape == (9, 4)
    assert (plain[:6] == 200).all()
    assert (plain[6:] == 100).all()


def test_write_picture_refuses_another_format() -> None:
    gray = Planes((np.zeros((2, 2), np.uint8),))
    with pytest.raises(DataError, match="the operator's result is not RGB_PLANAR"):
        write_picture(gray, F.RGB_PLANAR)
    with pytest.raises(DataError, match="the operator's result is not YUV_NV12"):
        write_picture(gray, F.YUV_NV12)


def test_context_and_device_ids_are_checked() -> None:
    assert vsx.set_device(0) == 0
    assert vsx.Context.CPU().dev_type is vsx.DeviceType.CPU
    assert vsx.Context.VACC(2).dev_id == 2
    with pytest.raises(vsx_error(), match="device id is -1, expected a whole number from 0"):
        vsx.set_device(-1)
    with pytest.raises(vsx_error(), match="device id is 'a'"):
        vsx.set_device("a")  # type: ignore[arg-type]


def test_device_id_minus_one_is_the_threads_device() -> None:
    image = vsx.create_image(np.zeros(12, np.uint8), F.RGB_PLANAR, 2, 2, -1)
    tensor = vsx.from_numpy(np.zeros(3, np.int32), -1)
    vsx.set_device(1)
    try:
        assert [image.device_id, tensor.device_id, tensor.clone(-1).device_id] == [0, 0, 1]
    finally:
        vsx.set_device(0)


def vsx_error() -> type[Exception]:
    from vackit.errors import DeviceError

    return DeviceError
