# SPDX-License-Identifier: Apache-2.0
"""Small artifacts and images for the samples' own tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from vackit.compiler.pipeline import build
from vackit.config.build import Backend, BuildConfig, ExtraOps, Frontend, Quantize

Compile = Callable[..., list[str]]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compile:
    """Return a function: a model and extra ops to the flags of a sample that runs it.

    Two images stand in ``images``: ``a.png`` 12 x 10 and ``b/c.png`` 16 x 16.
    """
    monkeypatch.chdir(tmp_path)
    Path("images/b").mkdir(parents=True)
    cv2.imwrite("images/a.png", np.zeros((10, 12, 3), np.uint8))
    cv2.imwrite("images/b/c.png", np.full((16, 16, 3), 255, np.uint8))

    def compile_model(
        model: onnx.ModelProto,
        extra: ExtraOps | None = None,
        op_type: str = "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR",
    ) -> list[str]:
        onnx.save(model, "model.onnx")
        frontend = Frontend("onnx", Path("model.onnx"), {})
        backend = Backend("tvm_vacc", "fp32", Quantize())
        build(BuildConfig("tiny", "current", frontend, backend, extra, None, Path("deploy")))
        config: dict[str, Any] = {"IimageFormat": "RGB_PLANAR", "NormaType": "DIV255"}
        config |= {"ColorCvtCode": "NO_CHANGE", "ResizeType": "BILINEAR_CV"}
        config |= {"OimageWidth": 64, "OimageHeight": 64} if "CROP" in op_type else {}
        config |= {"ResizeWidth": 64, "ResizeHeight": 64} if "CROP" in op_type else {}
        Path("vdsp.json").write_text(json.dumps({"OpType": op_type, "OpConfig": config}))
        flags = ["--file_path", "images", "--model_prefix_path", "deploy/tiny/mod"]
        return [*flags, "--vdsp_params_info", "vdsp.json", "--save_dir", "out"]

    return compile_model
