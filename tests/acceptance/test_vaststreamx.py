# SPDX-License-Identifier: Apache-2.0
"""Programs in the published style, run as they are by ``runstream``: stderr stays empty."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from vackit.compiler.pipeline import build
from vackit.config.build import load_build_config
from vackit.testing.program_models import text_model
from vackit.testing.tiny_artifacts import write_tiny_artifact

RUNSTREAM = [
    sys.executable, "-c", "import sys; from vackit.cli.runstream import main; sys.exit(main())",
]  # fmt: skip
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for i, (height, width) in enumerate(((30, 40), (31, 21), (64, 64))):
        small = random.integers(0, 256, (5, 6, 3), np.uint8)
        cv2.imwrite(f"{i}.png", cv2.resize(small, (width, height)))
    cv2.imwrite("even.jpg", cv2.resize(random.integers(0, 256, (5, 6, 3), np.uint8), (96, 72)))


def runstream(program: str, *arguments: str) -> str:
    """Run a program; return its stdout. Nothing may stand on stderr."""
    done = subprocess.run(
        [*RUNSTREAM, str(PROGRAMS / program), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def write_vdsp(op_type: str, **config: Any) -> None:
    base = {"IimageFormat": "RGB_PLANAR", "ResizeType": "BILINEAR_CV",
            "ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255"}  # fmt: skip
    data = {"OpType": op_type, "OpConfig": {**base, **config}}
    Path("vdsp.json").write_text(json.dumps(data))


def test_images_and_functions_without_a_model() -> None:
    assert runstream("image_functions.py", "--image", "even.jpg").splitlines() == [
        "created: 96 x 72 ImageFormat.BGR_INTERLEAVE (72, 96, 3)",
        "cvtcolor: ImageFormat.YUV_NV12 ImageFormat.RGB_PLANAR ImageFormat.GRAY",
        "resize: 48 x 36",
        "crop: 20 x 10",
        "border: 120 x 100",
        "warpaffine: 96 x 72",
        "flip: 96 x 72",
        "scale: 48 x 36, 24 x 18",
        "batch: 2 of 16 x 16",
        "tensor: [1, 1, 4, 8] 32",
        "jpeg: 96 x 72 pitch 128 x 72",
        "cards: 1 EMULATOR 0",
    ]


def test_single_operators_without_a_model() -> None:
    lines = runstream("single_operators.py", "--image", "even.jpg").splitlines()
    assert lines == [
        "RESIZE ImageFormat.YUV_NV12 48 36",
        "CROP ImageFormat.YUV_NV12 32 16",
        "CVT_COLOR ImageFormat.RGB_PLANAR 96 72",
        "BATCH_CROP_RESIZE ImageFormat.YUV_NV12 24 24 x 2",
        "SCALE ImageFormat.YUV_NV12 48 36 x 2",
        "FLIP ImageFormat.YUV_NV12 96 72",
        "WARP_AFFINE ImageFormat.BGR_INTERLEAVE 96 72",
        "COPY_MAKE_BORDER ImageFormat.BGR_INTERLEAVE 64 64",
        "argmax True",
        "end of data",
    ]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_classification(mode: str) -> None:
    write_tiny_artifact(Path("deploy/mod"), "classifier")
    write_vdsp(
        "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR", IimageWidth=256, IimageHeight=256,
        IimageWidthPitch=256, IimageHeightPitch=256, ResizeWidth=10, ResizeHeight=10, CropX=1,
        CropY=1, OimageWidth=8, OimageHeight=8,
    )  # fmt: skip
    arguments = ["--model_prefix_path", "deploy/mod", "--vdsp_params_info", "vdsp.json"]
    out = runstream("classification.py", *arguments, "--mode", mode, "0.png", "1.png", "2.png")
    lines = out.splitlines()
    assert len(lines) == 3
    for i, line in enumerate(lines):
        path, top, rest, same = line.split(" ", 3)
        assert (path, top) == (f"{i}.png:", "top-0")
        assert 0 <= int(rest) < 10
        assert same == "preprocess (3, 8, 8) float16"
    other = "async" if mode == "sync" else "sync"
    assert runstream("classification.py", *arguments, "--mode", other, *("0.png", "1.png", "2.png")
                     ).splitlines() == lines  # fmt: skip


def test_detection_with_letterbox_and_nv12() -> None:
    write_tiny_artifact(Path("deploy/mod"), "two_outputs", "fp16")
    for op_type, extra in (
        ("FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR",
         {"Padding": [114, 114, 114], "EdgePaddingType": "CONSTANT"}),
        ("FUSION_OP_YUV_NV12_LETTERBOX_2RGB_NORM_TENSOR",
         {"IimageFormat": "YUV_NV12", "Padding": [114, 114, 114],
          "EdgePaddingType": "CONSTANT"}),
    ):  # fmt: skip
        write_vdsp(op_type, **extra)
        if "NV12" in op_type:
            data = json.loads(Path("vdsp.json").read_text())
            del data["OpConfig"]["IimageFormat"], data["OpConfig"]["ColorCvtCode"]
            Path("vdsp.json").write_text(json.dumps(data))
        out = runstream("detection.py", "-m", "deploy/mod", "--vdsp_params", "vdsp.json", "0.png",
                        "2.png")  # fmt: skip
        assert out.splitlines() == [
            "0.png ratio 0.2000 pads 0.0 1.0 shapes [[1, 4], [1, 4, 8, 8]] float16",
            "2.png ratio 0.1250 pads 0.0 0.0 shapes [[1, 4], [1, 4, 8, 8]] float16",
        ]


def test_text_through_a_compiled_model() -> None:
    onnx.save(text_model(), "text.onnx")
    shapes = {name: [1, 4] for name in ("input_ids", "attention_mask", "token_type_ids")}
    Path("build.yaml").write_text(
        "name: text\n"
        f"frontend: {{type: onnx, checkpoint: text.onnx, dtype: int64, shape: {shapes}}}\n"
        "backend: {type: tvm_vacc, dtype: fp16}\n"
        "workspace: {path: deploy}\n".replace("'", "")
    )
    build(load_build_config(Path("build.yaml")))
    assert runstream("text.py", "-m", "deploy/text/mod").splitlines() == [
        "inputs 3 [[1, 4], [1, 4], [1, 4]]",
        "[710.0, 810.0, 911.0, 0.0]",
        "[110.0, 211.0, 311.0, 410.0]",
    ]


WAITS_FOR_A_THREAD = """
import threading
from queue import Queue
import numpy as np
import vaststreamx as vsx

graph, model_op = vsx.Graph(), vsx.ModelOperator(vsx.Model("deploy/mod", 1))
graph.add_operators(*vsx.Operator.load_ops_from_json_file("vdsp.json"), model_op)
stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
stream.register_operator_output(model_op)
stream.build()
results = Queue()


def take():
    while True:
        try:
            results.put(stream.get_operator_output(model_op))
        except ValueError:
            break


threading.Thread(target=take).start()
image = vsx.create_image(np.zeros((3, 9, 9), np.uint8), vsx.ImageFormat.RGB_PLANAR, 9, 9, 0)
stream.run_async([image])
results.get()
"""


@pytest.mark.slow
def test_a_program_whose_thread_ended_in_an_error_does_not_wait_for_ever() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    write_vdsp("FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR")
    Path("program.py").write_text(WAITS_FOR_A_THREAD)
    done = subprocess.run(
        [*RUNSTREAM, "program.py"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "vdsp.json: image is 9x9, expected 8x8: RGB_CVTCOLOR does not resize"
    )
