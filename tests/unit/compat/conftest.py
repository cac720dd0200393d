# SPDX-License-Identifier: Apache-2.0
"""Artifacts and vdsp params in a folder of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONFIG = {
    "IimageFormat": "RGB_PLANAR", "IimageWidth": 256, "IimageHeight": 256,
    "ResizeWidth": 10, "ResizeHeight": 10, "ResizeType": "BILINEAR_CV", "CropX": 1, "CropY": 1,
    "OimageWidth": 8, "OimageHeight": 8, "ColorCvtCode": "NO_CHANGE",
    "NormaType": "DIV255_MINUSMEAN_DIVSTD", "Mean": [0.5, 0.5, 0.5], "Std": [0.25, 0.25, 0.25],
}  # fmt: skip
CROP_OP = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"

WriteVdsp = Callable[..., str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VACKIT_DEVICE", "")


@pytest.fixture
def write_vdsp(tmp_path: Path) -> WriteVdsp:
    """Return a function that writes a vdsp_params JSON and returns its path."""

    def write(op_type: str = CROP_OP, config: dict[str, Any] | None = None, **changes: Any) -> str:
        merged = {**(CONFIG if config is None else config), **changes}
        data = {"OpType": op_type, "OpConfig": {k: v for k, v in merged.items() if v is not None}}
        path = tmp_path / "vdsp.json"
        path.write_text(json.dumps(data))
        return str(path)

    return write
