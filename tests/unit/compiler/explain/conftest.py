# SPDX-License-Identifier: Apache-2.0
"""The small network as twins and as an artifact, and images for it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.explain_networks import SIZE, network, quantized

from vackit.artifact.store import Artifact, open_artifact
from vackit.compiler.explain.twins import Twins
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig


@pytest.fixture
def twins() -> Twins:
    return quantized(network())


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Sixteen 8x8 images in two folders that are no classes."""
    rng = np.random.default_rng(5)
    for number in range(16):
        path = tmp_path / "val" / f"group{number % 2}" / f"img{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
    return tmp_path / "val"


@pytest.fixture
def artifact(make_config: Callable[..., BuildConfig]) -> Artifact:
    return open_artifact(build(make_config(network(), "int8"), use_cache=False).prefix)
