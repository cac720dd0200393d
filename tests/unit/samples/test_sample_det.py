# SPDX-License-Identifier: Apache-2.0
"""The detection sample: its files and its refusals."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from vackit.config.build import ExtraOps
from vackit.errors import DataError, StreamError
from vackit.samples.sample_det import main
from vackit.testing.detection.models import planted, red_squares

Compile = Callable[[onnx.ModelProto, ExtraOps | None], list[str]]
Output = pytest.CaptureFixture[str]

YOLOX = ExtraOps(
    "yolox_nms",
    {"num_classes": 2, "nms_threshold": 0.5, "confidence_threshold": 0.3, "strides": [8]},
)


@pytest.fixture
def flags(compiled: Compile) -> list[str]:
    """Return the flags that run the detector of squares over one picture with two."""
    arguments = compiled(red_squares(), YOLOX)
    picture = np.zeros((64, 64, 3), np.uint8)  # BGR
    picture[8:16, 16:24, 2] = 255
    picture[40:48, 0:8, 0] = 255
    cv2.imwrite("images/b/c.png", picture)
    return arguments


def test_each_image_gets_its_lines(flags: list[str], capsys: Output) -> None:
    assert main(flags) == 0
    assert capsys.readouterr().out == "out: 2 images, 2 of them new\n"
    assert Path("out/a.txt").read_text() == ""
    lines = Path("out/b/c.txt").read_text().splitlines()
    assert [(line[0], line[11:]) for line in sorted(lines)] == [
        ("0", "16.00 8.00 24.00 16.00"),
        ("1", "0.00 40.00 8.00 48.00"),
    ]


@pytest.mark.parametrize("batch", ["2", "8"])
def test_the_batch_changes_nothing(flags: list[str], batch: str) -> None:
    main(flags)
    main([*flags[:-1], "other", "--batch", batch])
    for name in ("a.txt", "b/c.txt"):
        assert Path("other", name).read_text() == Path("out", name).read_text()


def test_labels_stand_for_classes(flags: list[str]) -> None:
    Path("names.txt").write_text("red square\nblue\n")
    main([*flags, "--label_txt", "names.txt"])
    assert (
        "red square 0." in Path("out/b/c.txt").read_text()
        or "red square 1." in Path("out/b/c.txt").read_text()
    )


def test_too_few_labels_are_refused(flags: list[str]) -> None:
    Path("names.txt").write_text("red\n")
    with pytest.raises(DataError, match=r"names\.txt: names 1 classes, found class 1"):
        main([*flags, "--label_txt", "names.txt"])


def test_a_threshold_leaves_rows_out(flags: list[str]) -> None:
    main([*flags, "--threshold", "1.1"])
    assert Path("out/b/c.txt").read_text() == ""


def test_running_twice_is_harmless_and_another_run_is_refused(
    flags: list[str], capsys: Output
) -> None:
    main(flags)
    assert main(flags) == 0
    assert capsys.readouterr().out.endswith("out: 2 images, 0 of them new\n")
    with pytest.raises(DataError, match="holds results of another run"):
        main([*flags, "--threshold", "0.5"])
    assert main([*flags, "--threshold", "0.5", "--force"]) == 0


def test_the_run_says_where_its_files_come_from(flags: list[str]) -> None:
    main(flags)
    data = json.loads(Path("out/vackit_run.json").read_text())
    assert data["run"]["emulated"] is True
    assert set(data["files"]) == {"a.txt", "b/c.txt"}


def test_an_unreadable_image_is_named_and_a_second_run_goes_on(
    flags: list[str], capsys: Output
) -> None:
    Path("images/zz.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"images/zz\.png: "):
        main(flags)
    assert Path("out/a.txt").exists()


def test_a_model_without_post_processing_is_refused(compiled: Compile) -> None:
    arguments = compiled(red_squares(), None)
    with pytest.raises(
        StreamError, match="a detector returns scores and boxes, the model"
    ) as error:
        main(arguments)
    assert "graph.extra_ops" in error.value.hint


def test_a_face_detector_says_class_zero(compiled: Compile) -> None:
    priors = {"num_classes": 1, "nms_threshold": 0.4, "confidence_threshold": 0.02}
    priors |= {"anchor": [16], "strides": [32]}  # type: ignore[dict-item]
    outputs = {"box": (4, 4), "face": (4, 2)}
    model = planted(outputs, (64, 64))
    zeros = [
        onnx.helper.make_tensor(f"in_{name}", 1, [1, *shape], [0.0] * (shape[0] * shape[1]))
        for name, shape in outputs.items()
    ]
    del model.graph.input[1:]
    model.graph.initializer.extend(zeros)
    main(compiled(model, ExtraOps("retinaface_nms", priors)))
    lines = Path("out/b/c.txt").read_text().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("0 0.500000 ") for line in lines)
