# SPDX-License-Identifier: Apache-2.0
"""What a program's vdsp params may hold that a user's may not."""

import logging
from pathlib import Path
from typing import Any

import pytest
from tests.config_files import CROP, EQUAL, SIZES_OF_8, write_json

from vackit.config.vdsp import load_vdsp_params
from vackit.errors import ConfigError


def test_a_programs_params_are_read_leniently(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    op_type = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
    data = {"OpType": op_type, "Version": 2, "OpConfig": {
        "NormaType": "DIV255", "IimageFormat": "RGB_PLANAR", "Colour": 1, **SIZES_OF_8,
        "CropX": 1, "CropY": 0,
    }}  # fmt: skip
    path = write_json(tmp_path, data)
    with pytest.raises(ConfigError) as caught:
        load_vdsp_params(path)
    assert len(caught.value.findings) == 4
    params = load_vdsp_params(path, lenient=True)
    assert (params.resize_type, params.color_cvt_code) == ("BILINEAR_CV", "NO_CHANGE")
    told = [record.getMessage().partition("json:")[2] for record in caplog.records]
    assert [text.split(" ", 1)[1] for text in told] == [
        "Version: no effect: not known",
        "OpConfig.Colour: no effect: not known",
        "OpConfig.ResizeType: not given: taken as BILINEAR_CV",
        "OpConfig.ColorCvtCode: not given: taken as NO_CHANGE",
        "OpConfig.CropX: a crop of 8 at 1 reaches beyond the resized 8",
    ]


def test_a_lenient_reading_knows_numbers_and_words_of_2023_and_zero_sizes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    config = {"IimageFormat": 5003, "IimageWidthPitch": 0, **SIZES_OF_8, "CropX": 0, "CropY": 0,
              "CropWidth": 0, "CropHeight": 0, "ResizeType": 1, "ColorCvtCode": "COLOR_BGR2RGB",
              "ColorSpace": "COLOR_SPACE_BT709", "EdgePaddingType": 0, "NormaType": 6}  # fmt: skip
    path = write_json(tmp_path, {"OpType": CROP, "OpConfig": config})
    with pytest.raises(ConfigError):
        load_vdsp_params(path)
    plain = {"IimageFormat": "BGR888", **SIZES_OF_8, "CropX": 0, "CropY": 0,
             "ResizeType": "BILINEAR_CV", "ColorCvtCode": "BGR2RGB", "ColorSpace": "BT709",
             "NormaType": "DIV255"}  # fmt: skip
    params = load_vdsp_params(path, lenient=True)
    wanted = load_vdsp_params(write_json(tmp_path, {"OpType": CROP, "OpConfig": plain}))
    assert params == wanted
    told = [record.getMessage().partition("OpConfig.")[2] for record in caplog.records]
    assert "CropWidth: 0: as if it were not given" in told
    assert "ColorSpace: taken as BT709" in told


def test_a_lenient_reading_of_nv12_knows_its_color_codes(tmp_path: Path) -> None:
    op_type = "FUSION_OP_YUV_NV12_CVTCOLOR_RESIZE_NORM_TENSOR"
    config = {"IimageFormat": 0, "ColorCvtCode": 1, "NormaType": 6}
    params = load_vdsp_params(
        write_json(tmp_path, {"OpType": op_type, "OpConfig": config}), lenient=True
    )
    assert (params.image_format, params.color_cvt_code) == ("YUV_NV12", "YUV2BGR_NV12")


@pytest.mark.parametrize("value", [True, 77, "COLOR_", [3]], ids=str)
def test_a_lenient_reading_refuses_what_is_no_color_code(value: Any, tmp_path: Path) -> None:
    config = {**EQUAL, **SIZES_OF_8, "CropX": 0, "CropY": 0, "ColorCvtCode": value}
    path = write_json(tmp_path, {"OpType": CROP, "OpConfig": config})
    with pytest.raises(ConfigError, match=r"ColorCvtCode: .* is not one of the allowed values"):
        load_vdsp_params(path, lenient=True)


def test_a_lenient_reading_of_nv12_converts_to_rgb(tmp_path: Path) -> None:
    op_type = "FUSION_OP_YUV_NV12_CVTCOLOR_RESIZE_NORM_TENSOR"
    path = write_json(tmp_path, {"OpType": op_type, "OpConfig": {"NormaType": "EQUAL"}})
    assert load_vdsp_params(path, lenient=True).color_cvt_code == "YUV2RGB_NV12"


@pytest.mark.parametrize(
    "data",
    [
        {"vdsp_op_type": 20001, "version": 1},
        {"vdsp_op_type": "RUN_BERT_EMBEDDING_MODEL", "config": [], "version": 1},
    ],
    ids=["flat", "list"],
)
def test_older_generations_are_read_leniently_too(data: Any, tmp_path: Path) -> None:
    path = write_json(tmp_path, data)
    with pytest.raises(ConfigError, match="version"):
        load_vdsp_params(path)
    assert load_vdsp_params(path, lenient=True).op_type == "BERT_EMBEDDING_OP"


def test_a_lenient_reading_drops_unknown_properties(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    values = {"oimage_width": 8, "oimage_width_pitch": 8, "oimage_height": 8,
              "iimage_format": "RGB_PLANAR", "resize_type": "BILINEAR_CV",
              "color_cvt_code": "COLOR_NO_CHANGE", "norma_type": "DIV255"}  # fmt: skip
    entries = [{"Property": name, "DType": "INT32", "Value": value, "Note": ""}
               for name, value in values.items()]  # fmt: skip
    op_type = "RGB_RESIZE_CVTCOLOR_NORMALIZATION_TENSORIZATION_U8"
    path = write_json(tmp_path, {"vdsp_op_type": op_type, "config": entries})
    with pytest.raises(ConfigError, match="'oimage_width_pitch' is not one of"):
        load_vdsp_params(path)
    assert load_vdsp_params(path, lenient=True).output_size == (8, 8)
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "config.1.Property: no effect: not known" in told
    assert "config.0.Note: no effect: not known" in told


def test_a_lenient_reading_still_refuses_what_has_no_meaning(tmp_path: Path) -> None:
    data = {"OpType": "FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", "OpConfig": {"NormaType": "DIV"}}
    with pytest.raises(ConfigError, match="NormaType: 'DIV' is not one of"):
        load_vdsp_params(write_json(tmp_path, data), lenient=True)
    with pytest.raises(ConfigError, match="required key 'NormaType' is missing"):
        load_vdsp_params(write_json(tmp_path, {**data, "OpConfig": {}}), lenient=True)
    with pytest.raises(ConfigError, match="OpConfig"):
        load_vdsp_params(write_json(tmp_path, {**data, "OpConfig": [1]}), lenient=True)
    flat = {"vdsp_op_type": "RUN_BERT_EMBEDDING_MODEL", "config": [1]}
    with pytest.raises(ConfigError, match="config"):
        load_vdsp_params(write_json(tmp_path, flat), lenient=True)
