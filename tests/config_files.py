# SPDX-License-Identifier: Apache-2.0
"""Build YAMLs and vdsp params that the tests of configs share."""

import json
from pathlib import Path
from typing import Any

HEAD = """\
name: x
frontend: {type: onnx, checkpoint: model.onnx, shape: {input: [1, 3, 8, 8]}, dtype: fp32}
workspace: {path: out}
"""

CROP = "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR"
SIZES_OF_8 = {"OimageWidth": 8, "OimageHeight": 8, "ResizeWidth": 8, "ResizeHeight": 8}
EQUAL = {"NormaType": "EQUAL", "ColorCvtCode": "NO_CHANGE", "ResizeType": "BILINEAR_CV"}


def write_yaml(folder: Path, text: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(text)
    return path


def write_json(folder: Path, data: Any) -> Path:
    path = folder / "x.json"
    path.write_text(json.dumps(data))
    return path


def dataset(ops: str, sampler: str = "{suffix: png}") -> str:
    return (
        f"{HEAD}backend: {{dtype: fp16}}\n"
        f"dataset: {{path: images, sampler: {sampler}, process_ops: [{ops}]}}\n"
    )
