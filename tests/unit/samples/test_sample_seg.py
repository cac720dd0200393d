# SPDX-License-Identifier: Apache-2.0
"""The segmentation sample: masks from every kind of output, and its refusals."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.errors import StreamError
from vackit.samples.sample_seg import classes_of, main
from vackit.testing import tiny_models
from vackit.testing.detection.models import color_segments

Compile = Callable[..., list[str]]


def test_every_picture_gets_a_mask_of_its_size(compiled: Compile) -> None:
    arguments = compiled(color_segments())
    cv2.imwrite("images/a.png", np.full((10, 12, 3), (0, 0, 255), np.uint8))
    assert main(arguments) == 0
    mask = np.asarray(cv2.imread("out/a.png", cv2.IMREAD_UNCHANGED))
    assert mask.shape == (10, 12)
    assert mask.dtype == np.uint8
    assert (mask[1:-1] == 1).all()


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (np.array([[[0.1, 0.9]], [[0.5, 0.2]]], np.float32), [[1, 0]]),
        (np.array([[[3.0, 4.0]]], np.float16), [[3, 4]]),
        (np.array([[3, 200]], np.int64), [[3, 200]]),
        (np.array([[[1.0]], [[1.0]]], np.float32), [[0]]),
    ],
    ids=["scores", "classes with a channel", "classes", "a tie"],
)
def test_classes_of(
    output: np.ndarray[tuple[int, ...], np.dtype[np.float32]], wanted: object
) -> None:
    assert classes_of(output).tolist() == wanted


def test_a_model_that_returns_no_picture_is_refused(compiled: Compile) -> None:
    arguments = compiled(tiny_models.classifier())
    with pytest.raises(StreamError, match=r"a segmenter returns \[N, classes up to 256, h, w\]"):
        main(arguments)


def test_an_operator_that_crops_is_refused(compiled: Compile) -> None:
    crop = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
    arguments = compiled(color_segments(64), op_type=crop)
    with pytest.raises(StreamError, match="leaves no way back"):
        main(arguments)
    assert not Path("out").exists()


def test_running_twice_is_harmless(compiled: Compile, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = compiled(color_segments())
    main(arguments)
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith("out: 2 masks, 0 of them new\n")


def test_a_single_image_is_enough(compiled: Compile) -> None:
    arguments = compiled(color_segments())
    main(["--file_path", "images/b/c.png", *arguments[2:]])
    assert Path("out/c.png").exists()
