# SPDX-License-Identifier: Apache-2.0
import re
from dataclasses import replace
from pathlib import Path

import pytest

from vackit.config.build import (
    Backend,
    BuildConfig,
    CenterCrop,
    CvtColor,
    Dataset,
    DecodeImage,
    Frontend,
    Normalize,
    Pad,
    ProcessOp,
    Quantize,
    Resize,
    ToTensor,
)
from vackit.config.crosscheck import _Scaling, disagreements
from vackit.config.vdsp import VdspParams, as_float16

CROP = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
RESIZE = "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR"
LETTERBOX = "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PARAMS = VdspParams(
    CROP,
    output_size=(224, 224),
    resize_size=(256, 256),
    crop_xy=(16, 16),
    norma_type="DIV255_MINUSMEAN_DIVSTD",
    mean=tuple(map(as_float16, MEAN)),
    std=tuple(map(as_float16, STD)),
)
OPS = (
    DecodeImage(),
    Resize((256, 256)),
    CenterCrop((224, 224)),
    Normalize(True, MEAN, STD),
    ToTensor(),
)


def config(*ops: ProcessOp, shape: tuple[int, ...] = (1, 3, 224, 224)) -> BuildConfig:
    return BuildConfig(
        name="x",
        generation="current",
        frontend=Frontend("onnx", Path("m.onnx"), {"input": shape} if shape else {}),
        backend=Backend("tvm_vacc", "int8", Quantize()),
        extra_ops=None,
        dataset=Dataset(Path("images"), None, None, ops),
        workspace_path=Path("out"),
        source=Path("x.yaml"),
    )


def messages(build: BuildConfig, params: VdspParams) -> list[str]:
    return [finding.message for finding in disagreements(build, params)]


def test_disagreements_is_empty_where_float16_agrees() -> None:
    assert disagreements(config(*OPS), PARAMS) == []


def test_disagreements_names_the_file_and_both_values() -> None:
    params = replace(PARAMS, color_cvt_code="RGB2BGR", source=Path("p.json"))
    (finding,) = disagreements(config(*OPS), params)
    assert str(finding) == "x.yaml: channels: p.json has BGR, the calibration images get RGB"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (replace(PARAMS, resize_size=(232, 232)), "resize: the vdsp JSON has 232x232"),
        (replace(PARAMS, resize_size=None, short_edge=256), "resize: .* shorter side 256"),
        (replace(PARAMS, resize_type="BICUBIC_PILLOW"), "resize type: .* has BICUBIC_PILLOW"),
        (replace(PARAMS, output_size=(192, 192)), "crop: .* has 192x192"),
        (replace(PARAMS, image_format="BGR888"), "channels: .* has BGR"),
        (replace(PARAMS, color_cvt_code="BGR2GRAY_PLANAR"), "channels: .* has BGR2GRAY_PLANAR"),
        (replace(PARAMS, norma_type="DIV255"), r"normalization: .* has \(x - \[0\]\) / \[255\]"),
        (replace(PARAMS, norma_type="EQUAL"), r"normalization: .* has \(x - \[0\]\) / \[1\]"),
        (replace(PARAMS, mean=(0.406, 0.456, 0.485)), r"normalization: .* \[103\.53, "),
    ],
    ids=["size", "short", "type", "crop", "bgr", "gray", "div255", "equal", "mean-order"],
)
def test_disagreements_finds_each_difference(params: VdspParams, message: str) -> None:
    (found,) = messages(config(*OPS), params)
    assert re.match(message, found)


@pytest.mark.parametrize(
    ("ops", "params"),
    [
        (
            (Resize((224, 224)), Normalize(False, (127.5,), (127.5,))),
            VdspParams(RESIZE, output_size=(224, 224), norma_type="DIV1275_MINUSONE"),
        ),
        (
            (Resize((224, 224)), Normalize(True, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
            VdspParams(RESIZE, norma_type="DIV1275_MINUSONE", resize_type="BILINEAR"),
        ),
        (
            (Resize((224, 224)), Normalize(False, (0.0,), (1.0,))),
            VdspParams(RESIZE, norma_type="EQUAL"),
        ),
        (
            (Resize((224, 224), backend="pillow", interpolation="bicubic"), Normalize()),
            VdspParams(RESIZE, norma_type="DIV255", resize_type="BICUBIC_PILLOW"),
        ),
        (
            (Resize((224, 224), interpolation="nearest"), Normalize()),
            VdspParams(RESIZE, norma_type="DIV255", resize_type="NEAREST"),
        ),
        (
            (CvtColor("COLOR_RGB2BGR"), Resize((224, 224)), Normalize(False)),
            VdspParams(RESIZE, color_cvt_code="BGR2RGB"),
        ),
        (
            (CvtColor("COLOR_BGR2RGB"), CvtColor("COLOR_RGB2BGR"), Resize((224, 224))),
            VdspParams(RESIZE, image_format="BGR888", color_cvt_code="BGR2RGB"),
        ),
        (
            (Resize((224, -1), "long"), Pad(), Normalize()),
            VdspParams(LETTERBOX, norma_type="DIV255"),
        ),
        (
            (Resize((256, -1), "short"), CenterCrop((224, 224)), Normalize()),
            VdspParams(CROP, short_edge=256, norma_type="DIV255"),
        ),
    ],
    ids=["1275", "half", "equal", "bicubic", "nearest", "bgr", "swaps", "letterbox", "short"],
)
def test_disagreements_sees_the_same_in_other_words(
    ops: tuple[ProcessOp, ...], params: VdspParams
) -> None:
    assert messages(config(*ops), params) == []


def test_disagreements_tells_a_resize_by_its_longer_side_from_a_letterbox() -> None:
    build = config(Resize((224, -1), "long"), Pad(pad_to_square=False), Normalize())
    assert messages(build, VdspParams(LETTERBOX, norma_type="DIV255")) == [
        "resize: the vdsp JSON has letterbox, the calibration images get longer side 224"
    ]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 3, 8, 9), "8x9"), ((1, 8, 9, 3), "8x9"), ((1, 77), "none"), ((), "none")],
    ids=["nchw", "nhwc", "text", "none"],
)
def test_disagreements_takes_the_models_size_where_none_is_given(
    shape: tuple[int, ...], size: str
) -> None:
    build = config(Resize((4, 4)), Normalize(), shape=shape)
    assert messages(build, VdspParams(RESIZE, norma_type="DIV255")) == [
        f"resize: the vdsp JSON has {size}, the calibration images get 4x4"
    ]


def test_disagreements_compares_images_only() -> None:
    assert disagreements(config(*OPS), VdspParams("BERT_EMBEDDING_OP")) == []
    assert disagreements(config(), PARAMS) == []
    assert disagreements(replace(config(*OPS), dataset=None), PARAMS) == []


def test_scaling_of_another_number_of_channels_differs() -> None:
    assert _Scaling((0.0, 0.0), (1.0, 1.0)) != _Scaling((0.0,) * 3, (1.0,) * 3)
    assert _Scaling((0.0,), (1.0,)) != "text"
