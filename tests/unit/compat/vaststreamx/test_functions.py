# SPDX-License-Identifier: Apache-2.0
"""The image functions, against OpenCV and by hand."""

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.compat import vaststreamx as vsx
from vackit.errors import DataError

F = vsx.ImageFormat
BILINEAR = vsx.ImageResizeType.BILINEAR_CV
BGR = np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)
BGR = cv2.resize(BGR, (16, 12), interpolation=cv2.INTER_AREA)


def bgr_image() -> vsx.Image:
    return vsx.create_image(BGR, F.BGR_INTERLEAVE, 16, 12, 0)


def nv12_image() -> vsx.Image:
    return vsx.cvtcolor(bgr_image(), F.YUV_NV12)


def expected(image_format: vsx.ImageFormat) -> NDArray[Any]:
    rgb = BGR[..., ::-1]
    return {
        F.RGB_PLANAR: rgb.transpose(2, 0, 1),
        F.BGR_PLANAR: BGR.transpose(2, 0, 1),
        F.RGB_INTERLEAVE: rgb,
        F.BGR_INTERLEAVE: BGR,
        F.GRAY: cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY),
    }[image_format]


@pytest.mark.parametrize("source", [F.RGB_PLANAR, F.BGR_PLANAR, F.RGB_INTERLEAVE], ids=str)
@pytest.mark.parametrize(
    "target", [F.RGB_PLANAR, F.BGR_PLANAR, F.RGB_INTERLEAVE, F.BGR_INTERLEAVE, F.GRAY], ids=str
)
def test_cvtcolor_moves_between_formats(source: vsx.ImageFormat, target: vsx.ImageFormat) -> None:
    image = vsx.cvtcolor(vsx.cvtcolor(bgr_image(), source), target)
    assert image.format is target
    assert np.array_equal(vsx.as_numpy(image), expected(target))


def test_cvtcolor_from_nv12_is_opencvs_for_bt601() -> None:
    nv12 = vsx.as_numpy(nv12_image())
    for target, code in ((F.RGB_INTERLEAVE, cv2.COLOR_YUV2RGB_NV12), (F.GRAY, None)):
        made = vsx.as_numpy(vsx.cvtcolor(nv12_image(), target))
        whole = nv12[:12] if code is None else cv2.cvtColor(nv12, code)
        assert np.array_equal(made, whole)


def test_cvtcolor_takes_the_color_space() -> None:
    spaces = vsx.ImageColorSpace
    a, b = (
        vsx.as_numpy(vsx.cvtcolor(nv12_image(), F.RGB_PLANAR, space))
        for space in (spaces.COLOR_SPACE_BT601, spaces.COLOR_SPACE_BT709)
    )
    assert not np.array_equal(a, b)
    assert np.array_equal(a, vsx.as_numpy(vsx.cvtcolor(nv12_image(), F.RGB_PLANAR)))


def test_cvtcolor_of_gray_gives_equal_channels_and_neutral_chroma() -> None:
    gray = vsx.cvtcolor(bgr_image(), F.GRAY)
    planes = vsx.as_numpy(vsx.cvtcolor(gray, F.BGR_PLANAR))
    assert np.array_equal(planes[0], planes[2])
    nv12 = vsx.as_numpy(vsx.cvtcolor(gray, F.YUV_NV12))
    assert np.array_equal(nv12[:12], vsx.as_numpy(gray))
    assert (nv12[12:] == 128).all()


def test_cvtcolor_of_odd_sides_keeps_the_size_and_pads_the_memory() -> None:
    odd = vsx.create_image(BGR[:11, :15].copy(), F.BGR_INTERLEAVE, 15, 11, 0)
    nv12 = vsx.cvtcolor(odd, F.YUV_NV12)
    assert (nv12.width, nv12.height, nv12.widthpitch, nv12.heightpitch) == (15, 11, 16, 12)
    back = vsx.cvtcolor(nv12, F.BGR_INTERLEAVE)
    assert back.shape == [11, 15, 3]


def test_resize_keeps_the_format() -> None:
    image = vsx.resize(bgr_image(), vsx.ImageResizeType.BILINEAR_CV, 8, 10)
    assert np.array_equal(vsx.as_numpy(image), cv2.resize(BGR, (8, 10)))
    image = vsx.resize(
        image=nv12_image(), resize_type=vsx.ImageResizeType.NEAREST, resize_width=8, resize_height=6
    )
    assert (image.format, image.width, image.height) == (F.YUV_NV12, 8, 6)


def test_crop_takes_any_four_numbers() -> None:
    boxes: list[Any] = [(2, 4, 5, 6), [2, 4, 5, 6], np.array([2, 4, 5, 6])]
    for box in boxes:
        assert np.array_equal(vsx.as_numpy(vsx.crop(bgr_image(), box)), BGR[4:10, 2:7])


def test_resize_copy_make_border_fills_the_whole_size() -> None:
    image = vsx.resize_copy_make_border(
        image=bgr_image(), resize_type=BILINEAR, resize_width=20, resize_height=18,
        padding_type=vsx.ImagePaddingType.PADDING_TYPE_CONSTANT, padding_values=[1, 2, 3],
        padding_edges=(2, 4, 1, 3),
    )  # fmt: skip
    inside = cv2.resize(BGR, (16, 12))
    whole = cv2.copyMakeBorder(inside, 2, 4, 1, 3, cv2.BORDER_CONSTANT, value=(1, 2, 3))
    assert np.array_equal(vsx.as_numpy(image), whole)


def test_resize_copy_make_border_takes_nv12() -> None:
    image = vsx.resize_copy_make_border(
        nv12_image(), BILINEAR, 20, 16, vsx.ImagePaddingType.PADDING_TYPE_CONSTANT, (9, 8, 7),
        padding_edges=(2, 2, 2, 2),
    )  # fmt: skip
    array = vsx.as_numpy(image)
    assert array.shape == (24, 20)
    assert (array[:2] == 9).all()
    assert array[16].tolist() == [8, 7] * 10
    assert np.array_equal(array[2:14, 2:18], vsx.as_numpy(nv12_image())[:12])


def test_resize_copy_make_border_takes_odd_edges_of_nv12() -> None:
    image = vsx.resize_copy_make_border(
        nv12_image(), BILINEAR, 20, 15, padding_values=(9, 8, 7), padding_edges=(1, 2, 3, 1)
    )
    assert (image.width, image.height) == (20, 15)
    array = vsx.as_numpy(image)
    assert np.array_equal(array[1:13, 3:19], vsx.as_numpy(nv12_image())[:12])
    # chroma lies as much further up and left as rounding down takes it
    assert np.array_equal(array[16:22, 2:18], vsx.as_numpy(nv12_image())[12:])
    assert array[22:24].tolist() == [[8, 7] * 10] * 2


def test_warpaffine_moves_chroma_of_nv12_half_as_far() -> None:
    array = vsx.as_numpy(nv12_image())
    moved = vsx.as_numpy(vsx.warpaffine(nv12_image(), [[1, 0, 4], [0, 1, 2]], value=(9, 8, 7)))
    assert np.array_equal(moved[2:12, 4:], array[:10, :12])
    assert np.array_equal(moved[13:, 4:], array[12:17, :12])
    assert (moved[:2] == 9).all()
    assert moved[12].tolist() == [8, 7] * 8


def test_warpaffine_is_opencvs() -> None:
    matrix = [[1.0, 0.2, 2.5], [-0.1, 0.9, 1.0]]
    image = vsx.warpaffine(
        bgr_image(), matrix=matrix, mode=vsx.ImageWarpAffineMode.WARP_AFFINE_MODE_NEAREST,
        border_mode=vsx.ImagePaddingType.PADDING_TYPE_CONSTANT, value=(3, 4, 5),
    )  # fmt: skip
    whole = cv2.warpAffine(
        BGR, np.array(matrix), (16, 12), flags=cv2.INTER_NEAREST, borderValue=(3, 4, 5)
    )
    assert np.array_equal(vsx.as_numpy(image), whole)
    again = vsx.warpaffine(bgr_image(), matrix, 0, border_value=(3, 4, 5))  # type: ignore[arg-type]
    assert np.array_equal(vsx.as_numpy(again), whole)


def test_yuvflip_turns_luma_and_chroma() -> None:
    array = vsx.as_numpy(nv12_image())
    flip = vsx.ImageFlipType
    down = vsx.as_numpy(vsx.yuvflip(nv12_image(), flip.FLIP_TYPE_X_AXIS))
    assert np.array_equal(down, np.concatenate([array[11::-1], array[:11:-1]]))
    side = vsx.as_numpy(vsx.yuvflip(nv12_image(), flip.FLIP_TYPE_Y_AXIS))
    assert np.array_equal(side[:12], array[:12, ::-1])
    chroma = array[12:].reshape(6, 8, 2)[:, ::-1].reshape(6, 16)
    assert np.array_equal(side[12:], chroma)


def test_scale_and_batch_crop_resize_give_lists_in_order() -> None:
    images = vsx.scale(nv12_image(), BILINEAR, [(8, 6), (32, 24)])
    assert [(one.width, one.height) for one in images] == [(8, 6), (32, 24)]
    images = vsx.batch_crop_resize(
        bgr_image(), [[0, 0, 8, 8], [4, 2, 6, 10]], BILINEAR, resize_width=4, resize_height=6
    )
    assert np.array_equal(vsx.as_numpy(images[1]), cv2.resize(BGR[2:12, 4:10], (4, 6)))
    assert len(images) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vsx.crop(bgr_image(), (10, 0, 8, 8)),
         "crop of 8x8 at (10, 0) reaches out of the image of 16x12"),
        (lambda: vsx.crop(bgr_image(), (1, 2, 3)), "is (1, 2, 3), expected 4 whole numbers"),
        (lambda: vsx.crop(bgr_image(), [1, 2, 3, "x"]), "expected 4 whole"),  # type: ignore[list-item]
        (lambda: vsx.yuvflip(bgr_image(), vsx.ImageFlipType.FLIP_TYPE_X_AXIS),
         "yuvflip takes YUV_NV12, got BGR_INTERLEAVE"),
        (lambda: vsx.scale(bgr_image(), BILINEAR, [(2, 2)]), "scale takes YUV_NV12"),
        (lambda: vsx.resize(np.zeros(3), BILINEAR, 4, 4), "takes an Image, got ndarray"),  # type: ignore[arg-type]
        (lambda: vsx.resize(bgr_image(), BILINEAR, 0, 4), "expected sides of at least 1"),
        (lambda: vsx.resize_copy_make_border(bgr_image(), BILINEAR, 8, 8,
                                             padding_edges=(4, 4, 0, 0)),
         "edges (top, bottom, left, right) = (4, 4, 0, 0) leave nothing of 8x8"),
        (lambda: vsx.resize_copy_make_border(bgr_image(), BILINEAR, 8, 8, padding_values=(256,)),
         "padding values are [256], expected numbers of 0 to 255"),
        (lambda: vsx.resize_copy_make_border(bgr_image(), BILINEAR, 8, 8, padding_values=(1, 2)),
         "2 padding values for an image of 3 channels"),
        (lambda: vsx.warpaffine(bgr_image(), [[1, 0], [0, 1]]), "expected 2 x 3 numbers"),
    ],
    ids=["outside", "three", "fraction", "flip", "scale", "no image", "zero", "edges",
         "value", "values", "matrix"],
)  # fmt: skip
def test_functions_explain_what_is_wrong(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        call()
