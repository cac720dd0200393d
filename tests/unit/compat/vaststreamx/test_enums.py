# SPDX-License-Identifier: Apache-2.0
"""Enumerations: published names, the published numbers, and how they print."""

import pytest

from vackit.compat import vaststreamx as vsx
from vackit.vdsp.color import COLOR_CODES
from vackit.vdsp.fusion import FUSION_OP_TYPES

PUBLISHED = {
    "ImageFormat": "YUV_NV12 RGB_PLANAR BGR_PLANAR RGB_INTERLEAVE BGR_INTERLEAVE GRAY",
    "ImageType": "YUV_NV12 RGB_PLANAR RGB888 BGR888 BGR_PLANAR GRAY",
    "TypeFlag": "FLOAT16 UINT8 UINT16 UINT32 INT16 INT8 INT32 FLOAT32",
    "GraphOutputType": "GRAPH_OUTPUT_TYPE_NCHW_DEVICE GRAPH_OUTPUT_TYPE_NCHW_HOST "
    "GRAPH_OUTPUT_TYPE_884_DEVICE",
    "StreamBalanceMode": "ONCE RUN",
    "ImageResizeType": "NEAREST BILINEAR BILINEAR_CV BILINEAR_PILLOW BICUBIC_PILLOW",
    "ImagePaddingType": "PADDING_TYPE_CONSTANT",
    "ImageFlipType": "FLIP_TYPE_X_AXIS FLIP_TYPE_Y_AXIS",
    "ImageWarpAffineMode": "WARP_AFFINE_MODE_NEAREST WARP_AFFINE_MODE_BILINEAR",
    "ImageColorSpace": "COLOR_SPACE_BT601 COLOR_SPACE_BT709",
    "CodecType": "CODEC_TYPE_H264 CODEC_TYPE_H265 CODEC_TYPE_HEVC CODEC_TYPE_AV1 CODEC_TYPE_JPEG",
    "OpType": "SINGLE_OP_RESIZE SINGLE_OP_CROP SINGLE_OP_CVT_COLOR SINGLE_OP_BATCH_CROP_RESIZE "
    "SINGLE_OP_SCALE SINGLE_OP_FLIP SINGLE_OP_WARP_AFFINE SINGLE_OP_COPY_MAKE_BORDER "
    "BERT_EMBEDDING_OP",
    "AttrKey": "IIMAGE_FORMAT IIMAGE_WIDTH IIMAGE_HEIGHT IIMAGE_WIDTH_PITCH IIMAGE_HEIGHT_PITCH "
    "OIMAGE_WIDTH OIMAGE_HEIGHT RESIZE_WIDTH RESIZE_HEIGHT OIMAGE_WIDTH_PITCH "
    "OIMAGE_HEIGHT_PITCH CROP_X CROP_Y RESIZE_TYPE CROP_NUM COLOR_CVT_CODE OIMAGE_FORMAT "
    "OIMAGE_CNT CROP_WIDTH CROP_HEIGHT COLOR_SPACE PADDING PADDING_LEFT PADDING_RIGHT "
    "PADDING_TOP PADDING_BOTTOM EDGE_LEFT EDGE_RIGHT EDGE_TOP EDGE_BOTTOM DIRECTION "
    "BORDER_VALUE BORDER_MODE M FLAGS",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_enum_has_the_published_members(name: str) -> None:
    assert set(PUBLISHED[name].split()) <= set(getattr(vsx, name).__members__)


def test_enums_print_as_programs_expect() -> None:
    assert str(vsx.ImageFormat.RGB_PLANAR) == "ImageFormat.RGB_PLANAR"
    assert f"{vsx.ImageFormat.RGB_PLANAR}" == "ImageFormat.RGB_PLANAR"
    assert f"{vsx.ImageType.RGB_PLANAR:d}" == "5000"
    assert f"{vsx.ImageFormat.GRAY:>17}" == " ImageFormat.GRAY"


def test_color_codes_have_the_published_numbers() -> None:
    codes = vsx.ColorCvtCode
    order = (
        "YUV2RGB_NV12 YUV2BGR_NV12 NO_CHANGE BGR2RGB BGR2RGB_INTERLEAVE2PLANAR "
        "RGB2BGR_INTERLEAVE2PLANAR BGR2BGR_INTERLEAVE2PLANAR RGB2RGB_INTERLEAVE2PLANAR "
        "YUV2GRAY_NV12 BGR2GRAY_INTERLEAVE BGR2GRAY_PLANAR RGB2GRAY_INTERLEAVE RGB2GRAY_PLANAR "
        "RGB2YUV_NV12_PLANAR BGR2YUV_NV12_PLANAR"
    )
    assert [codes(number).name for number in range(15)] == order.split()
    assert set(codes.__members__) == set(COLOR_CODES)


def test_image_types_have_the_published_numbers() -> None:
    assert [int(one) for one in vsx.ImageType] == [0, 5000, 5001, 5002, 5003, 5004]


def test_fused_operators_start_at_100() -> None:
    fused = [one for one in vsx.OpType if one >= 100]
    assert {one.name for one in fused} == set(FUSION_OP_TYPES)
    assert min(fused) is vsx.OpType.FUSION_OP_YUV_NV12_RESIZE_2RGB_NORM_TENSOR
    assert all(one.name.startswith("FUSION") == (one >= 100) for one in vsx.OpType)


def test_codecs_are_module_names_too_and_hevc_is_h265() -> None:
    assert vsx.CODEC_TYPE_H264 is vsx.CodecType.CODEC_TYPE_H264
    assert vsx.CODEC_TYPE_HEVC is vsx.CodecType.CODEC_TYPE_H265
