# SPDX-License-Identifier: Apache-2.0
"""Programs in the style published in 2023, run unmodified by ``runstream``."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.programs_2023 import BERT, CLASSIFICATION, DETECTION, LOST_IN_A_THREAD, NO_WAIT, OUTLINE

from vackit.config.vdsp import load_vdsp_params
from vackit.testing.program_models import write_model
from vackit.testing.tiny_artifacts import write_tiny_artifact
from vackit.vdsp.fusion import FusionOperator

RUNSTREAM = [
    sys.executable, "-c", "import sys; from vackit.cli.runstream import main; sys.exit(main())",
]  # fmt: skip

HALF = {"meanr": 14336, "meang": 14336, "meanb": 14336, "stdr": 13312, "stdg": 13312,
        "stdb": 13312}  # fmt: skip
CROP_FORM_A = {
    "vdsp_op_type": 300, "iimage_format": 5000, "iimage_width": 10, "iimage_height": 10,
    "iimage_width_pitch": 10, "iimage_height_pitch": 10, "short_edge_threshold": 10,
    "resize_type": 1, "color_cvt_code": 2, "color_space": 0, "crop_size": 8, "norma_type": 4,
    **HALF,
}  # fmt: skip
LETTERBOX_FORM_A = {
    "vdsp_op_type": 303, "iimage_format": 5000, "iimage_width": 8, "iimage_height": 8,
    "iimage_width_pitch": 8, "iimage_height_pitch": 8, "oimage_width": 8, "oimage_height": 8,
    "resize_type": 1, "color_cvt_code": 2,
    "color_space": 0, "edge_padding_type": 0, "padding_value_r": 114, "padding_value_g": 114,
    "padding_value_b": 114, "norma_type": 6, **HALF,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("cls.py", CLASSIFICATION), ("det.py", DETECTION), ("bert.py", BERT)):
        Path(name).write_text(text)
    Path("crop.json").write_text(json.dumps(CROP_FORM_A))
    Path("letterbox.json").write_text(json.dumps(LETTERBOX_FORM_A))
    info = {
        "model_name": "tiny", "model_lib_path": "deploy/mod.so",
        "model_graph_path": "deploy/mod.json", "model_params_path": "deploy/mod.params",
        "hw_config_file": "",
    }  # fmt: skip
    Path("info.json").write_text(json.dumps(info))


def runstream(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*RUNSTREAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def write_images(count: int) -> None:
    rng = np.random.default_rng(0)
    Path("images").mkdir()
    for i in range(count):
        size = (20 + 3 * i, 40 - 2 * i, 3)
        cv2.imwrite(f"images/{i:02d}.png", rng.integers(0, 256, size, np.uint8))


def detector() -> onnx.ModelProto:
    """Return a model (1, 3, 8, 8) -> ids (1, 3), scores (1, 3), boxes (1, 3, 4), one padded."""
    values = {
        "ids": np.array([[2, 5, -1]], np.float32),
        "scores": np.array([[0.75, 0.5, -1]], np.float32),
        "boxes": np.array([[[0, 1, 2, 3], [4, 5, 6, 7], [-1, -1, -1, -1]]], np.float32),
    }
    inits = [numpy_helper.from_array(value, f"{name}_value") for name, value in values.items()]
    inits.append(numpy_helper.from_array(np.zeros(1, np.float32), "zero"))
    inits.append(numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"))
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["most"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
        *(helper.make_node("Add", [f"{name}_value", "nothing"], [name]) for name in values),
    ]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 8, 8])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
            for name, value in values.items()
        ],
        inits,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def text_model() -> onnx.ModelProto:
    """Return a model of BERT's inputs (N, 8): pooled (N, 1), the sum of ids and mask."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    nodes = [
        helper.make_node("Sum", [f"{name}_float" for name in names], ["all"]),
        helper.make_node("ReduceSum", ["all", "axes"], ["pooled"], keepdims=1),
    ]
    nodes[:0] = [
        helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT) for name in names
    ]
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", 8]) for name in names],
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


CLS = (
    "cls.py", "--file_path", "images", "--model_info", "info.json", "--vdsp_params_info",
    "crop.json", "--label_txt", "labels.txt",
)  # fmt: skip


@pytest.mark.parametrize("mode", [["--sync"], [], ["--batch", "4"]], ids=["sync", "async", "batch"])
def test_classification_prints_what_the_model_says(mode: list[str]) -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    write_images(6)
    Path("labels.txt").write_text("\n".join(f"name {i}" for i in range(192)))
    done = runstream(*CLS, *mode, "--save", "out.npz")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 30
    assert lines[0].startswith("images/00.png: Relay top-0 id: ")
    operator = FusionOperator(load_vdsp_params(Path("crop.json")), (8, 8))
    with np.load("out.npz") as outs:
        for i, name in enumerate(outs.files):
            bgr = cv2.imread(f"images/{i:02d}.png")
            assert bgr is not None
            planes = np.ascontiguousarray(bgr[..., ::-1].transpose(2, 0, 1), np.uint8)
            wanted = operator(planes).reshape(-1)
            assert outs[name].dtype == np.float16
            np.testing.assert_array_equal(outs[name], wanted)


def test_detection_reads_ids_scores_and_boxes_up_to_the_padding() -> None:
    write_model("deploy/mod", detector(), max_batch=1)
    write_images(1)
    done = runstream("det.py", "letterbox.json", "info.json", "images/00.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "5 [1, 3] 2 0.75 [0.0, 1.0, 2.0, 3.0]\n5 [1, 3] 5 0.50 [4.0, 5.0, 6.0, 7.0]\n"
    )


def test_bert_runs_on_six_token_tensors() -> None:
    write_model("deploy/mod", text_model())
    done = runstream("bert.py", "deploy/mod")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[[7800.0]]\n"  # 101 + 7592 + 102 + 3 = 7798, float16 has steps of 4


def test_a_program_that_waits_for_a_lost_result_ends_with_an_error() -> None:
    # its callback raises, so the event that it waits for is never set
    write_tiny_artifact(Path("deploy/mod"), "identity")
    write_images(1)
    Path("labels.txt").write_text("a\n")
    broken = CLASSIFICATION.replace("self.results[input_id] = np", "self.missing[input_id] = np")
    Path("cls.py").write_text(broken)
    done = runstream(*CLS)
    assert done.returncode == 1
    assert "Exception ignored on calling ctypes callback function" in done.stderr
    assert "'Classification' object has no attribute 'missing'" in done.stderr
    assert done.stderr.rstrip().endswith(
        "the callback raised AttributeError for input 0; its result is lost"
    )


def test_threads_that_wait_for_a_lost_result_do_not_keep_the_program() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    Path("threads.py").write_text(OUTLINE.format(body=LOST_IN_A_THREAD))
    done = runstream("threads.py")
    assert (done.returncode, done.stdout) == (1, "got 0\n")
    assert done.stderr.rstrip().endswith(
        "the callback raised KeyError for input 1; its result is lost"
    )


def test_a_program_that_ends_without_a_wait_gets_its_results_and_its_exit_code() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    Path("nowait.py").write_text(OUTLINE.format(body=NO_WAIT))
    done = runstream("nowait.py")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "".join(f"{i} named [1, 192]\n" for i in range(40))


def test_the_documented_program_runs_as_it_stands(repo_root: Path) -> None:
    page = (repo_root / "docs/vaststream_2023.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    Path("program.py").write_text(f"{code}\nprint(results[7].shape, results[7].dtype)\n")
    write_tiny_artifact(Path("deploy/mod"), "classifier")
    Path("model_info.json").write_bytes(Path("info.json").read_bytes())
    Path("vdsp_params.json").write_bytes(Path("crop.json").read_bytes())
    cv2.imwrite("cat.jpg", np.zeros((30, 40, 3), np.uint8))
    done = runstream("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "(10,) float16\n", "")


def test_a_missing_model_is_a_message() -> None:
    write_images(1)
    Path("labels.txt").write_text("a\n")
    done = runstream(*CLS)
    assert (done.returncode, done.stdout) == (1, "")
    assert "deploy/mod: no compiled artifact here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_classification_of_real_images_matches_the_recorded_accuracy(shared: Path) -> None:
    # the 1.0 form keeps the aspect: short edge to 256, center crop of 224
    from vackit.compiler.pipeline import build
    from vackit.config.build import load_build_config

    Path("build.yaml").write_text(
        "name: mobilenet\n"
        "frontend:\n"
        "  type: onnx\n"
        f"  checkpoint: {shared}/models/mobilenetv1_025_keras.onnx\n"
        "  shape: {input: [1, 3, 224, 224]}\n"
        "backend: {type: tvm_vacc, dtype: fp32}\n"
        "workspace: {path: deploy}\n"
    )
    build(load_build_config(Path("build.yaml")))
    form = {
        **CROP_FORM_A, "iimage_width": 256, "iimage_height": 256, "iimage_width_pitch": 256,
        "iimage_height_pitch": 256, "short_edge_threshold": 256, "crop_size": 224,
        "norma_type": 3, **dict.fromkeys(("meanr", "meang", "meanb"), 22520),
        **dict.fromkeys(("stdr", "stdg", "stdb"), 22520),
    }  # fmt: skip
    Path("crop.json").write_text(json.dumps(form))
    info = json.loads(Path("info.json").read_text())
    for key, suffix in (("lib", "so"), ("graph", "json"), ("params", "params")):
        info[f"model_{key}_path"] = f"deploy/mobilenet/mod.{suffix}"
    Path("info.json").write_text(json.dumps(info))
    Path("labels.txt").write_text("\n".join(f"name {i}" for i in range(1000)))
    synsets = (shared / "imagenet/synsets.txt").read_text().split()
    Path("images").mkdir()
    for folder in sorted((shared / "imagenet/val").iterdir()):
        for picture in sorted(folder.iterdir()) if folder.is_dir() else ():
            Path(f"images/{folder.name}-{picture.name}").symlink_to(picture)
    done = runstream(*CLS)
    assert (done.returncode, done.stderr) == (0, "")
    tops = [line for line in done.stdout.splitlines() if "Relay top-0" in line]
    right = 0
    for line in tops:
        path, _, rest = line.partition(": Relay top-0 id: ")
        name = Path(path).name.partition("-")[0]
        right += int(rest.partition(",")[0]) == synsets.index(name)
    baseline = json.loads((shared / "imagenet/baselines.json").read_text())["val"]["models"]
    recorded = baseline["mobilenetv1_025_keras"]["top1_count"]
    # the set's images are square, so a short edge of 256 is the recorded stretch to 256 x 256;
    # two images: another ONNX Runtime may add floats in another order
    assert abs(right - recorded) <= 2
