# SPDX-License-Identifier: Apache-2.0
import logging
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.config_files import CROP, EQUAL, SIZES_OF_8, write_json

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
# ImageNet's mean and std as published files hold them, bits 14275, 14156, ...
MEAN = (0.485107421875, 0.4560546875, 0.406005859375)
STD = (0.22900390625, 0.2239990234375, 0.2249755859375)
MEAN_OF_BYTES = "a mean of 123.6875 is of values 0..255, but they are divided by 255"


def current(op_type: str = CROP, **config: Any) -> dict[str, Any]:
    return {"OpType": op_type, "OpConfig": {"IimageFormat": "RGB_PLANAR", **EQUAL, **config}}


def flat(**values: Any) -> dict[str, Any]:
    return {"vdsp_op_type": 301, "norma_type": 6, "resize_type": 1, "color_cvt_code": 2, **values}


def notes_of(folder: Path, data: Any) -> list[str]:
    _, notes = check_vdsp_params(write_json(folder, data))
    return [f"{note.key_path}: {note.message}" for note in notes]


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
    assert load_vdsp_params(write_json(tmp_path, data)).op_type == "BERT_EMBEDDING_OP"


def test_generation_a_without_a_crop_takes_its_output_size(tmp_path: Path) -> None:
    params = load_vdsp_params(write_json(tmp_path, flat(oimage_width=100, oimage_height=32)))
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
        a = load_vdsp_params(write_json(tmp_path, {**base, field: integer}))
        values = {**base, **names, field: prefix + word}
        del values["vdsp_op_type"]
        b_data = {
            "vdsp_op_type": "RGB_RESIZE_CVTCOLOR_NORMALIZATION_TENSORIZATION_U8",
            "config": [{"Property": name, "Value": value} for name, value in values.items()],
        }
        b = load_vdsp_params(write_json(tmp_path, b_data))
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
    params = load_vdsp_params(write_json(tmp_path, flat(**values)))
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
    path = write_json(tmp_path, to_json(params))
    assert load_vdsp_params(path) == replace(params, source=path)


@pytest.mark.parametrize("name", ["vdsp_a.json", "vdsp_b.json", "vdsp_c.json", "vdsp_nv12.json"])
def test_to_json_is_the_same_operator_in_the_newest_form(name: str, tmp_path: Path) -> None:
    params = load_vdsp_params(VALID / name)
    path = write_json(tmp_path, to_json(params))
    assert load_vdsp_params(path) == replace(params, source=path, generation="C")


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (current(), ["OpConfig: no 'ResizeWidth': every image must come with a size of its own"]),
        (
            {"OpType": "FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", "OpConfig": dict(EQUAL)},
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
    path = write_json(tmp_path, current("FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", TensorType0=3))
    load_vdsp_params(path)
    (record,) = caplog.records
    assert record.getMessage().endswith("OpConfig.TensorType0: no effect on the emulator")


def test_crop_needs_to_fit_only_after_a_resize(tmp_path: Path) -> None:
    op_type = "FUSION_OP_RGB_CROP_RESIZE_CVTCOLOR_NORM_TENSOR"
    data = current(op_type, **SIZES_OF_8, CropX=300, CropY=0)
    assert load_vdsp_params(write_json(tmp_path, data)).crop_xy == (300, 0)


@pytest.mark.parametrize(
    "operator", ["RESIZE_CVTCOLOR_CROP", "CVTCOLOR_RESIZE_CROP"], ids=["color-last", "color-first"]
)
def test_crop_beyond_the_resized_image_is_refused(operator: str, tmp_path: Path) -> None:
    op_type = f"FUSION_OP_YUV_NV12_{operator}_NORM_TENSOR"
    data = current(op_type, **SIZES_OF_8, CropX=1, CropY=0)
    data["OpConfig"] |= {"IimageFormat": "YUV_NV12", "ColorCvtCode": "YUV2RGB_NV12"}
    with pytest.raises(ConfigError, match=r"CropX: a crop of 8 at 1 reaches beyond the resized 8"):
        load_vdsp_params(write_json(tmp_path, data))


def test_both_kinds_of_generation_are_told_apart_by_their_list(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"vdsp_op_type: 300 is not one of .*\n.*use one of: RGB_"
    ):
        load_vdsp_params(write_json(tmp_path, {"vdsp_op_type": 300, "config": []}))
    with pytest.raises(ConfigError, match=r"required key 'config' is missing"):
        load_vdsp_params(write_json(tmp_path, {"vdsp_op_type": "RUN_BERT_EMBEDDING_MODEL"}))
