# SPDX-License-Identifier: Apache-2.0
"""What the compiler's tests share: running models, writing configs and images."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from vackit.config.build import (
    Backend,
    BuildConfig,
    Dataset,
    DecodeImage,
    Frontend,
    Normalize,
    Quantize,
    Resize,
    ToTensor,
)

Outputs = dict[str, NDArray[Any]]
SIZE = 8


def run_model(model: onnx.ModelProto | Path, **feeds: NDArray[Any]) -> Outputs:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


@pytest.fixture
def run() -> Callable[..., Outputs]:
    return run_model


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twelve noisy 8x8 images in two folders, numbered so that text order is not their order."""
    folder = tmp_path / "images"
    rng = np.random.default_rng(0)
    for number in range(12):
        path = folder / f"class{number % 2}" / f"img{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    return folder


@pytest.fixture
def make_config(tmp_path: Path, images: Path) -> Callable[..., BuildConfig]:
    """Return a function: a model, the path of one or None, and a dtype, to a build config."""

    def make(
        model: Any,
        dtype: Any = "fp32",
        *,
        shape: dict[str, tuple[int, ...]] | None = None,
        quantize: Quantize | None = None,
        dataset: dict[str, Any] | None = None,
        **changes: Any,
    ) -> BuildConfig:
        path = model
        if isinstance(model, onnx.ModelProto):
            path = tmp_path / "model.onnx"
            onnx.save(model, path)
        ops = (DecodeImage(), Resize((SIZE, SIZE)), Normalize(), ToTensor())
        data = Dataset(path=images, suffix=None, get_data_num=None, process_ops=ops)
        config = BuildConfig(
            name="tiny",
            generation="current",
            frontend=Frontend("onnx", path, shape or {"input": (1, 3, SIZE, SIZE)}),
            backend=Backend("tvm_vacc", dtype, quantize or Quantize()),
            extra_ops=None,
            dataset=dataclasses.replace(data, **(dataset or {})),
            workspace_path=tmp_path / "deploy",
            source=tmp_path / "tiny.yaml",
        )
        return dataclasses.replace(config, **changes)

    return make
