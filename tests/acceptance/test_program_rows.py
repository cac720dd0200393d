# SPDX-License-Identifier: Apache-2.0
"""Programs in the published style that check themselves against OpenCV and numpy.

Each is run as a user runs it, from a folder of its own; stderr stays empty.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.testing.tiny_artifacts import write_tiny_artifact

RUNSTREAM = [
    sys.executable,
    "-c",
    "import sys; from vackit.cli.runstream import main; sys.exit(main())",
]
PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Row:
    """A program, what it is given, and what it prints."""

    program: str
    arguments: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


ROWS = [
    Row(
        "images_and_tensors.py",
        [],
        [
            "ImageFormat.BGR_INTERLEAVE (6, 8, 3) [6, 8, 3]",
            "ImageFormat.RGB_INTERLEAVE (6, 8, 3) [6, 8, 3]",
            "ImageFormat.RGB_PLANAR (3, 6, 8) [3, 6, 8]",
            "ImageFormat.BGR_PLANAR (3, 6, 8) [3, 6, 8]",
            "ImageFormat.YUV_NV12 (9, 8) [9, 8]",
            "ImageFormat.GRAY (6, 8) [6, 8]",
            "[1, 2, 3] True",
            "ImageFormat.RGB_INTERLEAVE ImageFormat.RGB_INTERLEAVE YUV_NV12 5002",
            "[1, 1, 512, 512] 262144 True 262144",
            "0.00 0.00 0.00 0.00 EMULATED0000 EMULATOR",
        ],
    ),
    Row(
        "fused_operators.py",
        ["-m", "deploy/identity"],
        [
            f"{name} float16 same right"
            for name in (
                "RGB_RESIZE_CVTCOLOR_CROP",
                "RGB_RESIZE_CVTCOLOR",
                "RGB_CROP_RESIZE_CVTCOLOR",
                "RGB_LETTERBOX_CVTCOLOR",
                "RGB_LETTERBOX_CVTCOLOR_EXT",
                "YUV_NV12_RESIZE_2RGB",
                "YUV_NV12_CVTCOLOR_RESIZE",
                "YUV_NV12_RESIZE_CVTCOLOR_CROP",
                "YUV_NV12_CROP_CVTCOLOR_RESIZE",
                "YUV_NV12_CVTCOLOR_RESIZE_CROP",
                "YUV_NV12_CVTCOLOR_LETTERBOX",
                "YUV_NV12_LETTERBOX_2RGB",
            )
        ],
    ),
    Row(
        "codecs.py",
        ["--image", "even.jpg"],
        [
            "jpeg: 4 of 96 x 72, pitch 128 x 72 ImageFormat.YUV_NV12",
            "encoded again: near",
            "out.h264: 4 of 96 x 72",
            "out.h265: 4 of 96 x 72",
            "out.mjpeg: 4 of 96 x 72",
            "copied 4 of CodecType.CODEC_TYPE_H264 True",
            "copied 4 of CodecType.CODEC_TYPE_H265 True",
        ],
    ),
    Row(
        "package/samples/resnet/resnet.py",
        ["-m", "deploy/classifier", "--vdsp_params", "rgb.json", "a.png", "b.png", "c.png"],
        [
            "Top5: (1, 10) float32 True",
            "together True",
            "async True",
            "profiled 200",
            "spawn True",
            "fork True",
        ],
    ),
]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    sizes = {"even.jpg": (96, 72), "a.png": (40, 30), "b.png": (21, 31), "c.png": (64, 64)}
    for name, size in sizes.items():
        cv2.imwrite(name, cv2.resize(random.integers(0, 256, (5, 6, 3), np.uint8), size))
    for kind in ("identity", "classifier"):
        write_tiny_artifact(Path("deploy") / kind, kind)
    config = {
        "IimageFormat": "RGB_PLANAR",
        "ResizeWidth": 10,
        "ResizeHeight": 10,
        "ResizeType": "BILINEAR_CV",
        "ColorCvtCode": "NO_CHANGE",
        "NormaType": "DIV255",
    }
    op_type = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
    Path("rgb.json").write_text(json.dumps({"OpType": op_type, "OpConfig": config}))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: Path(row.program).stem)
def test_a_program_prints_what_it_should(row: Row) -> None:
    done = subprocess.run(
        [*RUNSTREAM, str(PROGRAMS / row.program), *row.arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines() == row.lines
