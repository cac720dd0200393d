# SPDX-License-Identifier: Apache-2.0
"""The examples of the stream's pages run as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.testing.tiny_artifacts import write_tiny_artifact

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
EXPECTED = [r"\(1, 10\)\n", r"(\d\.png \d\n){3}", r"\[\d, \d, \d\]\n"]


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("index", range(3), ids=["one", "many", "server"])
def test_example_runs(index: int, repo_root: Path, tmp_path: Path) -> None:
    write_tiny_artifact(tmp_path / "deploy" / "mod", "classifier")
    config = {
        "IimageFormat": "RGB_PLANAR", "ResizeWidth": 10, "ResizeHeight": 10,
        "ResizeType": "BILINEAR_CV", "CropX": 1, "CropY": 1, "OimageWidth": 8, "OimageHeight": 8,
        "ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255",
    }  # fmt: skip
    params = {"OpType": "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR", "OpConfig": config}
    (tmp_path / "vdsp.json").write_text(json.dumps(params))
    (tmp_path / "images").mkdir()
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    for name in ("cat.png", "images/0.png", "images/1.png", "images/2.png"):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "example.py").write_text(blocks(repo_root / "docs" / "stream.md")[index])
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert re.fullmatch(EXPECTED[index], done.stdout)


def test_custom_operator_example_runs(repo_root: Path, tmp_path: Path) -> None:
    (block,) = blocks(repo_root / "docs" / "vaststreamx.md")
    (tmp_path / "ops.py").write_text(block)
    (tmp_path / "program.py").write_text(
        "import struct, vaststreamx as vsx\n"
        "op = vsx.CustomOperator('doubler', 'elf')\n"
        "made = op.run_sync([vsx.from_numpy([1.0, 2.0])], config=struct.pack('<f', 2))\n"
        "print(vsx.as_numpy(made[0]))\n"
    )
    code = "import sys; from vackit.cli.runstream import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--ops", "ops.py", "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2. 4.]\n", "")
