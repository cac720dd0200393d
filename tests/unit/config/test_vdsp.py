# SPDX-License-Identifier: Apache-2.0
import json
import logging
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vackit.config.vdsp import (
    VdspParams,
    as_float16,
    check_vdsp_params,
    load_vdsp_params,
    to_json,
)
from vackit.config.vdsp_flat import WORDS
from vackit.errors import ConfigError

VALID = Path(__file__).resolve().parents[2] / "examples" / "valid"
CROP = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
# ImageNet's mean and std as published files hold them, bits 14275, 14156, ...
MEAN = (0.485107421875, 0.4560546875, 0.406005859375)
STD = (0.22900390625, 0.2239990234375, 0.2249755859375)
MEAN_OF_BYTES = "a mean of 123.6875 is of values 0..255, but they are divided by 255"
SIZES_OF_8 = {"OimageWidth": 8, "OimageHeight": 8, "ResizeWidth": 8, "ResizeHeight": 8}
BASE = {"NormaType": "EQUAL", "ColorCvtCode": "NO_CHANGE", "ResizeType": "BILINEAR_CV"}


def write(folder: Path, data: Any) -> Path:
    path = folder / "x.json"
    path.write_text(json.dumps(data))
    return path


def current(op_type: str = CROP, **config: Any) -> dict[str, Any]:
    return {"OpType": op_type, "OpConfig": {"IimageFormat": "RGB_PLANAR", **BASE, **config}}


def flat(**values: Any) -> dict[str, Any]:
    return {"vdsp_op_type": 301, "norma_type": 6, "resize_type": 1, "color_cvt_code": 2, **values}


def notes_of(folder: Path, data: Any) -> list[str]:
    return [
        f"{note.key_path}: {note.message}" for note in check_vdsp_params(write(folder, data))[1]
    ]


def test_load_vdsp_params_takes_a_path_as_text() -> None:
    path = VALID / "vdsp_a.json"
    assert load_vdsp_params(str(path)) == load_vdsp_params(path)


def test_load_vdsp_params_reads_generation_a() -> None:
    assert load_vdsp_params(VALID / "vdsp_a.json") == VdspParams(
        op_type=CROP,
        image_format="RGB_PLANAR",
        output_size=(224, 224),
        short_edge=256,
        resize_type="BILINEAR_CV",
        color_cvt_code="BGR2RGB",
        color_space="BT709",
        norma_type="DIV255_MINUSMEAN_DIVSTD",
        mean=MEAN,
        std=STD,
        generation="A",
        source=VALID / "vdsp_a.json",
    )


def test_load_vdsp_params_reads_generation_b() -> None:
    assert load_vdsp_params(VALID / "vdsp_b.json") == VdspParams(
        op_type="FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR",
        output_size=(320, 640),
        resize_type="BILINEAR_PILLOW",
        norma_type="DIV255",
        padding=(1, 2, 3),
        generation="B",
        source=VALID / "vdsp_b.json",
    )


def test_load_vdsp_params_reads_generation_c_with_float16_numbers() -> None:
    assert load_vdsp_params(VALID / "vdsp_c.json") == VdspParams(
        op_type=CROP,
        image_format="BGR888",
        output_size=(192, 224),
        resize_size=(256, 240),
        crop_xy=(16, 64),
        resize_type="BILINEAR",
        color_cvt_code="BGR2RGB",
        norma_type="DIV255_MINUSMEAN_DIVSTD",
        mean=MEAN,
        std=STD,
        source=VALID / "vdsp_c.json",
    )


def test_load_vdsp_params_reads_the_letterbox_with_edges() -> None:
    params = load_vdsp_params(VALID / "vdsp_letterbox_ext.json")
    assert params.edges == (1, 2, 3, 0)
    assert params.padding == (127, 0, 127)
    assert params.std == (0.0, 0.0, 0.0)  # DIV255 does not divide by it


def test_load_vdsp_params_reads_nv12() -> None:
    params = load_vdsp_params(VALID / "vdsp_nv12.json")
    assert params.image_format == "YUV_NV12"
    assert params.color_cvt_code == "YUV2RGB_NV12"
    assert params.color_space == "BT709"
    assert params.output_size is None


@pytest.mark.parametrize(
    "data",
    [
        {"OpType": "BERT_EMBEDDING_OP"},
        {"OpType": "BERT_EMBEDDING_OP", "OpConfig": {}},
        {"vdsp_op_type": 20001},
        {"vdsp_op_type": "RUN_BERT_EMBEDDING_MODEL", "config": []},
    ],
    ids=["c", "c-config", "a", "b"],
)
def test_bert_embedding_has_no_parameters(data: Any, tmp_path: Path) -> None:
    assert load_vdsp_params(write(tmp_path, data)).op_type == "BERT_EMBEDDING_OP"


def test_generation_a_without_a_crop_takes_its_output_size(tmp_path: Path) -> None:
    params = load_vdsp_params(write(tmp_path, flat(oimage_width=100, oimage_height=32)))
    assert params.op_type == "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR"
    assert params.output_size == (32, 100)
    assert params.mean == (0.0, 0.0, 0.0)
    assert params.std == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("field", "words"), WORDS.items(), ids=list(WORDS))
def test_generations_a_and_b_have_the_same_words(
    field: str, words: dict[int, str], tmp_path: Path
) -> None:
    prefix = {"color_cvt_code": "COLOR_", "color_space": "COLOR_SPACE_"}.get(field, "")
    base = flat(**{f"{stem}{c}": 15360 for stem in ("mean", "std") for c in "rgb"})
    names = {
        "norma_type": "DIV255",
        "resize_type": "BILINEAR_CV",
        "color_cvt_code": "COLOR_NO_CHANGE",
    }
    for integer, word in words.items():
        a = load_vdsp_params(write(tmp_path, {**base, field: integer}))
        values = {**base, **names, field: prefix + word}
        del values["vdsp_op_type"]
        b_data = {
            "vdsp_op_type": "RGB_RESIZE_CVTCOLOR_NORMALIZATION_TENSORIZATION_U8",
            "config": [{"Property": name, "Value": value} for name, value in values.items()],
        }
        b = load_vdsp_params(write(tmp_path, b_data))
        assert replace(a, generation="B") == b


@given(st.floats(-65504, 65504, allow_nan=False))
def test_as_float16_rounds_like_numpy(value: float) -> None:
    assert as_float16(value) == float(np.float16(value))


@given(st.integers(0, 65535).filter(lambda bits: bits & 0x7C00 != 0x7C00))
def test_half_bits_are_read_like_numpy(bits: int) -> None:
    expected = float(np.uint16(bits).view(np.float16))
    assert struct.unpack("<e", struct.pack("<H", bits))[0] == expected


def test_generation_a_reads_the_bits_of_float16(tmp_path: Path) -> None:
    values = {"meanr": 22459, "meang": 22340, "meanb": 22136, "stdr": 21325, "stdg": 1, "stdb": 1}
    params = load_vdsp_params(write(tmp_path, flat(**values)))
    assert params.mean == (123.6875, 116.25, 103.5)
    assert params.std == (58.40625, 2.0**-24, 2.0**-24)


@pytest.mark.parametrize(
    "params",
    [
        VdspParams(CROP, resize_size=(256, 255), output_size=(224, 223), crop_xy=(3, 4)),
        VdspParams(CROP, short_edge=256, output_size=(224, 224)),
        VdspParams(
            "FUSION_OP_RGB_CROP_RESIZE_CVTCOLOR_NORM_TENSOR",
            image_format="BGR888",
            crop_xy=(0, 0),
            crop_size=(5, 6),
            resize_type="BICUBIC_PILLOW",
            color_cvt_code="BGR2RGB",
            norma_type="MINUSMEAN_DIVSTD",
            mean=MEAN,
            std=STD,
        ),
        VdspParams(
            "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT",
            resize_size=(10, 20),
            edges=(1, 0, 3, 4),
            padding=(0, 1, 2),
        ),
        VdspParams(
            "FUSION_OP_YUV_NV12_CVTCOLOR_LETTERBOX_NORM_TENSOR",
            image_format="YUV_NV12",
            color_cvt_code="YUV2BGR_NV12",
            color_space="BT709",
        ),
        VdspParams("BERT_EMBEDDING_OP"),
    ],
    ids=["crop", "short-edge", "crop-resize", "edges", "nv12", "bert"],
)
def test_to_json_is_read_back(params: VdspParams, tmp_path: Path) -> None:
    path = write(tmp_path, to_json(params))
    assert load_vdsp_params(path) == replace(params, source=path)


@pytest.mark.parametrize("name", ["vdsp_a.json", "vdsp_b.json", "vdsp_c.json", "vdsp_nv12.json"])
def test_to_json_is_the_same_operator_in_the_newest_form(name: str, tmp_path: Path) -> None:
    params = load_vdsp_params(VALID / name)
    path = write(tmp_path, to_json(params))
    assert load_vdsp_params(path) == replace(params, source=path, generation="C")


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (current(), ["OpConfig: no 'ResizeWidth': every image must come with a size of its own"]),
        (
            {"OpType": "FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", "OpConfig": dict(BASE)},
            ["OpConfig: no 'IimageFormat': taken as RGB_PLANAR"],
        ),
        (
            current(
                "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR",
                NormaType="DIV255_MINUSMEAN_DIVSTD",
                Mean=[123.7, 0, 0],
                Std=[1e-6, 1, 1],
            ),
            [
                f"OpConfig.Mean: {MEAN_OF_BYTES}",
                "OpConfig.Mean: a std of 1.0132789611816406e-06 makes the output infinite",
            ],
        ),
        (
            flat(norma_type=5),
            ["norma_type: taken as DIV1275_MINUSONE: inferred, in no published file"],
        ),
        (current("FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR"), []),
    ],
    ids=["no-size", "no-format", "ranges", "inferred", "none"],
)
def test_odd_params_leave_notes(data: Any, notes: list[str], tmp_path: Path) -> None:
    assert notes_of(tmp_path, data) == notes


def test_load_vdsp_params_logs_its_notes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    path = write(tmp_path, current("FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", TensorType0=3))
    load_vdsp_params(path)
    (record,) = caplog.records
    assert record.getMessage().endswith("OpConfig.TensorType0: no effect on the emulator")


def test_crop_needs_to_fit_only_after_a_resize(tmp_path: Path) -> None:
    op_type = "FUSION_OP_RGB_CROP_RESIZE_CVTCOLOR_NORM_TENSOR"
    data = current(op_type, **SIZES_OF_8, CropX=300, CropY=0)
    assert load_vdsp_params(write(tmp_path, data)).crop_xy == (300, 0)


@pytest.mark.parametrize(
    "operator", ["RESIZE_CVTCOLOR_CROP", "CVTCOLOR_RESIZE_CROP"], ids=["color-last", "color-first"]
)
def test_crop_beyond_the_resized_image_is_refused(operator: str, tmp_path: Path) -> None:
    op_type = f"FUSION_OP_YUV_NV12_{operator}_NORM_TENSOR"
    data = current(op_type, **SIZES_OF_8, CropX=1, CropY=0)
    data["OpConfig"] |= {"IimageFormat": "YUV_NV12", "ColorCvtCode": "YUV2RGB_NV12"}
    with pytest.raises(ConfigError, match=r"CropX: a crop of 8 at 1 reaches beyond the resized 8"):
        load_vdsp_params(write(tmp_path, data))


def test_a_programs_params_are_read_leniently(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    op_type = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
    data = {"OpType": op_type, "Version": 2, "OpConfig": {
        "NormaType": "DIV255", "IimageFormat": "RGB_PLANAR", "Colour": 1, **SIZES_OF_8,
        "CropX": 1, "CropY": 0,
    }}  # fmt: skip
    path = write(tmp_path, data)
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
    path = write(tmp_path, {"OpType": CROP, "OpConfig": config})
    with pytest.raises(ConfigError):
        load_vdsp_params(path)
    plain = {"IimageFormat": "BGR888", **SIZES_OF_8, "CropX": 0, "CropY": 0,
             "ResizeType": "BILINEAR_CV", "ColorCvtCode": "BGR2RGB", "ColorSpace": "BT709",
             "NormaType": "DIV255"}  # fmt: skip
    params = load_vdsp_params(path, lenient=True)
    wanted = load_vdsp_params(write(tmp_path, {"OpType": CROP, "OpConfig": plain}))
    assert params == wanted
    told = [record.getMessage().partition("OpConfig.")[2] for record in caplog.records]
    assert "CropWidth: 0: as if it were not given" in told
    assert "ColorSpace: taken as BT709" in told


def test_a_lenient_reading_of_nv12_knows_its_color_codes(tmp_path: Path) -> None:
    op_type = "FUSION_OP_YUV_NV12_CVTCOLOR_RESIZE_NORM_TENSOR"
    config = {"IimageFormat": 0, "ColorCvtCode": 1, "NormaType": 6}
    params = load_vdsp_params(
        write(tmp_path, {"OpType": op_type, "OpConfig": config}), lenient=True
    )
    assert (params.image_format, params.color_cvt_code) == ("YUV_NV12", "YUV2BGR_NV12")


@pytest.mark.parametrize("value", [True, 77, "COLOR_", [3]], ids=str)
def test_a_lenient_reading_refuses_what_is_no_color_code(value: Any, tmp_path: Path) -> None:
    config = {**BASE, **SIZES_OF_8, "CropX": 0, "CropY": 0, "ColorCvtCode": value}
    path = write(tmp_path, {"OpType": CROP, "OpConfig": config})
    with pytest.raises(ConfigError, match=r"ColorCvtCode: .* is not one of the allowed values"):
        load_vdsp_params(path, lenient=True)


def test_a_lenient_reading_of_nv12_converts_to_rgb(tmp_path: Path) -> None:
    op_type = "FUSION_OP_YUV_NV12_CVTCOLOR_RESIZE_NORM_TENSOR"
    path = write(tmp_path, {"OpType": op_type, "OpConfig": {"NormaType": "EQUAL"}})
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
    path = write(tmp_path, data)
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
    path = write(tmp_path, {"vdsp_op_type": op_type, "config": entries})
    with pytest.raises(ConfigError, match="'oimage_width_pitch' is not one of"):
        load_vdsp_params(path)
    assert load_vdsp_params(path, lenient=True).output_size == (8, 8)
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "config.1.Property: no effect: not known" in told
    assert "config.0.Note: no effect: not known" in told


def test_a_lenient_reading_still_refuses_what_has_no_meaning(tmp_path: Path) -> None:
    data = {"OpType": "FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", "OpConfig": {"NormaType": "DIV"}}
    with pytest.raises(ConfigError, match="NormaType: 'DIV' is not one of"):
        load_vdsp_params(write(tmp_path, data), lenient=True)
    with pytest.raises(ConfigError, match="required key 'NormaType' is missing"):
        load_vdsp_params(write(tmp_path, {**data, "OpConfig": {}}), lenient=True)
    with pytest.raises(ConfigError, match="OpConfig"):
        load_vdsp_params(write(tmp_path, {**data, "OpConfig": [1]}), lenient=True)
    flat = {"vdsp_op_type": "RUN_BERT_EMBEDDING_MODEL", "config": [1]}
    with pytest.raises(ConfigError, match="config"):
        load_vdsp_params(write(tmp_path, flat), lenient=True)


def test_both_kinds_of_generation_are_told_apart_by_their_list(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"vdsp_op_type: 300 is not one of .*\n.*use one of: RGB_"
    ):
        load_vdsp_params(write(tmp_path, {"vdsp_op_type": 300, "config": []}))
    with pytest.raises(ConfigError, match=r"required key 'config' is missing"):
        load_vdsp_params(write(tmp_path, {"vdsp_op_type": "RUN_BERT_EMBEDDING_MODEL"}))
