# SPDX-License-Identifier: Apache-2.0
"""Compile a family's model to an artifact and run it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vackit.compiler.pipeline import build
from vackit.compiler.running import open_session
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
from vackit.testing.families.checks import Images, read_input
from vackit.vdsp.process import ProcessPipeline

Compiled = tuple[NDArray[Any], int | None]


@pytest.fixture(scope="session")
def image_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seeded images of 64x64: soft blobs of color with grain, as photographs have."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(8):
        blobs = cv2.resize(rng.normal(128, 60, (6, 6, 3)), (64, 64), interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(blobs + rng.normal(0, 15, (64, 64, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return folder


def process_ops(size: int) -> tuple[DecodeImage, Resize, Normalize, ToTensor]:
    norm = Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    return (DecodeImage(), Resize((size, size)), norm, ToTensor())


@pytest.fixture(scope="session")
def pictures(image_dir: Path) -> Callable[[int], Images]:
    """Return a function: a size, to the images as the models get them, (8, 3, size, size)."""

    def load(size: int) -> Images:
        pipeline = ProcessPipeline(process_ops(size))
        return np.stack([pipeline(path) for path in sorted(image_dir.iterdir())])

    return load


@pytest.fixture
def compile_model(
    tmp_path: Path, image_dir: Path, pictures: Callable[[int], Images]
) -> Callable[..., Compiled]:
    """Return a function: model and dtype, to the artifact's output on `pictures` and max_batch.

    A free batch runs in one piece, a fixed one image by image.
    """

    def compile_to(model: onnx.ModelProto, dtype: Any, size: int = 64) -> Compiled:
        path = tmp_path / "model.onnx"
        onnx.save(model, path)
        name = read_input(model)
        config = BuildConfig(
            name=f"family-{dtype}",
            generation="current",
            frontend=Frontend("onnx", path, {name: (1, 3, size, size)}),
            backend=Backend("tvm_vacc", dtype, Quantize()),
            extra_ops=None,
            dataset=Dataset(
                path=image_dir, suffix=None, get_data_num=None, process_ops=process_ops(size)
            ),
            workspace_path=tmp_path / "deploy",
            source=tmp_path / "family.yaml",
        )
        report = build(config, force=True, reference=False, use_cache=False)
        session = open_session(f"{report.prefix}.onnx", "artifact")
        x = pictures(size).astype(report.inputs[0].dtype)
        groups = [x] if report.max_batch is None else [x[i : i + 1] for i in range(len(x))]
        outputs = [session.run(None, {name: group})[0] for group in groups]
        return np.concatenate(outputs).astype(np.float64), report.max_batch

    return compile_to
