# SPDX-License-Identifier: Apache-2.0
"""The checks that every device inherits."""

from pathlib import Path

import numpy as np
import pytest

from vackit.artifact.store import Artifact
from vackit.devices.base import Capabilities
from vackit.devices.null import NullDevice
from vackit.errors import DeviceError, DeviceExecutionError
from vackit.testing.tiny_artifacts import write_tiny_artifact


class SmallCard(NullDevice):
    name = "small"
    capabilities = Capabilities(("int8", "fp16"), max_batch=2)


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return write_tiny_artifact(tmp_path / "mod", "identity")


def test_load_refuses_a_dtype_that_the_device_does_not_run(artifact: Artifact) -> None:
    with pytest.raises(
        DeviceError, match="compiled as fp32, but device 'small:0' runs int8, fp16\n  hint: build"
    ):
        SmallCard().load(artifact)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"takes inputs \('input',\), got \(\)"),
        ({"x": np.zeros((1, 3, 8, 8), np.float32)}, r"takes inputs \('input',\), got \('x',\)"),
        ({"input": np.zeros((1, 3, 8, 8))}, "input 'input' is float32, got float64"),
        (
            {"input": np.zeros((1, 3, 8, 9), np.float32)},
            r"input input \[N, 3, 8, 8\] float32 does not take shape \(1, 3, 8, 9\)",
        ),
        ({"input": np.zeros((0, 3, 8, 8), np.float32)}, "the batch holds no sample"),
    ],
    ids=["no input", "wrong name", "wrong dtype", "wrong shape", "empty batch"],
)
def test_submit_refuses_inputs_that_do_not_fit(
    artifact: Artifact, inputs: dict[str, np.ndarray], message: str
) -> None:
    with NullDevice().load(artifact) as program, pytest.raises(DeviceExecutionError, match=message):
        program.submit(inputs)


def test_submit_refuses_when_closed(artifact: Artifact) -> None:
    program = NullDevice().load(artifact)
    program.close()
    program.close()
    with pytest.raises(DeviceExecutionError, match="the program is closed"):
        program.submit({"input": np.zeros((1, 3, 8, 8), np.float32)})


def test_submit_splits_a_batch_above_the_devices_limit(tmp_path: Path) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod", "identity", dtype="fp16")
    with SmallCard().load(artifact) as program:
        assert program.max_batch == 2
        outputs = program.infer({"input": np.ones((5, 3, 8, 8), np.float16)})
    assert outputs["output"].shape == (5, 3, 8, 8)


def test_describe_adds_the_threads_to_the_devices_description(artifact: Artifact) -> None:
    with NullDevice(2).load(artifact, threads=3) as program:
        described = program.describe()
    assert described == {**NullDevice(2).describe(), "threads": 3}


def test_label_says_whether_an_accelerator_is_involved() -> None:
    assert NullDevice().label == "null:0 (emulator; no accelerator)"
    assert SmallCard(1).label == "small:1 (accelerator)"
