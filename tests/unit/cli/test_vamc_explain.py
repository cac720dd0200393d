# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from tests.explain_networks import SIZE, network

from vackit.cli.vamc import main

CONFIG = """\
name: small
frontend:
  type: onnx
  checkpoint: small.onnx
  shape:
    input: [1, 3, 8, 8]
  dtype: fp32
backend:
  type: tvm_vacc
  dtype: int8
  quantize:
    calibrate_mode: max
dataset:
  type: tvm
  path: calib
  sampler:
    suffix: png
  process_ops:
    - type: DecodeImage
    - type: Normalize
    - type: ToTensor
workspace:
  path: deploy
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VACKIT_CACHE_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(7)
    for folder, count in (("calib", 8), ("val", 12)):
        for number in range(count):
            # synsets are classes: these are the first two of ImageNet's
            path = Path(folder, ("n01440764", "n01443537")[number % 2], f"img{number}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    onnx.save(network(), "small.onnx")
    Path("small.yaml").write_text(CONFIG)


@pytest.fixture
def prefix(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["build", "small.yaml"]) == 0
    capsys.readouterr()
    return "deploy/small/mod"


def test_explain_prints_a_table(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", prefix, "--images", "val", "--cures", "1", "--rows", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("deploy/small/mod: 8 nodes, 12 images of val\n")
    assert "top-1 of 12 labeled images: int8 " in out
    assert "... and 6 better ones (--all)" in out
    assert "cures, each made and measured on these images" in out
    assert err == ""


def test_explain_prints_json_and_writes_a_page(
    prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["explain", prefix, "--images", "val", "--cures", "0", "--json", "--limit", "5"]
    assert main([*command, "--html", "out/report.html"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["num_images"] == data["num_labeled"] == 5
    assert len(data["nodes"]) == 8
    assert err == "out/report.html: written\n"
    assert Path("out/report.html").read_text().startswith("<!DOCTYPE html>")


def test_explain_takes_a_label_file(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("label.txt").write_text("".join(f"img{i}.png 3\n" for i in range(12)))
    command = ["explain", prefix, "--images", "val", "--cures", "0", "--json"]
    with_file = [*command, "--label", "label.txt"]
    Path("val/n01440764").rename("val/a")
    Path("val/n01443537").rename("val/b")
    assert main(with_file) == 0
    assert json.loads(capsys.readouterr().out)["num_labeled"] == 12
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["num_labeled"] == 0
    assert err.startswith("no labels: agreement with float32 is counted instead (")


def test_explain_refuses_a_label_file_that_does_not_fit(
    prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("label.txt").write_text("".join(f"img{i}.png 10\n" for i in range(12)))
    assert main(["explain", prefix, "--images", "val", "--label", "label.txt"]) == 1
    assert "10" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["deploy/none/mod", "--images", "val"], 1, "deploy/none/mod: no compiled artifact here"),
        (["deploy/small/mod", "--images", "nowhere"], 1, "nowhere: no such folder"),
        (["deploy/small/mod"], 2, "required: --images"),
        (["deploy/small/mod", "--images", "val", "--limit", "0"], 2, "no whole number from 1"),
    ],
    ids=["prefix", "images", "usage", "limit"],
)
def test_explain_names_what_is_wrong(
    prefix: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    assert main(["explain", *arguments]) == code
    assert message in capsys.readouterr().err


def test_explain_needs_the_twin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "small.yaml", "--no_reference"]) == 0
    assert main(["explain", "deploy/small/mod", "--images", "val"]) == 1
    assert "its float twin is missing" in capsys.readouterr().err


def test_build_with_a_budget_says_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["build", "small.yaml", "--accuracy_drop", "100"]
    assert main([*command]) == 0
    out = capsys.readouterr().out
    assert "points of agreement with float32 lost on 8 images (95 %: " in out
    assert " lost), 100 were allowed" in out
    assert main([*command, "--eval_images", "val", "--json", "--force"]) == 0
    found = json.loads(capsys.readouterr().out)["accuracy_drop"]
    assert (found["measure"], found["num_labeled"]) == ("top1", 12)


def test_accuracy_rows_show_the_patch() -> None:
    from vackit.cli.accuracy_flags import accuracy_rows

    found = {
        "drop_points": 0.25,
        "drop_interval_95": [-0.5, 1.0],
        "num_tried": 2,
        "measure": "top1",
        "num_images": 400,
        "budget_points": 0.5,
        "yaml": "backend:\n  quantize:",
    }
    assert accuracy_rows(found) == [
        (
            "accuracy",
            "0.25 points of top1 lost on 400 images (95 %: -0.5 to 1.0 lost), 0.5 were allowed",
        ),
        ("patch", "found by 2 builds; the same as this in the build YAML:"),
        ("", "backend:"),
        ("", "  quantize:"),
    ]
    assert accuracy_rows(None) == []
    better = accuracy_rows({**found, "drop_points": -0.5, "yaml": ""})
    assert better[0][1].startswith("0.50 points of top1 gained on 400 images")


def test_build_names_its_own_label_flag(capsys: pytest.CaptureFixture[str]) -> None:
    Path("names.txt").write_text("only one\n")
    flags = ["--accuracy_drop", "1", "--eval_images", "val", "--eval_label", "names.txt"]
    assert main(["build", "small.yaml", *flags]) == 1
    err = capsys.readouterr().err
    assert "names.txt has 1 classes" in err
    assert "hint: add --eval_label with a file" in err
    assert not Path("deploy").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--accuracy_drop", "much"], "'much' is no number of points from 0 to 100"),
        (["--accuracy_drop", "nan"], "'nan' is no number of points from 0 to 100"),
        (["--eval_images", "val"], "--eval_images says on what --accuracy_drop is measured"),
        (["--accuracy_drop", "1", "--eval_label", "x"], "--eval_label labels the images of"),
        (
            ["--accuracy_drop", "1", "--set", "backend.dtype=fp16"],
            "--accuracy_drop is for int8; the build makes fp16",
        ),
    ],
    ids=["word", "nan", "images-alone", "label-alone", "fp16"],
)
def test_build_refuses_a_budget_that_makes_no_sense(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["build", "small.yaml", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path("deploy").exists()
