# SPDX-License-Identifier: Apache-2.0
"""Files of single operators, as programs load them."""

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.errors import ConfigError

A, F = vsx.AttrKey, vsx.ImageFormat
BGR = cv2.resize(np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8), (16, 12))


def load(folder: Path, op_type: str, config: Any = None) -> vsx.BuildInOperator:
    path = folder / "op.json"
    data = {"OpType": op_type} if config is None else {"OpType": op_type, "OpConfig": config}
    path.write_text(json.dumps(data))
    (op,) = vsx.Operator.load_ops_from_json_file(path)
    return op.cast_to_buildin_operator()


def test_a_single_operator_comes_from_a_file(tmp_path: Path) -> None:
    op = load(
        tmp_path, "SINGLE_OP_CVT_COLOR",
        {"IimageWidth": 16, "IimageHeight": 12, "IimageWidthPitch": 16, "IimageHeightPitch": 12,
         "ColorCvtCode": "BGR2GRAY_INTERLEAVE", "ColorSpace": "BT709"},
    )  # fmt: skip
    assert op.op_type is vsx.OpType.SINGLE_OP_CVT_COLOR
    assert op.op_type < 100
    assert op.get_attribute(A.COLOR_CVT_CODE) == 9
    assert op.get_attribute(A.COLOR_SPACE) == 0
    assert op.get_attribute(A.IIMAGE_WIDTH_PITCH) == 16
    image = vsx.create_image(BGR, F.BGR_INTERLEAVE, 16, 12, 0)
    (made,) = op.execute([image], [(F.GRAY, 16, 12)])
    assert np.array_equal(vsx.as_numpy(made), cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY))


def test_words_and_numbers_of_a_file_mean_the_same(tmp_path: Path) -> None:
    for direction in (1, "FLIP_TYPE_Y_AXIS", "Y_AXIS"):
        op = load(tmp_path, "SINGLE_OP_FLIP", {"Direction": direction})
        assert op.get_attribute(A.DIRECTION) == 1
    for flags in (1, "BILINEAR", "WARP_AFFINE_MODE_BILINEAR"):
        config = {"M": [1, 0, 0.5, 0, 1, 2], "Flags": flags, "BorderMode": "CONSTANT",
                  "BorderValue": [1, 2, 3]}  # fmt: skip
        op = load(tmp_path, "SINGLE_OP_WARP_AFFINE", config)
        assert (op.get_attribute(A.FLAGS), op.get_attribute(A.BORDER_MODE)) == (1, 0)
        assert op.get_attribute(A.M, 2) == 0.5
    config = {"EdgePaddingType": "EDGE_PADDING_TYPE_CONSTANT", "EdgeTop": 2}
    op = load(tmp_path, "SINGLE_OP_COPY_MAKE_BORDER", config)
    assert op.get_attribute(A.EDGE_PADDING_TYPE) == 0


def test_lists_of_a_file_give_one_image_each(tmp_path: Path) -> None:
    op = load(
        tmp_path, "SINGLE_OP_SCALE",
        {"OimageCnt": 2, "OimageWidth": [8, 4], "OimageHeight": [6, 2], "ResizeType": "NEAREST"},
    )  # fmt: skip
    nv12 = vsx.cvtcolor(vsx.create_image(BGR, F.BGR_INTERLEAVE, 16, 12, 0), F.YUV_NV12)
    assert [(one.width, one.height) for one in op.execute([nv12])] == [(8, 6), (4, 2)]


def test_an_attribute_that_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    op = load(tmp_path, "SINGLE_OP_RESIZE")
    assert op.attributes == vsx.BuildInOperator(vsx.OpType.SINGLE_OP_RESIZE).attributes


@pytest.mark.parametrize(
    ("op_type", "config", "message"),
    [
        ("SINGLE_OP_CVTCOLOR", {}, "no operator 'SINGLE_OP_CVTCOLOR'\n  hint: did you mean"),
        ("SINGLE_OP_GAUSSIAN_BLUR", {}, "hint: there are: SINGLE_OP_RESIZE, "),
        ("SINGLE_OP_FLIP", [1], "OpConfig: expected a mapping, got list"),
        ("SINGLE_OP_FLIP", {"Direction": "UP"}, "attribute DIRECTION is 'UP', expected one of"),
        ("SINGLE_OP_CROP", {"CropX": "a"}, "OpConfig.CropX: attribute CROP_X is 'a', expected a"),
    ],
    ids=["near", "far", "config", "word", "number"],
)
def test_what_is_wrong_in_a_file_is_said(
    tmp_path: Path, op_type: str, config: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, op_type, config)
    assert message in str(caught.value)


def test_a_key_that_is_no_attribute_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "vackit"):
        load(tmp_path, "SINGLE_OP_FLIP", {"Colour": 1})
    assert "OpConfig.Colour: no effect: no attribute" in caplog.text
