# SPDX-License-Identifier: Apache-2.0
"""Custom operators, called as published programs call them."""

import ctypes
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.custom_ops import registry
from vackit.errors import DataError, StreamError
from vackit.vdsp.layout884 import tile_activation, untile_matrix

F, T = vsx.ImageFormat, vsx.TypeFlag
Array = NDArray[Any]
RNG = np.random.default_rng(4)


def half_bits(*values: float) -> list[int]:
    return [int(np.float16(value).view(np.uint16)) for value in values]


class NormalizeConfig(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("width", "height", "in_w_pitch", "in_h_pitch",
                                               "out_w_pitch", "out_h_pitch", "ch_num")),
        ("norma_type", ctypes.c_int32),
        ("mean", ctypes.c_uint16 * 4),
        ("std", ctypes.c_uint16 * 4),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        (0, lambda x: x),
        (1, lambda x: (x - 0.5) / 0.25),
        (2, lambda x: (x / 255 - 0.5) / 0.25),
        (3, lambda x: x / 127.5 - 1),
        (4, lambda x: x / 255),
    ],
    ids=["equal", "mean", "div255 mean", "div127.5", "div255"],
)
def test_normalize_makes_half_floats(kind: int, formula: Callable[[Any], Any]) -> None:
    pixels = RNG.integers(0, 256, (3, 6, 8), np.uint8)
    image = vsx.create_image(pixels, F.RGB_PLANAR, 8, 6, 0)
    halves = ctypes.c_uint16 * 4
    config = NormalizeConfig(8, 6, 8, 6, 8, 6, 3, kind, halves(*half_bits(0.5, 0.5, 0.5, 0)),
                             halves(*half_bits(0.25, 0.25, 0.25, 0)))  # fmt: skip
    op = vsx.CustomOperator(op_name="opf_normalize", elf_file_path="normalize")
    (made,) = op.run_sync(
        tensors=[image], config=bytes(config), output_info=[((3, 6, 8), T.FLOAT16)]
    )
    # the formula in float32, rounded to float16
    expected = formula(pixels.astype(np.float32)).astype(np.float16)
    assert np.array_equal(vsx.as_numpy(made), expected)
    old = vsx.CustomOperator("opf_normalize", "normalize")
    old.set_config(config_bytes=bytes(config), config_size=ctypes.sizeof(config))
    old.set_callback_info([(1, 6, 8)] * 3, [(1, 6, 8)] * 3)
    (again,) = old.execute(tensors=[image], output_info=[((3, 6, 8), T.FLOAT16)])
    assert np.array_equal(vsx.as_numpy(again), expected)


def test_normalize_heeds_the_pitches_of_input_and_output() -> None:
    pixels = RNG.integers(0, 256, (3, 8, 12), np.uint8)
    inside = (pixels[:, :6, :10] / np.float32(255)).astype(np.float16)
    op = vsx.CustomOperator("opf_normalize", "elf")
    config = bytes(NormalizeConfig(10, 6, 12, 8, 16, 7, 3, 4))
    for given in (vsx.from_numpy(pixels), vsx.create_image(pixels, F.RGB_PLANAR, 12, 8)):
        (plain,) = op.run_sync([given], config=config, output_info=[((3, 6, 10), T.FLOAT16)])
        assert np.array_equal(vsx.as_numpy(plain), inside)
        (wide,) = op.run_sync([given], config=config, output_info=[((3, 7, 16), T.FLOAT16)])
        assert np.array_equal(vsx.as_numpy(wide), np.pad(inside, ((0, 0), (0, 1), (0, 6))))


def test_a_config_may_be_given_as_structure_pointer_or_address() -> None:
    pixels = RNG.integers(0, 256, (1, 4, 8), np.uint8)
    config = NormalizeConfig(8, 4, 8, 4, 8, 4, 1, 4)
    size = ctypes.sizeof(config)
    forms: list[Any] = [
        config, ctypes.pointer(config), ctypes.addressof(config), bytearray(bytes(config)),
        ctypes.cast(ctypes.pointer(config), ctypes.c_void_p), memoryview(bytes(config)),
    ]  # fmt: skip
    for form in forms:
        op = vsx.CustomOperator("opf_normalize", "elf")
        op.set_config(form, size)
        (made,) = op.execute([vsx.from_numpy(pixels)], [((1, 4, 8), T.FLOAT16)])
        assert np.array_equal(vsx.as_numpy(made), (pixels / np.float32(255)).astype(np.float16))
    for broken in (None, "text", ctypes.pointer(config)):
        with pytest.raises(StreamError, match="a config is bytes, got"):
            vsx.CustomOperator("opf_normalize", "elf").set_config(broken)
    with pytest.raises(StreamError, match="a config is bytes, got a null pointer"):
        vsx.CustomOperator("opf_normalize", "elf").set_config(ctypes.c_void_p(), 8)


def test_space_to_depth_makes_a_tiled_matrix_of_patches() -> None:
    chw = RNG.standard_normal((3, 33, 48)).astype(np.float16)
    dims = [3, 33, 48, 0]
    config = struct.pack("<23I", 3, *dims, *dims, 0, 0, 16, 16, 2, 6, 768, 0, 0, 16, 768, 0, 0, 0)
    op = vsx.CustomOperator("opf_space_to_depth_out_matrix", "elf")
    info = [((1, 48, 256), T.FLOAT16)]
    (made,) = op.run_sync(tensors=[vsx.from_numpy(chw)], config=config, output_info=info)
    patches = np.stack(
        [chw[:, r : r + 16, c : c + 16].reshape(-1) for r in (0, 16) for c in (0, 16, 32)]
    )
    assert np.array_equal(untile_matrix(vsx.as_numpy(made), (16, 768))[:6], patches)
    assert np.array_equal(made.plain[0], patches)
    assert np.array_equal(made.plain[1], chw)


def test_tensor2image_makes_pixels() -> None:
    values = RNG.uniform(-0.2, 1.2, (1, 3, 4, 6)).astype(np.float16)
    config = struct.pack("<IIififf", 6, 12, 0, 0.0, 255, 0.5, 0.25)
    op = vsx.CustomOperator("custom_op_tensor2image", "elf")
    x = values.astype(np.float32)
    expected = np.clip(np.floor((x * 0.5 + 0.25) * 255 + 0.5), 0, 255).astype(np.uint8)
    (tensor,) = op.run_sync([vsx.from_numpy(values)], None or (), config, [((12, 6), T.UINT8)])
    assert np.array_equal(vsx.as_numpy(tensor), expected.reshape(12, 6))
    (image,) = op.run_sync(
        tensors=[vsx.from_numpy(values)], config=config, output_info=[([6, 4], F.RGB_PLANAR)]
    )
    assert isinstance(image, vsx.Image)
    assert np.array_equal(vsx.as_numpy(image), expected[0])


def test_find_contours_packs_opencvs() -> None:
    probability = np.zeros((24, 32), np.float16)
    probability[2:8, 3:9] = 0.9
    probability[12:20, 14:30] = 0.8
    probability[0, 31] = 0.2
    info = [((24 * 32 * 2,), T.INT16), ((10, 5), T.UINT32), ((1,), T.UINT32), ((64,), T.UINT8)]
    points, table, count, _ = vsx.CustomOperator("find_contours", "elf").run_sync(
        tensors=[vsx.from_numpy(probability)], config=struct.pack("<3if", 32, 24, 32, 0.3),
        output_info=info,
    )  # fmt: skip
    found, _ = cv2.findContours(
        (probability > 0.3).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
    )
    number = vsx.as_numpy(count)[0]
    assert number == len(found) == 2
    start = 0
    for contour, row in zip(found, vsx.as_numpy(table)[:number], strict=True):
        size = int(row[4]) * 2
        assert vsx.as_numpy(points)[start : start + size].tolist() == contour.reshape(-1).tolist()
        start += size


@pytest.mark.parametrize("table", [(3, 5), (1, 3, 5), (15,)], ids=str)
def test_find_contours_leaves_out_what_has_no_room(table: tuple[int, ...]) -> None:
    dots = np.zeros((9, 9), np.float16)
    dots[::2, ::2] = 1
    op = vsx.CustomOperator("find_contours", "elf")
    info = [((162,), T.INT16), (table, T.UINT32), ((1,), T.UINT32), ((1,), T.UINT8)]
    config = struct.pack("<3if", 9, 9, 9, 0.5)
    made = [vsx.as_numpy(one) for one in op.run_sync([vsx.from_numpy(dots)], (), config, info)]
    assert made[1].shape == table
    assert made[2] == [3]
    assert vsx.as_numpy(op.run_sync([vsx.from_numpy(dots)], (), config)[2]) == [25]


@pytest.mark.parametrize("padding", ["4x", ""], ids=["aligned", "packed"])
def test_planar_argmax_takes_tensors_or_addresses(padding: str) -> None:
    scores = RNG.standard_normal((5, 4, 6)).astype(np.float16)
    given, out = vsx.from_numpy(scores), vsx.from_numpy(np.zeros((1, 1, 4, 6), np.uint16))
    layout = f"<Q5i{padding}Q5i{padding}"
    config = struct.pack(layout, given.addr, 5, 4, 6, 4, 6, out.addr, 1, 4, 6, 4, 6)
    op = vsx.CustomOperator("planar_argmax_op", "elf")
    expected = scores.argmax(axis=0)
    info = [((1, 1, 4, 6), T.UINT16)]
    (made,) = op.run_sync(tensors=[given], config=config, output_info=info)
    assert vsx.as_numpy(made).dtype == np.uint16
    assert np.array_equal(vsx.as_numpy(made)[0, 0], expected)
    op.run_sync(config=config)
    assert np.array_equal(vsx.as_numpy(out)[0, 0], expected)


def brightened(array: Array, size: tuple[int, int], *config: float) -> Array:
    image = vsx.create_image(array, F.YUV_NV12, *size, 0)
    op = vsx.CustomOperator("img_brightness_adjust", "elf")
    packed = struct.pack("<8if", *config)
    (made,) = op.run_sync(images=[image], config=packed, output_info=[([*size], F.YUV_NV12)])
    return np.asarray(vsx.as_numpy(made))


def test_brightness_scales_the_luma() -> None:
    array = RNG.integers(0, 256, (9, 8), np.uint8)
    result = brightened(array, (8, 6), 6, 8, 6, 8, 6, 8, 6, 8, 1.5)
    expected = np.clip(np.rint(array[:6] * np.float32(1.5)), 0, 255)
    assert np.array_equal(result[:6], expected)
    assert np.array_equal(result[6:], array[6:])


def test_brightness_takes_an_image_as_large_as_its_pitches() -> None:
    array = RNG.integers(0, 256, (12, 16), np.uint8)
    result = brightened(array, (16, 8), 6, 10, 8, 16, 6, 10, 8, 16, 2.0)
    assert np.array_equal(result[:6, :10], np.minimum(array[:6, :10] * 2.0, 255))
    assert np.array_equal(result[8:], array[8:])


@pytest.mark.parametrize("layout", [0, 1], ids=["chw", "hwc"])
def test_tensorize_makes_tiles(layout: int) -> None:
    chw = RNG.standard_normal((3, 8, 16)).astype(np.float16)
    given = chw if layout == 0 else np.ascontiguousarray(chw.transpose(1, 2, 0))
    config = struct.pack("<8I", *given.shape, *given.shape, 2, layout)
    op = vsx.CustomOperator("tensorize_op", "elf")
    (made,) = op.run_sync([vsx.from_numpy(given)], (), config, [((1, 2, 1, 1, 256), T.FLOAT16)])
    assert np.array_equal(vsx.as_numpy(made), tile_activation(chw))
    assert np.array_equal(made.plain[0], chw)


@pytest.fixture
def _registered() -> Iterator[None]:
    @registry.register("my_op")
    def my_op(call: registry.Call) -> list[Any]:
        (factor,) = call.unpack("<f")
        return [call.array(0) * factor]

    yield
    del registry._added["my_op"]


@pytest.mark.usefixtures("_registered")
def test_a_user_adds_operators_by_name() -> None:
    op = vsx.CustomOperator("my_op")
    (made,) = op.run_sync([vsx.from_numpy(np.ones(3, np.float32))], config=struct.pack("<f", 3))
    assert vsx.as_numpy(made).tolist() == [3, 3, 3]
    with pytest.raises(StreamError, match="a custom operator 'my_op' is registered already"):
        registry.register("my_op")(lambda call: [])
    with pytest.raises(StreamError, match="my_op takes a config of 4 bytes, got 2"):
        op.run_sync([vsx.from_numpy([1])], config=b"12")
    with pytest.raises(StreamError, match=r"my_op needs 1 inputs, got 0\n  hint: pass them as"):
        op.run_sync(config=b"1234")
    with pytest.raises(StreamError, match="my_op makes 1 outputs, output info describes 2"):
        op.run_sync([vsx.from_numpy([1])], (), b"1234", [((1,), T.UINT8)] * 2)
    with pytest.raises(StreamError, match=r"my_op makes \(1,\), output info says \(5,\)"):
        op.run_sync([vsx.from_numpy([1])], (), b"1234", [((5,), T.FLOAT32)])
    with pytest.raises(StreamError, match=r"output info is 7, expected \(shape, TypeFlag\) or"):
        op.run_sync([vsx.from_numpy([1])], (), b"1234", [7])
    with pytest.raises(StreamError, match="a config is bytes, got int"):
        op.run_sync(config=3)


def test_unknown_operators_say_what_it_would_take() -> None:
    with pytest.raises(StreamError, match=r"no custom operator 'opf_normalise'; there are: custom"):
        vsx.CustomOperator("opf_normalise", "elf")
    with pytest.raises(StreamError, match="hint: did you mean 'opf_normalize'"):
        vsx.CustomOperator("opf_normalise", "elf")
    with pytest.raises(StreamError, match="hint: register a function for it in a file, and pass"):
        vsx.CustomOperator("zzz", "elf")
    with pytest.raises(StreamError, match="'norma_tensor_3ch_op' has no stand-in: not public is"):
        vsx.CustomOperator("norma_tensor_3ch_op", "elf")


ONE = vsx.from_numpy(np.zeros((2, 2), np.float16))
HALF = vsx.from_numpy(np.zeros(4, np.uint8))


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("opf_normalize", struct.pack("<7Ii8H", 2, 2, 2, 2, 2, 2, 1, 9, *[0] * 8),
         "norma_type 9 and 1 channels, expected a type of 0 to 4"),
        ("opf_normalize", struct.pack("<7Ii8H", 2, 2, 2, 2, 2, 2, 1, 0, *[0] * 8),
         "config says 1 planes of 2x2, got float16 (2, 2)"),
        ("opf_space_to_depth_out_matrix", struct.pack("<23I", 3, *[2] * 22),
         "config says shape (2, 2, 2) and patches of 2x2, got a tensor of (2, 2)"),
        ("custom_op_tensor2image", struct.pack("<IIififf", 2, 2, 1, 0, 1, 1, 0),
         "type 1, expected 0 (float16 to uint8)"),
        ("find_contours", struct.pack("<3if", 3, 3, 3, 0.5),
         "config says a map of 3x3, got (2, 2)"),
        ("planar_argmax_op", struct.pack("<Q5i4xQ5i4x", 0, 0, 2, 2, 2, 2, 0, 1, 2, 2, 2, 2),
         "config says a shape of (0, 2, 2)"),
        ("planar_argmax_op", struct.pack("<Q5i4xQ5i4x", 0, 3, 2, 2, 2, 2, 0, 1, 2, 2, 2, 2),
         "config says (3, 2, 2), got a tensor of (2, 2)"),
        ("img_brightness_adjust", struct.pack("<8if", 2, 2, 2, 2, 2, 2, 2, 2, 1),
         "config says an NV12 image of 2x2, got float16 (2, 2)"),
        ("tensorize_op", struct.pack("<8I", 1, 2, 2, 1, 2, 2, 2, 5),
         "config says shape (1, 2, 2) in format 5"),
    ],
    ids=["type", "planes", "patches", "kind", "map", "channels", "argmax", "nv12", "format"],
)  # fmt: skip
def test_operators_check_their_config(name: str, config: bytes, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        vsx.CustomOperator(name, "elf").run_sync([ONE], config=config)
