# SPDX-License-Identifier: Apache-2.0
"""Operators: all three generations of files, attributes in and out."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.attributes import coded
from vackit.errors import ConfigError, StreamError
from vackit.testing.tiny_artifacts import write_tiny_artifact

A = vsx.AttrKey


def load(path: str) -> vsx.BuildInOperator:
    (op,) = vsx.Operator.load_ops_from_json_file(path)
    return op.cast_to_buildin_operator()


def test_operator_has_the_attributes_of_its_file(write_vdsp: Any) -> None:
    op = load(write_vdsp())
    assert op.op_type is vsx.OpType.FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR
    assert op.op_type >= 100
    keys = op.attributes.keys()
    assert all(isinstance(key, str) and key in A.__members__ for key in keys)
    assert {"IIMAGE_FORMAT", "RESIZE_WIDTH", "OIMAGE_HEIGHT", "CROP_X", "MEAN"} <= set(keys)
    assert op.get_attribute(A.IIMAGE_FORMAT) == 5000
    assert op.get_attribute(A.RESIZE_TYPE) == 1
    assert op.get_attribute(A.COLOR_CVT_CODE) == 2
    assert op.get_attribute(A.NORMA_TYPE) == 4
    assert op.get_attribute(A.MEAN, 1) == 0.5
    assert op.get_attribute(A.CROP_X, 0) == 1


def test_nv12_operators_have_no_image_format(write_vdsp: Any) -> None:
    op = load(
        write_vdsp(
            "FUSION_OP_YUV_NV12_RESIZE_2RGB_NORM_TENSOR",
            {"NormaType": "DIV255", "ResizeType": "BILINEAR_CV"},
        )
    )
    assert "IIMAGE_FORMAT" not in op.attributes
    config = {"NormaType": "DIV255", "ColorCvtCode": "NO_CHANGE"}
    op = load(write_vdsp("FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", config))
    assert op.get_attribute(A.IIMAGE_FORMAT) == 5000


def test_older_generations_give_the_same_attributes(tmp_path: Path) -> None:
    flat = {
        "vdsp_op_type": 300, "iimage_format": 5000, "iimage_width": 256, "iimage_height": 256,
        "iimage_width_pitch": 256, "iimage_height_pitch": 256, "short_edge_threshold": 256,
        "resize_type": 1, "color_cvt_code": 2, "color_space": 0, "crop_size": 224,
        "meanr": 14275, "meang": 14156, "meanb": 13951,
        "stdr": 13140, "stdg": 13099, "stdb": 13107, "norma_type": 4,
    }  # fmt: skip
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(flat))
    words: dict[str, Any] = {
        **flat, "iimage_format": "RGB_PLANAR", "resize_type": "BILINEAR_CV",
        "color_cvt_code": "COLOR_NO_CHANGE", "color_space": "COLOR_SPACE_BT709",
        "norma_type": "DIV255_MINUSMEAN_DIVSTD",
    }  # fmt: skip
    del words["vdsp_op_type"]
    entries = [
        {"Property": key, "DType": "UINT_32", "ParamType": "ELEMENT", "Value": value}
        for key, value in words.items()
    ]
    op_type = "RGB_RESIZE_CVTCOLOR_CROP_NORMALIZATION_TENSORIZATION_U8"
    b.write_text(json.dumps({"vdsp_op_type": op_type, "config": entries}))
    one, two = load(str(a)), load(str(b))
    assert one.attributes == two.attributes
    assert one.get_attribute(A.OIMAGE_WIDTH) == 224
    assert one.get_attribute(A.COLOR_SPACE) == 0
    assert (one.state.params.short_edge or 0) == 256
    one.set_attribute({A.RESIZE_WIDTH: 300, A.RESIZE_HEIGHT: 260})
    params = one.state.params
    assert params.resize_size == (260, 300)
    assert params.short_edge is None


def test_text_operators_load_from_a_file_and_by_type(tmp_path: Path) -> None:
    path = tmp_path / "bert.json"
    path.write_text('{"OpType": "BERT_EMBEDDING_OP"}')
    (op,) = vsx.Operator.load_ops_from_json_file(str(path))
    assert op.op_type == vsx.Operator(vsx.OpType.BERT_EMBEDDING_OP).op_type
    assert not op.op_type >= 100


def test_a_cast_operator_is_the_same_operator(write_vdsp: Any) -> None:
    (op,) = vsx.Operator.load_ops_from_json_file(write_vdsp())
    cast = op.cast_to_buildin_operator()
    assert cast == op
    assert hash(cast) == hash(op)
    assert cast != load(write_vdsp())
    cast.set_attribute({A.RESIZE_WIDTH: 20, A.RESIZE_HEIGHT: 30})
    assert op.cast_to_buildin_operator().get_attribute(A.RESIZE_HEIGHT) == 30
    assert op.state.params.resize_size == (30, 20)
    assert repr(op) == "Operator(OpType.FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR)"


def test_set_attribute_takes_enums_of_both_kinds_and_lists(write_vdsp: Any) -> None:
    op = load(write_vdsp())
    op.set_attribute({A.IIMAGE_FORMAT: vsx.ImageFormat.BGR_INTERLEAVE})
    assert op.get_attribute(A.IIMAGE_FORMAT) == int(vsx.ImageType.BGR888)
    op.set_attribute(
        {
            A.IIMAGE_FORMAT: vsx.ImageType.RGB_PLANAR,
            A.COLOR_CVT_CODE: vsx.ColorCvtCode.BGR2RGB,
            A.COLOR_SPACE: vsx.ImageColorSpace.COLOR_SPACE_BT709,
            A.PADDING: (1, 2, 3),
            A.PADDING_TOP: 4,
            A.CROP_X: 0,
            A.CROP_Y: 2,
            A.CROP_WIDTH: 5,
            A.CROP_HEIGHT: 6,
            A.MEAN: [0.1, 0.2, 0.3],
            A.STD: [1, 1, 1],
            A.EDGE_PADDING_TYPE: "CONSTANT",
        }
    )
    params = op.state.params
    assert (params.color_cvt_code, params.color_space) == ("BGR2RGB", "BT709")
    assert (params.padding, params.edges) == ((1, 2, 3), (4, 0, 0, 0))
    assert (params.crop_xy, params.crop_size) == ((0, 2), (6, 5))
    assert params.mean[0] == pytest.approx(0.1, abs=1e-4)  # rounded to float16
    assert coded("COLOR_SPACE", "BT601") == 1


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        (A.BORDER_VALUE, np.array([9, 8, 7], np.uint8), [9, 8, 7]),
        (A.M, np.array([[1, 0, 5], [0, 1, 3]], np.float32), [[1, 0, 5], [0, 1, 3]]),
        (A.CROP_X, (np.int64(4), np.int32(2)), [4, 2]),
        (A.MEAN, np.float16(0.5), 0.5),
        (A.RESIZE_WIDTH, np.uint16(12), 12),
        (A.RESIZE_HEIGHT, np.array(12), 12),
    ],
    ids=["row", "matrix", "tuple", "float", "integer", "lone"],
)
def test_set_attribute_takes_numbers_of_numpy(key: Any, value: Any, kept: Any) -> None:
    op = vsx.BuildInOperator(vsx.OpType.SINGLE_OP_WARP_AFFINE)
    op.set_attribute({key: value})
    assert op.get_attribute(key) == kept


def test_operators_explain_what_is_wrong(write_vdsp: Any, tmp_path: Path) -> None:
    op = load(write_vdsp())
    with pytest.raises(StreamError, match="has no attribute DIRECTION; it has: COLOR_CVT_CODE"):
        op.get_attribute(A.DIRECTION)
    with pytest.raises(StreamError, match="attribute MEAN has 3 entries, none is 3"):
        op.get_attribute(A.MEAN, 3)
    with pytest.raises(StreamError, match="RESIZE_TYPE is 99, expected one of: NEAREST"):
        op.set_attribute({A.RESIZE_TYPE: 99})
    with pytest.raises(StreamError, match="RESIZE_WIDTH is 'wide', expected a number or a list"):
        op.set_attribute({A.RESIZE_WIDTH: "wide"})
    with pytest.raises(StreamError, match="is no fused operator"):
        _ = vsx.Operator(vsx.OpType.SINGLE_OP_CROP).state.params
    with pytest.raises(ConfigError, match=re.escape("missing.json")):
        vsx.Operator.load_ops_from_json_file("missing.json")


def test_model_operator_takes_a_model() -> None:
    with pytest.raises(StreamError, match="ModelOperator takes a Model, got str"):
        vsx.ModelOperator("mod")  # type: ignore[arg-type]
    write_tiny_artifact(Path("mod"))
    op = vsx.ModelOperator(vsx.Model("mod"))
    assert op.op_type is vsx.OpType.MODEL_OP


def test_single_operators_know_their_keys() -> None:
    op = vsx.BuildInOperator(vsx.OpType.SINGLE_OP_CROP)
    assert {"CROP_X", "CROP_Y", "OIMAGE_WIDTH"} <= set(op.attributes)
    assert vsx.BuildInOperator(vsx.OpType.SINGLE_OP_RESIZE).get_attribute(A.RESIZE_TYPE) == 1
    fused = vsx.BuildInOperator(vsx.OpType.FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR)
    assert fused.state.params.norma_type == "EQUAL"
