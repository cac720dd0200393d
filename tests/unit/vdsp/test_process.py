# SPDX-License-Identifier: Apache-2.0
import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vackit.config.build_types import (
    CenterCrop,
    ChannelSplit,
    CustomFunc,
    CvtColor,
    DecodeImage,
    Normalize,
    Pad,
    ProcessOp,
    Resize,
    ToTensor,
)
from vackit.errors import ConfigError, DataError
from vackit.vdsp.process import ProcessPipeline

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DECODE, TENSOR = DecodeImage(), ToTensor()

Ops = list[ProcessOp]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "noise.png"
    Image.fromarray(PIXELS).save(path)
    return path


def run(image: Path, *ops: ProcessOp) -> Any:
    result = ProcessPipeline([DECODE, *ops, TENSOR])(image)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    return result


def f32(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def chw(pixels: Any) -> Any:
    return np.asarray(pixels, np.float32).transpose(2, 0, 1)


def test_pipeline_classifier_chain_equals_opencv_and_numpy(image: Path) -> None:
    result = run(image, Resize((40, 50)), CenterCrop((24, 33)), Normalize(True, MEAN, STD))
    # the odd pixel stays on the right: (50 - 33) // 2 = 8
    pixels = cv2.resize(PIXELS, (50, 40))[8:32, 8:41].astype(np.float32)
    expected = (pixels / np.float32(255) - f32(*MEAN)) / f32(*STD)
    np.testing.assert_array_equal(result, chw(expected))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Normalize(), PIXELS.astype(np.float32) / np.float32(255)),
        (Normalize(div255=False), PIXELS),
        (
            Normalize(False, (103.5, 116.25, 123.75), (57.5, 57, 58)),
            (PIXELS.astype(np.float32) - f32(103.5, 116.25, 123.75)) / f32(57.5, 57, 58),
        ),
        (Normalize(True, (0.5,), (0.5,)), (PIXELS / np.float32(255) - 0.5) / np.float32(0.5)),
    ],
    ids=["div255", "equal", "mean", "one-for-all"],
)
def test_pipeline_normalizes_in_float32(image: Path, op: Normalize, expected: Any) -> None:
    np.testing.assert_array_equal(run(image, op), chw(expected))


def test_pipeline_normalizes_after_to_tensor_too(image: Path) -> None:
    op = Normalize(True, MEAN, STD)
    after = ProcessPipeline([DECODE, TENSOR, op])(image)
    np.testing.assert_array_equal(after, run(image, op))


def test_pipeline_keeps_pixel_values_without_normalize(image: Path) -> None:
    np.testing.assert_array_equal(run(image), chw(PIXELS))


@pytest.mark.parametrize(
    ("op", "size"),
    [
        (Resize((72, -1), "long"), (48, 72)),
        (Resize((-1, 72), "long"), (48, 72)),
        (Resize((30, -1), "short"), (30, 45)),
        (Resize((31, 31), "short"), (31, 46)),
        (Resize((60, 90)), (60, 90)),
    ],
    ids=["long", "long-second", "short", "short-both", "kept"],
)
def test_pipeline_resize_keeps_the_aspect_where_asked(
    image: Path, op: Resize, size: tuple[int, int]
) -> None:
    expected = cv2.resize(PIXELS, (size[1], size[0]))
    np.testing.assert_array_equal(run(image, op), chw(expected))


@pytest.mark.parametrize(
    ("interpolation", "resample"),
    [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)],
    ids=["bilinear", "bicubic"],
)
def test_pipeline_resize_by_pillow_equals_pillow(
    image: Path, interpolation: str, resample: Image.Resampling
) -> None:
    op = Resize((24, 100), interpolation=interpolation, backend="pillow")
    expected = np.asarray(Image.fromarray(PIXELS).resize((100, 24), resample))
    np.testing.assert_array_equal(run(image, op), chw(expected))


def test_pipeline_resize_by_opencv_bicubic(image: Path) -> None:
    expected = cv2.resize(PIXELS, (50, 40), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(
        run(image, Resize((40, 50), interpolation="bicubic")), chw(expected)
    )


def test_pipeline_pads_to_a_square_on_the_right_and_at_the_bottom(image: Path) -> None:
    result = run(image, Resize((40, -1), "long"), Pad(value=7))
    assert result.shape == (3, 40, 40)
    np.testing.assert_array_equal(result[:, :27], chw(cv2.resize(PIXELS, (40, 27))))
    assert (result[:, 27:] == 7).all()


def test_pipeline_knows_the_size_after_a_pad(image: Path) -> None:
    assert run(image, Resize((4, 9)), Pad(), CenterCrop((9, 9))).shape == (3, 9, 9)
    with pytest.raises(ConfigError, match="crop of 10x10 is larger than the image, 9x9"):
        ProcessPipeline([DECODE, Resize((4, 9)), Pad(), CenterCrop((10, 10)), TENSOR])


def test_pipeline_pad_to_square_false_pads_nothing(image: Path) -> None:
    np.testing.assert_array_equal(run(image, Pad(pad_to_square=False)), chw(PIXELS))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("COLOR_RGB2BGR", PIXELS[..., ::-1]),
        ("COLOR_RGB2YCrCb", cv2.cvtColor(PIXELS, cv2.COLOR_RGB2YCrCb)),
        ("COLOR_RGB2GRAY", cv2.cvtColor(PIXELS, cv2.COLOR_RGB2GRAY)[..., None]),
    ],
    ids=["bgr", "ycrcb", "gray"],
)
def test_pipeline_converts_colors(image: Path, code: str, expected: Any) -> None:
    np.testing.assert_array_equal(run(image, CvtColor(code)), chw(expected))


def test_pipeline_splits_a_channel_off(image: Path) -> None:
    result = run(image, CvtColor("COLOR_RGB2YCrCb"), ChannelSplit(0), Normalize())
    luma = cv2.cvtColor(PIXELS, cv2.COLOR_RGB2YCrCb)[..., 0].astype(np.float32)
    np.testing.assert_array_equal(result, (luma / np.float32(255))[None])


def test_pipeline_reads_gray_images(image: Path) -> None:
    ops: Ops = [DecodeImage(cv2_flags=0), Resize((20, 30)), ChannelSplit(0), Normalize(), TENSOR]
    assert ProcessPipeline(ops)(image).shape == (1, 20, 30)


def test_pipeline_turns_gray_into_rgb(image: Path) -> None:
    ops: Ops = [
        DecodeImage(cv2_flags=0),
        CvtColor("COLOR_GRAY2RGB"),
        Normalize(True, MEAN, STD),
        TENSOR,
    ]
    assert ProcessPipeline(ops)(image).shape == (3, 60, 90)


def test_pipeline_says_that_pillow_does_not_decode(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "vackit"):
        ProcessPipeline([DecodeImage(backend="pillow"), TENSOR])
    assert "images are decoded by OpenCV, not by pillow" in caplog.text


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ([], r"^dataset\.process_ops: is empty, expected DecodeImage first"),
        ([Resize((4, 4)), TENSOR], r"^dataset\.process_ops\[0\]: Resize: comes first"),
        ([DECODE, DECODE, TENSOR], r"\[1\]: DecodeImage: comes after other ops"),
        ([DECODE, Resize((4, 4))], r"process_ops: has no ToTensor\n  hint: add '- type: ToTensor'"),
        ([DECODE, TENSOR, TENSOR], r"\[2\]: ToTensor: comes twice"),
        ([DECODE, Normalize(), Normalize(), TENSOR], r"\[2\]: Normalize: comes twice"),
        ([DECODE, TENSOR, Resize((4, 4))], r"\[2\]: Resize: comes after ToTensor, expected before"),
        ([DECODE, Normalize(), CenterCrop((4, 4)), TENSOR], r"\[2\]: CenterCrop: comes after Norm"),
        (
            [DECODE, Resize((4, 9)), CenterCrop((5, 5)), TENSOR],
            r"\[2\]: CenterCrop: crop of 5x5 is larger than the image, 9x4",
        ),
        ([DECODE, Resize((64, -1)), TENSOR], r"size is \[64, -1\], expected \[h(.|\n)*hint"),
        ([DECODE, Resize((64, 32), "long"), TENSOR], r"\[64, 32\], with adaptive_side"),
        ([DECODE, Resize((-1, -1), "short"), TENSOR], r"\[-1, -1\], with adaptive_side"),
        ([DECODE, Resize((4, 4), interpolation="sinc"), TENSOR], "interpolation is 'sinc'"),
        ([DecodeImage(cv2_flags=2), TENSOR], r"\[0\]: DecodeImage: cv2_flags is 2, expected 0"),
        (
            [DECODE, ChannelSplit(0), Normalize(True, MEAN, STD), TENSOR],
            r"\[2\]: Normalize: mean has 3 values for an image of 1 channels",
        ),
        (
            [DECODE, Normalize(True, MEAN, (0.0, 1.0, 1.0)), TENSOR],
            "with mean 0.485 and std 0 gives values beyond float32",
        ),
        ([DECODE, ChannelSplit(3), TENSOR], r"ChannelSplit: index is 3, the image has 3 channel"),
        ([DECODE, CvtColor("COLOR_PINK"), TENSOR], "code is 'COLOR_PINK', expected an OpenCV name"),
        ([DECODE, CvtColor("setNumThreads"), TENSOR], "code is 'setNumThreads', expected an"),
        ([DECODE, CvtColor("COLOR_GRAY2RGB"), TENSOR], "COLOR_GRAY2RGB does not take"),
        ([DECODE, ChannelSplit(0), CvtColor("COLOR_YUV2RGB_NV12"), TENSOR], "NV12 does not "),
        ([DECODE, CvtColor("COLOR_RGB2YUV_I420"), TENSOR], "I420 does not keep the image's size"),
    ],
    ids=[
        "empty", "no-decode", "two-decodes", "no-tensor", "two-tensors", "two-normalize",
        "resize-late", "crop-late", "crop-large", "resize-minus", "adaptive-two", "adaptive-none",
        "interpolation", "flags", "mean-length", "std-zero", "index", "no-code", "no-color",
        "code-channels", "code-size", "code-changes-size",
    ],
)  # fmt: skip
def test_pipeline_refuses_chains_that_cannot_work(ops: Ops, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ProcessPipeline(ops)


def test_pipeline_reports_all_that_is_wrong() -> None:
    ops: Ops = [DECODE, Resize((0, 4)), ChannelSplit(5), Normalize(True, (1, 2), (1, 2)), TENSOR]
    with pytest.raises(ConfigError, match="size is") as caught:
        ProcessPipeline(ops)
    assert [finding.key_path[-3:] for finding in caught.value.findings] == ["[1]", "[2]", "[3]"]


def test_pipeline_names_op_and_image_when_a_crop_does_not_fit(image: Path) -> None:
    pipeline = ProcessPipeline([DECODE, CenterCrop((61, 20)), TENSOR])
    with pytest.raises(DataError, match=r"noise\.png: .*\[1\] CenterCrop: crop of 20x61 is larger"):
        pipeline(image)


def test_pipeline_refuses_an_image_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "thin.png"
    Image.fromarray(PIXELS[:1].repeat(200, 1)).save(path)
    pipeline = ProcessPipeline([DECODE, Resize((4096, -1), "short"), TENSOR])
    with pytest.raises(DataError, match=r"thin\.png: .*Resize: resizing 18000x1 to 73728000x4096"):
        pipeline(path)


def test_pipeline_names_a_missing_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: .*"):
        ProcessPipeline([DECODE, TENSOR])(tmp_path / "gone.png")


def test_pipeline_describes_itself_for_the_manifest() -> None:
    ops: Ops = [DECODE, Resize((64, -1), "long"), Pad(), Normalize(True, MEAN, STD), TENSOR]
    description = ProcessPipeline(ops).describe()
    assert json.loads(json.dumps(description)) == list(description)
    assert description[1] == {
        "type": "Resize",
        "size": [64, -1],
        "adaptive_side": "long",
        "interpolation": "bilinear",
        "backend": "cv2",
    }
    assert description[3]["mean"] == list(MEAN)
    assert description[4] == {"type": "ToTensor"}


def test_pipeline_runs_no_code_unless_allowed(tmp_path: Path) -> None:
    code = tmp_path / "process.py"
    code.write_text("raise SystemExit('this must not run')")
    with pytest.raises(ConfigError, match=r"\[0\]: CustomFunc: runs code of (.|\n)*--allow_code"):
        ProcessPipeline([CustomFunc(code, "f")])


def test_pipeline_custom_func_stands_alone(tmp_path: Path) -> None:
    ops: Ops = [DECODE, CustomFunc(tmp_path / "process.py", "f"), TENSOR]
    with pytest.raises(ConfigError, match=r"\[1\]: CustomFunc: does the whole .*DecodeImage, ToT"):
        ProcessPipeline(ops, allow_code=True)


def test_pipeline_custom_func_runs_and_describes_itself(tmp_path: Path, image: Path) -> None:
    code = tmp_path / "process.py"
    code.write_text("import numpy as np\ndef f(path, shape):\n    return np.ones(shape)\n")
    pipeline = ProcessPipeline([CustomFunc(code, "f", (1, 3, 4, 5))], allow_code=True)
    result = pipeline(image)
    assert result.shape == (3, 4, 5)
    assert result.dtype == np.float32
    (description,) = pipeline.describe()
    assert description["module"] == "process.py"
    assert description["img_shape"] == [1, 3, 4, 5]
    assert len(description["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(description)
