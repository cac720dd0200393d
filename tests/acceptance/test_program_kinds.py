# SPDX-License-Identifier: Apache-2.0
"""Programs of every kind in the published style, each model built from a build YAML.

What they must print is known beforehand: the models are small enough to foretell.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vackit.compiler.pipeline import build
from vackit.config.build import load_build_config
from vackit.testing import picture_models
from vackit.testing.detection.models import color_segments, red_squares

RUNSTREAM = [
    sys.executable, "-c", "import sys; from vackit.cli.runstream import main; sys.exit(main())",
]  # fmt: skip
PROGRAMS = Path(__file__).parent / "programs"
LETTERBOX = "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR"
STRETCH = "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR"
RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # as OpenCV writes them
DTYPES = pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def runstream(program: str, *arguments: str) -> list[str]:
    """Run a program; return the lines of its stdout. Nothing may stand on stderr."""
    done = subprocess.run(
        [*RUNSTREAM, str(PROGRAMS / program), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


def vdsp(op_type: str, **config: Any) -> str:
    base = {"IimageFormat": "RGB_PLANAR", "ResizeType": "BILINEAR_CV",
            "ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255"}  # fmt: skip
    path = Path(f"{len(list(Path().glob('vdsp*')))}".join(("vdsp", ".json")))
    path.write_text(json.dumps({"OpType": op_type, "OpConfig": {**base, **config}}))
    return str(path)


def built(
    name: str, model: onnx.ModelProto, dtype: str = "fp16", shape: Any = None, **more: Any
) -> str:
    """Build a model and return its prefix; int8 is calibrated on noise and the pictures."""
    onnx.save(model, f"{name}.onnx")
    inputs = {
        value.name: [max(dim.dim_value, 1) for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    Path("noise").mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(4):
        (sizes,) = inputs.values()
        cv2.imwrite(f"noise/{i}.png", random.integers(0, 256, (*sizes[2:], 3), np.uint8))
        flat = np.full((*sizes[2:], 3), 255 * i // 3, np.uint8)
        cv2.imwrite(f"noise/flat{i}.png", flat)
    ops = [{"type": "DecodeImage"}, {"type": "Normalize"}, {"type": "ToTensor"}]
    config = {
        "name": name,
        "frontend": {"type": "onnx", "checkpoint": f"{name}.onnx", "dtype": "fp32",
                     "shape": shape or inputs},
        "backend": {"type": "tvm_vacc", "dtype": dtype, "quantize": {"calibrate_mode": "max"}},
        "dataset": {"type": "tvm", "path": "noise", "sampler": {"suffix": "png"},
                    "process_ops": ops},
        "workspace": {"path": "deploy"},
        **more,
    }  # fmt: skip
    config = {key: value for key, value in config.items() if value is not None}
    Path(f"{name}.yaml").write_text(json.dumps(config))  # JSON is YAML
    return str(build(load_build_config(Path(f"{name}.yaml"))).prefix)


def picture(name: str, size: tuple[int, int], *boxes: tuple[int, int, int, int, Any]) -> str:
    """Write a black picture with filled boxes (x, y, width, height, color)."""
    mat: NDArray[np.uint8] = np.zeros((*size, 3), np.uint8)
    for x, y, width, height, color in boxes:
        mat[y : y + height, x : x + width] = color
    cv2.imwrite(name, mat)
    return name


def assert_boxes(lines: list[str], wanted: dict[str, list[int]], limit: float) -> None:
    """Compare lines of ``name label score x1 y1 x2 y2``."""
    found = {}
    for line in lines:
        *head, _, x1, y1, x2, y2 = line.split(" ")
        found[" ".join(head)] = [float(side) for side in (x1, y1, x2, y2)]
    assert found.keys() == wanted.keys()
    for name, box in wanted.items():
        np.testing.assert_allclose(found[name], box, atol=limit)


def pixels(path: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(path), np.uint8)


NMS = {
    "extra_ops": {
        "type": "yolox_nms",
        "params": {"num_classes": 2, "nms_threshold": 0.5, "confidence_threshold": 0.6,
                   "strides": [8]},
    }
}  # fmt: skip


@DTYPES
def test_detection_in_batches_and_threads(dtype: str) -> None:
    prefix = built("squares", red_squares(), dtype, graph=NMS)
    one = picture("a.png", (32, 32), (4, 8, 4, 4, RED), (16, 0, 4, 4, BLUE))
    two = picture("b.png", (64, 32), (0, 40, 8, 8, RED))
    params = vdsp(LETTERBOX, Padding=[0, 0, 0])
    lines = runstream("detect_boxes.py", "-m", prefix, "--vdsp_params", params, "-b", "4",
                      "--profile", one, two)  # fmt: skip
    # int8 rounds centers and sizes to steps of about a pixel
    assert_boxes(lines[:-2], {
        "a.png: 0": [4, 8, 8, 12], "a.png: 1": [16, 0, 20, 4], "b.png: 0": [0, 40, 8, 48],
    }, 1.3 if dtype == "int8" else 0.0)  # fmt: skip
    assert lines[-2] == "batch 4 4"
    assert re.fullmatch(r"samples 48 throughput \(qps\): \d+\.\d\d latency .*", lines[-1])


@DTYPES
def test_segmentation_with_the_argmax_operator(dtype: str) -> None:
    prefix = built("colors", color_segments(), dtype)
    boxes = ((0, 0, 16, 8, RED), (8, 16, 8, 8, GREEN), (24, 0, 8, 32, BLUE))
    path = picture("a.png", (32, 32), *boxes)
    (line,) = runstream("segment.py", "-m", prefix, "--vdsp_params", vdsp(STRETCH), path)
    assert line == f"a.png [1, 1, 32, 32] {[1024 - 128 - 64 - 256, 128, 64, 256]}"
    mask = pixels("masks/a.png")
    assert np.unique(mask[0:8, 0:16]).tolist() == [1]


@pytest.mark.parametrize("form", ["NTC", "TNC", "TC"])
def test_text_is_found_and_read(form: str) -> None:
    detector = built("det", picture_models.text_map((64, 96)))
    recognizer = built("rec", picture_models.recognizer(16, 64, form))
    yellow, cyan = (0, 255, 255), (255, 255, 0)
    path = picture("a.png", (64, 96), (8, 8, 32, 16, yellow), (50, 40, 16, 8, cyan))
    mat = pixels(path)
    mat[8:24, 8:24], mat[8:24, 24:40] = [120, 120, 255], [255, 120, 120]  # red, blue: RB
    mat[40:48, 50:66] = [120, 255, 120]  # green
    cv2.imwrite(path, mat)
    lines = runstream(
        "read_text.py", "--det_model", detector, "--det_vdsp_params", vdsp(STRETCH),
        "--rec_model", recognizer, "--rec_vdsp_params",
        vdsp("FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT", Padding=[0, 0, 0],
             ResizeWidth=64, ResizeHeight=16, PaddingLeft=0, PaddingRight=0, PaddingTop=0,
             PaddingBottom=0),
        path,
    )  # fmt: skip
    assert lines == [
        "a.png (8, 8, 32, 16) RB (1, 8, 4)",
        "a.png (50, 40, 16, 8) G (1, 8, 4)",
    ]


@DTYPES
def test_super_resolution_with_the_pixel_operator(dtype: str) -> None:
    prefix = built("twice", picture_models.doubler((24, 32)), dtype)
    mat = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    cv2.imwrite("a.png", mat)
    (line,) = runstream("enlarge.py", "-m", prefix, "--vdsp_params", vdsp(STRETCH), "a.png")
    assert line == "(3, 48, 64) uint8"
    apart = pixels("large.png").astype(int) - mat.repeat(2, axis=0).repeat(2, axis=1)
    # float16 keeps 11 bits of a share; int8 has steps of 1 / 255 in activations and weights
    assert np.abs(apart).max() <= (3 if dtype == "int8" else 0)


def test_two_models_and_words_are_matched() -> None:
    images = (
        built("patches", picture_models.patch_means(4, 16), dataset=None),
        built("vector", picture_models.mean_vector(4), dataset=None),
    )
    words = built("words", picture_models.word_vector(), dataset=None)
    files = [
        picture(f"{name}.png", (40, 50), (0, 0, 50, 40, color))
        for name, color in (("r", RED), ("g", GREEN), ("b", BLUE))
    ]
    lines = runstream("match_text.py", "--imgmod_prefix", *images, "--txtmod_prefix", words, *files)
    assert [line.split(" [")[0] for line in lines] == ["r.png red", "g.png green", "b.png blue"]


@DTYPES
def test_dynamic_detection(dtype: str) -> None:
    model = red_squares()
    for value in (*model.graph.input, *model.graph.output):
        for axis in (2, 3):
            value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}{axis}"
    ranges = {"input": [[1, 3, 32, 32], [1, 3, 96, 96]]}
    ops = [{"type": "DecodeImage"}, {"type": "Resize", "size": [40, 64]}, {"type": "Normalize"},
           {"type": "ToTensor"}]  # fmt: skip
    prefix = built("any", model, dtype, ranges, graph=NMS, dataset={
        "type": "tvm", "path": "noise", "sampler": {"suffix": "png"}, "process_ops": ops,
    })  # fmt: skip
    files = [
        picture("a.png", (40, 64), (8, 16, 8, 8, RED)),
        picture("b.png", (64, 32), (16, 56, 8, 8, BLUE), (0, 0, 8, 8, RED)),
        picture("c.png", (96, 96), (88, 88, 8, 8, RED)),
    ]
    lines = runstream("detect_any_size.py", "-m", f"{prefix}_module_info.json", "--vdsp_params",
                      vdsp(LETTERBOX, Padding=[0, 0, 0]), *files)  # fmt: skip
    assert lines[0] == "largest [[1, 3, 64, 96]] [[1, 300], [1, 300], [1, 300, 4]]"
    assert_boxes(lines[1:], {
        "a.png [40, 64] 0": [8, 16, 16, 24], "b.png [64, 32] 0": [0, 0, 8, 8],
        "b.png [64, 32] 1": [16, 56, 24, 64], "c.png [96, 96] 0": [88, 88, 96, 96],
    }, 1.3 if dtype == "int8" else 0.0)  # fmt: skip
