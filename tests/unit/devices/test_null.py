# SPDX-License-Identifier: Apache-2.0
"""The device that computes nothing."""

from pathlib import Path

import numpy as np
import pytest

from vackit.devices.null import NullDevice
from vackit.testing.tiny_artifacts import write_tiny_artifact


@pytest.mark.parametrize("dtype", ["fp32", "fp16"])
def test_null_returns_zeros_of_the_right_shape_and_dtype(tmp_path: Path, dtype: str) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod", "conv", dtype=dtype)
    with NullDevice().load(artifact) as program:
        spec = program.inputs[0]
        outputs = program.infer({spec.name: np.ones((3, *spec.sample_shape[1:]), spec.dtype)})
    assert outputs["output"].shape == (3, 4, 8, 8)
    assert outputs["output"].dtype == program.outputs[0].dtype
    assert not outputs["output"].any()


def test_null_says_that_it_is_emulated() -> None:
    assert NullDevice.unavailable() == ""
    assert NullDevice().describe()["emulated"] is True
    assert NullDevice().describe()["device"] == "null:0"
