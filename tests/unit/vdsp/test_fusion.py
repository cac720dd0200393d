# SPDX-License-Identifier: Apache-2.0
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vackit.config.vdsp_types import VdspParams
from vackit.vdsp.fusion import FUSION_OP_TYPES, FusionOperator

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 60, 90), dtype=np.uint8)
PACKED = np.ascontiguousarray(IMAGE.transpose(1, 2, 0))
NV12 = np.random.default_rng(1).integers(0, 256, (90, 90), dtype=np.uint8)
MEAN, STD = (0.485107421875, 0.4560546875, 0.406005859375), (0.22900390625, 0.2239990234375, 0.225)


def rgb(name: str, **fields: Any) -> VdspParams:
    return VdspParams(f"FUSION_OP_RGB_{name}_NORM_TENSOR", **fields)


def nv12(name: str, **fields: Any) -> VdspParams:
    fields = {"color_cvt_code": "YUV2RGB_NV12"} | fields
    return VdspParams(f"FUSION_OP_YUV_NV12_{name}_NORM_TENSOR", image_format="YUV_NV12", **fields)


EXT = VdspParams(
    "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT",
    output_size=(48, 320),
    resize_size=(48, 192),
    edges=(0, 0, 0, 128),
    padding=(127, 127, 127),
)
SIZES: dict[str, Any] = {"output_size": (24, 32), "resize_size": (40, 50), "crop_xy": (9, 5)}
CROP = rgb("RESIZE_CVTCOLOR_CROP", **SIZES)


def resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (width, height)), np.uint8)


def chw(image: NDArray[np.uint8]) -> NDArray[np.float16]:
    return image.transpose(2, 0, 1).astype(np.float16)


def decoded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2RGB_NV12), np.uint8)


def nv12_resized(height: int, width: int) -> NDArray[np.uint8]:
    chroma = resized(NV12[60:].reshape(30, 45, 2), height // 2, width // 2)
    return np.concatenate([resized(NV12[:60], height, width), chroma.reshape(-1, width)])


def bordered(image: NDArray[np.uint8], edges: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(114, 114, 114)), np.uint8
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (CROP, resized(PACKED, 40, 50)[5:29, 9:41]),
        (rgb("RESIZE_CVTCOLOR", output_size=(24, 32)), resized(PACKED, 24, 32)),
        (
            rgb("CROP_RESIZE_CVTCOLOR", output_size=(24, 32), crop_xy=(7, 3), crop_size=(50, 40)),
            resized(np.ascontiguousarray(PACKED[3:53, 7:47]), 24, 32),
        ),
        (rgb("CVTCOLOR", output_size=(60, 90)), PACKED),
        # 90x60 into 64x64: 64x43, 10 rows above and 11 below
        (
            rgb("LETTERBOX_CVTCOLOR", output_size=(64, 64)),
            bordered(resized(PACKED, 43, 64), (10, 11, 0, 0)),
        ),
        (
            replace(EXT, padding=(114,)),
            bordered(resized(PACKED, 48, 192), (0, 0, 0, 128)),
        ),
    ],
    ids=["resize-crop", "resize", "crop-resize", "color", "letterbox", "letterbox-ext"],
)
def test_fusion_rgb_runs_the_steps_of_its_name(
    params: VdspParams, expected: NDArray[np.uint8]
) -> None:
    operator = FusionOperator(params)
    result = operator(IMAGE)
    assert result.shape == operator.output_shape
    assert result.dtype == np.float16
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, chw(expected))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            nv12("RESIZE_2RGB", output_size=(24, 32), color_cvt_code="NO_CHANGE"),
            decoded(nv12_resized(24, 32)),
        ),
        (nv12("CVTCOLOR_RESIZE", output_size=(24, 32)), resized(decoded(NV12), 24, 32)),
        (
            nv12("RESIZE_CVTCOLOR_CROP", **SIZES),
            decoded(nv12_resized(40, 50))[5:29, 9:41],
        ),
        (
            nv12("CROP_CVTCOLOR_RESIZE", output_size=(24, 32), crop_xy=(8, 4), crop_size=(50, 40)),
            resized(np.ascontiguousarray(decoded(NV12)[4:54, 8:48]), 24, 32),
        ),
        (
            nv12("CVTCOLOR_RESIZE_CROP", **SIZES),
            resized(decoded(NV12), 40, 50)[5:29, 9:41],
        ),
        (
            nv12("CVTCOLOR_LETTERBOX", output_size=(64, 64)),
            bordered(resized(decoded(NV12), 43, 64), (10, 11, 0, 0)),
        ),
        (
            nv12("LETTERBOX_2RGB", output_size=(60, 60), color_cvt_code="NO_CHANGE"),
            bordered(decoded(nv12_resized(40, 60)), (10, 10, 0, 0)),
        ),
    ],
    ids=[
        "resize-2rgb", "color-resize", "resize-color-crop", "crop-color-resize",
        "color-resize-crop", "color-letterbox", "letterbox-2rgb",
    ],
)  # fmt: skip
def test_fusion_nv12_runs_the_steps_of_its_name(
    params: VdspParams, expected: NDArray[np.uint8]
) -> None:
    np.testing.assert_array_equal(FusionOperator(params)(NV12), chw(expected))


def test_fusion_knows_six_rgb_and_seven_nv12_operators() -> None:
    assert sum("NV12" in name for name in FUSION_OP_TYPES) == 7
    assert len(FUSION_OP_TYPES) == 13
    assert "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT" in FUSION_OP_TYPES


def test_fusion_nv12_gives_bgr_gray_and_bt709() -> None:
    params = nv12("CVTCOLOR_RESIZE", output_size=(60, 90))
    plain = FusionOperator(params)(NV12)
    bgr = FusionOperator(replace(params, color_cvt_code="YUV2BGR_NV12"))(NV12)
    np.testing.assert_array_equal(bgr, plain[::-1])
    gray = FusionOperator(replace(params, color_cvt_code="YUV2GRAY_NV12"))
    assert gray.output_shape == (1, 60, 90)
    np.testing.assert_array_equal(gray(NV12)[0], NV12[:60])
    assert not np.array_equal(FusionOperator(replace(params, color_space="BT709"))(NV12), plain)


@pytest.mark.parametrize("image_format", ["RGB888", "BGR888", "RGB_PLANAR", "BGR_PLANAR"])
def test_fusion_color_code_swaps_in_every_format(image_format: str) -> None:
    image = PACKED if image_format.endswith("888") else IMAGE
    params = rgb("CVTCOLOR", output_size=(60, 90), image_format=image_format)
    for code in ("BGR2RGB", "RGB2BGR"):
        swapped = FusionOperator(replace(params, color_cvt_code=code))(image)
        np.testing.assert_array_equal(swapped, IMAGE[::-1])
    np.testing.assert_array_equal(FusionOperator(params)(image), IMAGE)


def test_fusion_pads_before_the_color_code_in_rgb_operators() -> None:
    params = rgb("LETTERBOX_CVTCOLOR", output_size=(64, 64), padding=(1, 2, 3))
    swapped = FusionOperator(replace(params, color_cvt_code="RGB2BGR"))(IMAGE)
    assert swapped[:, 0, 0].tolist() == [3, 2, 1]


def test_fusion_normalizes_after_the_color_code() -> None:
    params = replace(
        CROP, norma_type="DIV255_MINUSMEAN_DIVSTD", mean=MEAN, std=STD, color_cvt_code="RGB2BGR"
    )
    bgr = resized(PACKED, 40, 50)[5:29, 9:41, ::-1].astype(np.float32)
    mean, std = (np.array(values, np.float16).astype(np.float32) for values in (MEAN, STD))
    expected = ((bgr / np.float32(255) - mean) / std).transpose(2, 0, 1).astype(np.float16)
    np.testing.assert_array_equal(FusionOperator(params)(IMAGE), expected)
    wide = FusionOperator(params, dtype="float32")(IMAGE)
    assert wide.dtype == np.float32
    np.testing.assert_array_equal(wide, expected.astype(np.float32))


def test_fusion_takes_gray_images() -> None:
    params = replace(CROP, image_format="GRAY", norma_type="DIV255")
    operator = FusionOperator(params)
    assert operator.output_shape == (1, 24, 32)
    assert operator(IMAGE[0]).shape == (1, 24, 32)


def test_fusion_short_edge_keeps_the_aspect_and_crops_the_middle() -> None:
    params = rgb("RESIZE_CVTCOLOR_CROP", short_edge=40, output_size=(32, 32), generation="A")
    expected = resized(PACKED, 40, 60)[4:36, 14:46]
    np.testing.assert_array_equal(FusionOperator(params)(IMAGE), chw(expected))


def test_fusion_takes_missing_sizes_from_the_model() -> None:
    params = rgb("CROP_RESIZE_CVTCOLOR", crop_xy=(7, 3))
    operator = FusionOperator(params, (24, 32))
    assert operator.output_shape == (3, 24, 32)
    np.testing.assert_array_equal(operator(IMAGE), IMAGE[:, 3:27, 7:39])


@pytest.mark.parametrize(
    "image",
    [IMAGE[:, ::-1, ::-1], np.asfortranarray(IMAGE), IMAGE[:, 10:50, 20:70]],
    ids=["flipped", "fortran", "part"],
)
def test_fusion_takes_any_strides(image: NDArray[np.uint8]) -> None:
    image.setflags(write=False)
    operator = FusionOperator(CROP)
    np.testing.assert_array_equal(operator(image), operator(np.ascontiguousarray(image)))


def test_fusion_takes_an_image_of_one_pixel() -> None:
    pixel = np.array([1, 2, 3], np.uint8).reshape(3, 1, 1)
    for params in (CROP, rgb("LETTERBOX_CVTCOLOR", output_size=(5, 5))):
        result = FusionOperator(params)(pixel)
        assert (result == np.array([1, 2, 3]).reshape(3, 1, 1)).all()


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 80)] * 4))
def test_fusion_letterbox_fills_the_output_whatever_the_image(
    sides: tuple[int, int, int, int],
) -> None:
    height, width, out_height, out_width = sides
    params = rgb("LETTERBOX_CVTCOLOR", output_size=(out_height, out_width), padding=(0,))
    result = FusionOperator(params)(np.full((3, height, width), 255, np.uint8))
    assert result.shape == (3, out_height, out_width)
    rows, columns = np.nonzero(result[0])
    # the picture touches two opposite sides, and lies in the middle within a pixel
    assert len(set(rows)) == out_height or len(set(columns)) == out_width
    assert -1 <= rows.min() - (out_height - 1 - rows.max()) <= 0
    assert -1 <= columns.min() - (out_width - 1 - columns.max()) <= 0


def test_fusion_crop_resize_ext_replaces_the_params() -> None:
    result = FusionOperator(replace(CROP, resize_size=None, crop_xy=None))(
        IMAGE, crop_resize_ext=(3, 2, 60, 30)
    )
    np.testing.assert_array_equal(result, chw(resized(PACKED, 30, 60)[2:26, 3:35]))


def test_fusion_rgb_letterbox_ext_replaces_the_params() -> None:
    result = FusionOperator(EXT)(IMAGE, rgb_letterbox_ext=(100, 40, 8, 0, 0, 220))
    np.testing.assert_array_equal(result[:, 8:, :100], chw(resized(PACKED, 40, 100)))
    assert (result[:, :8] == 127).all()
    assert (result[:, :, 100:] == 127).all()


def test_fusion_gives_the_same_from_many_threads() -> None:
    operator = FusionOperator(replace(CROP, resize_type="BICUBIC_PILLOW"))
    expected = operator(IMAGE)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(operator, [IMAGE] * 40):
            np.testing.assert_array_equal(result, expected)
