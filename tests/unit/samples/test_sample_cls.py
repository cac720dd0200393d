# SPDX-License-Identifier: Apache-2.0
"""The classification sample: its lines, its files, its refusals."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import GRAPH_SUFFIX, WEIGHTS_SUFFIX, write_artifact
from vackit.compiler.emit import serialize
from vackit.errors import DataError, StreamError
from vackit.samples.sample_cls import main
from vackit.tensors import TensorSpec
from vackit.testing.tiny_artifacts import write_tiny_artifact

Output = pytest.CaptureFixture[str]

COLORS = {"n01/a.png": (255, 0, 0), "n02/b.png": (0, 0, 255), "n02/c.png": (10, 200, 10)}


def write_color_classifier(prefix: Path) -> None:
    """Write a classifier whose three scores are the means of red, green and blue."""
    shape = numpy_helper.from_array(np.array([0, 3], np.int64), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
            helper.make_node("Reshape", ["mean", "shape"], ["output"]),
        ],
        "colors",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 3])],
        [shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    data, weights = serialize(model, prefix.name + WEIGHTS_SUFFIX)
    inputs = (TensorSpec("input", (None, 3, 8, 8), "float32", "NCHW"),)
    outputs = (TensorSpec("output", (None, 3), "float32"),)
    manifest = Manifest("colors", "fp32", inputs, outputs, None, None, (), {}, "")
    write_artifact(prefix, manifest, {GRAPH_SUFFIX: data, WEIGHTS_SUFFIX: weights})


def write_model_info() -> None:
    triple = {"lib": "mod.onnx", "graph": "mod.vackit.json", "params": "mod.onnx.data"}
    paths = {f"model_{key}_path": f"colors/{name}" for key, name in triple.items()}
    Path("info.json").write_text(
        json.dumps({"model_name": "colors", **paths, "hw_config_file": None})
    )


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_color_classifier(Path("colors/mod"))
    write_model_info()
    config = {"IimageFormat": "RGB_PLANAR", "IimageWidth": 12, "IimageHeight": 10}
    config |= {"OimageWidth": 8, "OimageHeight": 8, "ResizeType": "BILINEAR_CV"}
    config |= {"ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255"}
    params = {"OpType": "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR", "OpConfig": config}
    Path("vdsp.json").write_text(json.dumps(params))
    Path("names.txt").write_text("red\ngreen: grass\nblue")
    for name, (red, green, blue) in COLORS.items():
        path = Path("images", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((10, 12, 3), (blue, green, red), np.uint8))


def arguments(*more: str, images: str = "images") -> list[str]:
    files = ["--file_path", images, "--model_info", "info.json", "--vdsp_params_info", "vdsp.json"]
    return [*files, "--label_txt", "names.txt", *more]


WANTED = """\
images/n01/a.png: Relay top-0 id: 0, prob: 1.00000000, class name: red
images/n01/a.png: Relay top-1 id: 1, prob: 0.00000000, class name: green: grass
images/n02/b.png: Relay top-0 id: 2, prob: 1.00000000, class name: blue
images/n02/b.png: Relay top-1 id: 0, prob: 0.00000000, class name: red
images/n02/c.png: Relay top-0 id: 1, prob: 0.78417969, class name: green: grass
images/n02/c.png: Relay top-1 id: 0, prob: 0.03921509, class name: red
"""  # 200 / 255 and 10 / 255 as float16 holds them


@pytest.mark.parametrize("batch", ["1", "2", "8"])
def test_run_writes_the_lines_of_every_image(capsys: Output, batch: str) -> None:
    assert main(arguments("--topk", "2", "--save_dir", "out", "--batch", batch)) == 0
    assert Path("out/vacl_cls_result.txt").read_text() == WANTED
    assert capsys.readouterr() == ("out/vacl_cls_result.txt: 3 images\n", "")


def test_save_dir_names_the_file_when_it_ends_in_txt() -> None:
    main(arguments("--save_dir", "new/x.txt"))
    assert len(Path("new/x.txt").read_text().splitlines()) == 9  # three classes an image


def test_run_says_in_a_sidecar_where_the_lines_come_from() -> None:
    main(arguments("--save_dir", "x.txt"))
    data = json.loads(Path("x.txt.json").read_text())
    assert data["emulated"] is True
    assert data["num_images"] == 3
    assert data["artifact"]["name"] == "colors"
    assert data["device"]["optimization_level"] == "ORT_ENABLE_ALL"
    assert set(data["tools"]) == {"vackit", "numpy", "opencv"}


def test_run_twice_is_harmless(capsys: Output) -> None:
    main(arguments("--save_dir", "x.txt"))
    before = Path("x.txt").stat().st_mtime_ns
    assert main(arguments("--save_dir", "x.txt")) == 0
    assert "3 images are there already, nothing to do" in capsys.readouterr().out
    assert Path("x.txt").stat().st_mtime_ns == before


def test_run_refuses_to_replace_another_result_unless_forced() -> None:
    main(arguments("--save_dir", "x.txt"))
    with pytest.raises(DataError, match=r"x\.txt: holds results of another run"):
        main(arguments("--save_dir", "x.txt", "--topk", "1"))
    assert main(arguments("--save_dir", "x.txt", "--topk", "1", "--force")) == 0
    assert len(Path("x.txt").read_text().splitlines()) == 3


def test_run_makes_a_changed_result_again_only_when_forced() -> None:
    main(arguments("--save_dir", "x.txt"))
    Path("x.txt").write_text("notes of mine")
    with pytest.raises(DataError, match="holds results of another run"):
        main(arguments("--save_dir", "x.txt"))
    assert Path("x.txt").read_text() == "notes of mine"


def test_topk_prints_the_lines_of_one_image(capsys: Output) -> None:
    assert main(arguments("--task", "topk", "--topk", "1", images="images/n02/c.png")) == 0
    out = capsys.readouterr().out
    assert out.startswith("images/n02/c.png: Relay top-0 id: 1, prob: 0.784")
    assert len(out.splitlines()) == 1
    assert not Path("vacl_cls_result.txt").exists()


def test_classes_are_called_by_their_index_when_there_are_no_names(capsys: Output) -> None:
    command = arguments("--task", "topk", "--topk", "1", images="images/n01/a.png")
    command = [argument for argument in command if argument not in ("--label_txt", "names.txt")]
    main(command)
    assert capsys.readouterr().out.endswith("class name: 0\n")


def test_an_unreadable_image_is_named_and_nothing_is_written() -> None:
    Path("images/n01/broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"images/n01/broken\.png: "):
        main(arguments("--save_dir", "x.txt"))
    assert not Path("x.txt").exists()


def test_a_missing_image_is_named() -> None:
    with pytest.raises(DataError, match=r"images/none\.png"):
        main(arguments(images="images/none.png"))


def test_class_names_must_be_as_many_as_the_models_classes() -> None:
    Path("names.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError, match=r"names\.txt: names 2 classes, the model .* has 3"):
        main(arguments())


def test_a_model_with_no_row_of_scores_is_refused() -> None:
    write_tiny_artifact(Path("colors/mod"), "identity")
    Path("names.txt").write_text("\n".join("12345678"))
    with pytest.raises(StreamError, match=r"output output \[N, 3, 8, 8\] float32 is no row of"):
        main(arguments())


@pytest.mark.parametrize("flag", ["--batch", "--topk"])
def test_counts_start_at_one(capsys: Output, flag: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments(flag, "0"))
    assert f"argument {flag}: '0' is no whole number from 1" in capsys.readouterr().err
