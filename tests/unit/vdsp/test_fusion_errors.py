# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.config.vdsp_types import VdspParams
from vackit.errors import DataError
from vackit.vdsp.fusion import FusionOperator

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 60, 90), dtype=np.uint8)
PACKED = np.ascontiguousarray(IMAGE.transpose(1, 2, 0))


def rgb(name: str, **fields: Any) -> VdspParams:
    return VdspParams(f"FUSION_OP_RGB_{name}_NORM_TENSOR", **fields)


def nv12(name: str, **fields: Any) -> VdspParams:
    fields = {"color_cvt_code": "YUV2RGB_NV12"} | fields
    return VdspParams(f"FUSION_OP_YUV_NV12_{name}_NORM_TENSOR", image_format="YUV_NV12", **fields)


CROP = rgb("RESIZE_CVTCOLOR_CROP", output_size=(24, 32), resize_size=(40, 50), crop_xy=(9, 5))
EXT = VdspParams(
    "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT",
    output_size=(48, 320),
    resize_size=(48, 192),
    edges=(0, 0, 0, 128),
    padding=(127, 127, 127),
)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (VdspParams("BERT_EMBEDDING_OP"), "BERT_EMBEDDING_OP is not an image operator; there are"),
        (rgb("RESIZE_CVTCOLOR"), "output size is not given, and there is no model"),
        (replace(CROP, output_size=(0, 5)), "output size is 5x0, expected at least 1x1"),
        (replace(CROP, image_format="YUV_NV12"), "IimageFormat is YUV_NV12, .* an RGB format"),
        (replace(CROP, image_format="RGBA"), "IimageFormat is 'RGBA', expected one of: RGB_PLANAR"),
        (
            replace(nv12("RESIZE_2RGB"), image_format="RGB888"),
            "IimageFormat is RGB888, .*RESIZE_2RGB_NORM_TENSOR expected YUV_NV12",
        ),
        (
            nv12("CVTCOLOR_RESIZE", color_cvt_code="NO_CHANGE"),
            "NO_CHANGE, a YUV_NV12 image needs one of: YUV2RGB_NV12(.|\n)*hint: set ColorCvtCode",
        ),
        (replace(CROP, color_cvt_code="YUV2RGB_NV12"), "is YUV2RGB_NV12, an RGB image needs"),
        (
            replace(CROP, color_cvt_code="RGB2YUV_NV12_PLANAR"),
            "RGB2YUV_NV12_PLANAR, an RGB image needs",
        ),
        (replace(EXT, padding=(1, 2)), r"Padding is \[1, 2\], expected 1 or 3 values of 0 to 255"),
        (replace(EXT, padding=(256,)), r"Padding is \[256\]"),
        (
            replace(CROP, norma_type="MINUSMEAN_DIVSTD", std=(1, 0, 1)),
            "with mean 0 and std 0 gives values beyond float16",
        ),
    ],
    ids=[
        "bert", "no-size", "zero", "nv12-for-rgb", "unknown-format", "rgb-for-nv12", "nv12-code",
        "rgb-code", "to-nv12", "padding-count", "padding-range", "std",
    ],
)  # fmt: skip
def test_fusion_refuses_params_that_make_no_operator(params: VdspParams, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FusionOperator(params)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (replace(CROP, crop_xy=(19, 5)), r"crop of 32x24 at \(19, 5\) reaches out of the re"),
        (replace(CROP, resize_size=(20, 50), crop_xy=None), r"at \(9, -2\) .* image of 50x20"),
        (replace(CROP, resize_size=None), "resize size is not given(.|\n)*hint: .*crop_resize_ext"),
        (replace(EXT, resize_size=None), "resize size is not given(.|\n)*rgb_letterbox_ext"),
        (replace(EXT, edges=(1, 0, 0, 128)), "192x48 with borders .* is 320x49"),
        (replace(EXT, edges=None), r"= \(0, 0, 0, 0\) is 192x48, expected 320x48"),
        (
            rgb("CROP_RESIZE_CVTCOLOR", output_size=(9, 9), crop_xy=(60, 0), crop_size=(9, 31)),
            r"crop of 31x9 at \(60, 0\) reaches out of the image of 90x60",
        ),
        (rgb("CVTCOLOR", output_size=(24, 32)), "is 90x60, expected 32x24: .* does not resize"),
        (replace(CROP, image_format="GRAY", color_cvt_code="BGR2RGB"), "shape .*GRAY expected"),
    ],
    ids=[
        "crop", "crop-middle", "no-resize", "no-ext", "edges", "no-edges", "cut", "no-op", "gray",
    ],
)  # fmt: skip
def test_fusion_names_numbers_that_do_not_fit_the_image(params: VdspParams, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FusionOperator(params)(IMAGE)


def test_fusion_refuses_a_swap_of_gray() -> None:
    params = replace(CROP, image_format="GRAY", color_cvt_code="BGR2RGB")
    with pytest.raises(DataError, match="BGR2RGB needs 3 channels, the image has 1"):
        FusionOperator(params)(IMAGE[0])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (IMAGE[0], r"shape \(60, 90\), RGB_PLANAR expected \(3, height, width\)"),
        (IMAGE.astype(np.float32), "image holds float32, expected uint8"),
        (PACKED, r"shape \(60, 90, 3\), RGB_PLANAR expected"),
    ],
    ids=["gray", "float", "packed"],
)
def test_fusion_refuses_other_images(image: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FusionOperator(CROP)(image)


@pytest.mark.parametrize(
    ("params", "override", "message"),
    [
        (
            EXT,
            {"crop_resize_ext": (0, 0, 9, 9)},
            "crop_resize_ext is given, but the operator has no",
        ),
        (CROP, {"rgb_letterbox_ext": (9, 9, 0, 0, 0, 0)}, "rgb_letterbox_ext is given, but the"),
        (
            CROP,
            {"crop_resize_ext": (0, 0, 9)},
            r"crop_resize_ext is \(0, 0, 9\), expected 4 numbers",
        ),
        (CROP, {"crop_resize_ext": (0, -1, 9, 9)}, r"is \(0, -1, 9, 9\), expected 4 numbers of at"),
        (
            CROP,
            {"crop_resize_ext": (0.5, 0, 9, 9)},
            r"is \(0.5, 0, 9, 9\), expected 4 whole numbers",
        ),
        (CROP, {"crop_resize_ext": 9}, "crop_resize_ext is 9, expected 4 whole numbers"),
        (CROP, {"crop_resize_ext": (0, 0, 0, 40)}, "resizing 90x60 to 0x40: expected sides of at"),
        (EXT, {"rgb_letterbox_ext": (9, 9, 0, 0, 0, 0)}, "is 9x9, expected 320x48"),
    ],
    ids=["no-crop", "no-border", "short", "negative", "float", "number", "zero", "size"],
)
def test_fusion_checks_overrides(
    params: VdspParams, override: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        FusionOperator(params)(IMAGE, **override)


def test_fusion_errors_start_with_the_file() -> None:
    params = replace(CROP, source=Path("some/net.json"))
    with pytest.raises(DataError, match=r"^some/net\.json: output size is not given"):
        FusionOperator(replace(params, output_size=None))
    image: Any = IMAGE.astype(np.int8)
    with pytest.raises(DataError, match=r"^some/net\.json: image holds int8"):
        FusionOperator(params)(image)
    assert FusionOperator(params).params is params
