# SPDX-License-Identifier: Apache-2.0
"""A device whose executions a test can hold, count and make fail."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import pytest

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import Artifact
from vackit.devices.base import Arrays, Capabilities, Device, Program
from vackit.tensors import TensorSpec

SECONDS = 20.0  # a wait that ends this late is a hang


class BenchDevice(Device):
    """Doubles its input; samples of -1 fail, and an execution waits for `gate`."""

    name: ClassVar[str] = "bench"
    capabilities: ClassVar[Capabilities] = Capabilities(("fp32",), emulated=True)

    def __init__(self, index: int = 0) -> None:
        super().__init__(index)
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Semaphore(0)
        self.batches: list[list[float]] = []

    @classmethod
    def unavailable(cls) -> str:
        return ""

    def describe(self) -> dict[str, Any]:
        return {"device": self.spec, "emulated": True}

    def _load(self, artifact: Artifact, threads: int) -> Program:
        return BenchProgram(self, artifact, threads)


class BenchProgram(Program):
    def _submit(self, inputs: Arrays) -> "Future[Arrays]":
        device = self.device
        assert isinstance(device, BenchDevice)
        batch = next(iter(inputs.values()))
        device.batches.append([float(row.flat[0]) for row in batch])
        device.started.release()
        assert device.gate.wait(SECONDS)
        future: Future[Arrays] = Future()
        if (batch == -1).any():
            future.set_exception(RuntimeError("the device chokes on -1"))
        else:
            future.set_result({spec.name: batch * 2 for spec in self.outputs})
        return future


MakeProgram = Callable[..., Program]


@pytest.fixture
def device() -> Iterator[BenchDevice]:
    device = BenchDevice()
    yield device
    device.gate.set()


@pytest.fixture
def make_program(device: BenchDevice) -> MakeProgram:
    """Return a function from input and output specs to a program on `device`."""

    def make(
        inputs: tuple[TensorSpec, ...] = (TensorSpec("x", (None, 1), "float32"),),
        outputs: tuple[TensorSpec, ...] = (TensorSpec("y", (None, 1), "float32"),),
        max_batch: int | None = None,
    ) -> Program:
        manifest = Manifest("bench", "fp32", inputs, outputs, max_batch, None, (), {}, "")
        return device.load(Artifact(Path("bench"), manifest))

    return make


@pytest.fixture
def program(make_program: MakeProgram) -> Program:
    return make_program()
