# SPDX-License-Identifier: Apache-2.0
"""The samples as their users run them: compiled models, ``runstream``, files on disk."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.pipeline import build
from vackit.config.build import load_build_config
from vackit.data.npz import read_npz, write_npz
from vackit.testing.detection.models import color_segments, red_squares

RUNSTREAM = [
    sys.executable, "-c", "import sys; from vackit.cli.runstream import main; sys.exit(main())",
]  # fmt: skip
YOLOX = "{num_classes: 2, nms_threshold: 0.5, confidence_threshold: 0.3, strides: [8]}"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def runstream(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*RUNSTREAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def compile_model(model: onnx.ModelProto, shape: str, extra: str = "") -> None:
    onnx.save(model, "model.onnx")
    Path("build.yaml").write_text(
        f"name: tiny\nfrontend: {{type: onnx, checkpoint: model.onnx, shape: {shape}}}\n"
        f"backend: {{type: tvm_vacc, dtype: fp16}}\nworkspace: {{path: deploy}}\n{extra}"
    )
    build(load_build_config(Path("build.yaml")))


def write_vdsp(op_type: str = "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR") -> None:
    config = {"IimageFormat": "RGB_PLANAR", "ResizeType": "BILINEAR_CV", "Padding": [0, 0, 0]}
    config |= {"ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255"}
    Path("vdsp.json").write_text(json.dumps({"OpType": op_type, "OpConfig": config}))


def write_image(name: str, rgb: NDArray[np.uint8]) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(name, rgb[..., ::-1])


COMMON = ["--model_prefix_path", "deploy/tiny/mod", "--vdsp_params_info", "vdsp.json"]


def test_sample_det_finds_squares_in_the_pixels_of_the_picture() -> None:
    extra = f"graph: {{extra_ops: {{type: yolox_nms, params: {YOLOX}}}}}\n"
    compile_model(red_squares(), "{input: [1, 3, 64, 64]}", extra)
    write_vdsp()
    # 128 x 64 becomes 64 x 32 with 16 rows of padding above: cells are 16 pixels of it
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[16:32, 48:64, 0] = 255
    picture[32:48, 96:112, 2] = 255
    write_image("images/a.png", picture)
    write_image("images/deep/empty.jpg", np.zeros((50, 50, 3), np.uint8))
    Path("names.txt").write_text("red square\nblue square\n")
    command = ["sample_det.py", "--file_path", "images", *COMMON, "--label_txt", "names.txt"]
    done = runstream(*command, "--save_dir", "out", "--batch", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "out: 2 images, 2 of them new\n"
    lines = sorted(Path("out/a.txt").read_text().splitlines())
    assert [line.rsplit(" ", 5)[0] for line in lines] == ["blue square", "red square"]
    boxes = [[float(each) for each in line.split()[-4:]] for line in lines]
    # the picture is halved exactly, and float16 holds pixels up to 64 to 1/32
    np.testing.assert_allclose(boxes, [[96, 32, 112, 48], [48, 16, 64, 32]], atol=0.1)
    assert Path("out/deep/empty.txt").read_text() == ""
    done = runstream(*command, "--save_dir", "out", "--batch", "2")
    assert (done.returncode, done.stdout) == (0, "out: 2 images, 0 of them new\n")


def test_sample_seg_writes_masks_in_the_size_of_the_picture() -> None:
    compile_model(color_segments(), "{input: [1, 3, 32, 32]}")
    write_vdsp()
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :20, 1], picture[:, 20:, 2] = 255, 255
    write_image("images/a.png", picture)
    command = ["sample_seg.py", "--file_path", "images", *COMMON, "--save_dir", "out"]
    done = runstream(*command)
    assert (done.returncode, done.stderr) == (0, "")
    mask = np.asarray(cv2.imread("out/a.png", cv2.IMREAD_UNCHANGED))
    assert mask.shape == (20, 40)
    # rows and columns at the edges and at the border of the colors are resized together
    assert (mask[2:-2, :18] == 2).all()
    assert (mask[2:-2, 22:] == 3).all()


def test_sample_async_keeps_the_order_of_the_images() -> None:
    compile_model(color_segments(), "{input: [1, 3, 32, 32]}")
    write_vdsp()
    for number in range(24):
        color = np.zeros((32, 32, 3), np.uint8)
        color[..., number % 3] = 255
        write_image(f"images/{number}.png", color)
    command = ["sample_async.py", "--file_path", "images", *COMMON, "--save_dir", "out"]
    done = runstream(*command, "--batch", "4", "--clients", "6")
    assert (done.returncode, done.stderr) == (0, "")
    assert "24 images from 6 clients in " in done.stdout
    lines = Path("out/async_result.txt").read_text().splitlines()
    pixels = 32 * 32  # the first pixel of the winning class, of scores (4, 32, 32)
    wanted = [f"images/{i}.png: best {(1 + i % 3) * pixels}, value 1.000000" for i in range(24)]
    assert lines == wanted


def text_model() -> onnx.ModelProto:
    """Return 100 x tokens + 10 x mask + types, summed over four places: (N, 1)."""
    names = ["input_ids", "attention_mask", "token_type_ids"]
    weights = np.array([100, 10, 1], np.float32)
    nodes, parts = [], []
    for name, weight in zip(names, weights, strict=True):
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_float"], to=1),
            helper.make_node("Mul", [f"{name}_float", f"{name}_w"], [f"{name}_part"]),
        ]
        parts.append((f"{name}_part", numpy_helper.from_array(np.array(weight), f"{name}_w")))
    nodes += [
        helper.make_node("Sum", [part for part, _ in parts], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["output"], axes=[1], keepdims=1),
    ]
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", 4]) for name in names],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 1])],
        [weight for _, weight in parts],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_sample_nlp_runs_the_six_tensors_of_published_programs() -> None:
    shape = "{input_ids: [1, 4], attention_mask: [1, 4], token_type_ids: [1, 4]}"
    compile_model(text_model(), shape)
    Path("tokens").mkdir()
    mask, types = np.array([[1, 1, 0, 0]], np.int32), np.array([[0, 1, 1, 1]], np.int32)
    for number in range(3):
        tokens = np.full((1, 4), number, np.int32)
        arrays = [tokens, types, mask, mask, mask, mask]
        write_npz(Path(f"tokens/{number}.npz"), {f"input_{i}": a for i, a in enumerate(arrays)})
    Path("vdsp.json").write_text('{"OpType": "BERT_EMBEDDING_OP"}')
    command = ["sample_nlp.py", "--file_path", "tokens", *COMMON, "--save_dir", "out"]
    done = runstream(*command, "--batch", "2")
    assert (done.returncode, done.stderr) == (0, "")
    values = [read_npz(Path(f"out/output_00000{i}.npz"))["output_0"].item() for i in range(3)]
    # 10 x half of the places + 3 of 4 places of type 1
    assert values == [5.75, 105.75, 205.75]
    assert json.loads(Path("out/vackit_results.json").read_text())["num_outputs"] == 3


@pytest.mark.parametrize("name", ["sample_det", "sample_seg", "sample_async", "sample_nlp"])
def test_every_sample_is_listed_and_helps(name: str) -> None:
    assert name in runstream("--list").stdout
    done = runstream(f"{name}.py", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for flag in ("--file_path", "--model_prefix_path", "--vdsp_params_info", "--save_dir"):
        assert flag in done.stdout
