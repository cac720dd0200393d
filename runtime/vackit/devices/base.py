# SPDX-License-Identifier: Apache-2.0
"""The device contract: a device loads artifacts into programs, a program runs samples.

A new device implements `Device.unavailable`, `Device.describe` and `Device._load`, and a
program with `Program._submit`; every check of names, dtypes, shapes and batch sizes is
made here, once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vackit.artifact.store import Artifact, open_artifact
from vackit.errors import DeviceError, DeviceExecutionError
from vackit.tensors import TensorSpec

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Capabilities:
    """What a device can run.

    Attributes:
        dtypes: Artifact dtypes (``"fp32"``, ``"fp16"``, ``"int8"``).
        max_batch: The most samples it executes together, ``None`` for no limit.
        emulated: No accelerator is involved; everything it writes must say so.
    """

    dtypes: tuple[str, ...]
    max_batch: int | None = None
    emulated: bool = False


class Device(ABC):
    """A place where artifacts run, ``name[:index]``."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def __init__(self, index: int = 0) -> None:
        self.index = index

    @property
    def spec(self) -> str:
        """Return ``name:index``."""
        return f"{self.name}:{self.index}"

    @property
    def label(self) -> str:
        """Return the spec and, for people, whether an accelerator stands behind it."""
        emulated = self.capabilities.emulated
        return f"{self.spec} ({'emulator; no accelerator' if emulated else 'accelerator'})"

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str:
        """Say why the device cannot be used here; empty where it can."""

    @classmethod
    def remark(cls) -> str:
        """Say what a user should know of the device on this machine; empty: nothing."""
        return ""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what belongs beside every number measured on it, JSON-ready.

        Always holds ``device`` (the spec) and ``emulated``.
        """

    def open(self, path: str | Path) -> Artifact:
        """Open the artifact behind a prefix, as this device needs it.

        Raises:
            ArtifactError: There is none that the device could load.
        """
        return open_artifact(path)

    def load(self, artifact: Artifact, *, threads: int = 1) -> "Program":
        """Load an artifact.

        Args:
            artifact: As `open` returned it.
            threads: CPU threads for one execution, where the device runs on the CPU.

        Raises:
            DeviceError: The artifact's dtype is not one that the device runs.
            DeviceExecutionError: The device refused the artifact.
        """
        dtype = artifact.manifest.dtype
        if dtype not in self.capabilities.dtypes:
            raise DeviceError(
                f"{artifact.prefix}: compiled as {dtype}, but device '{self.spec}' runs "
                f"{', '.join(self.capabilities.dtypes)}",
                hint=f"build with --set backend.dtype={self.capabilities.dtypes[0]}",
            )
        return self._load(artifact, threads)

    @abstractmethod
    def _load(self, artifact: Artifact, threads: int) -> "Program": ...


class Program(ABC):
    """An artifact on a device. Thread-safe: any number of threads may submit.

    Attributes:
        inputs: What `submit` takes.
        outputs: What its result holds.
        max_batch: The most samples of one execution; larger batches are split here.
        threads: CPU threads of one execution, where the device runs on the CPU.
    """

    def __init__(self, device: Device, artifact: Artifact, threads: int = 1) -> None:
        manifest = artifact.manifest
        self.device = device
        self.artifact = artifact
        self.threads = threads
        self.inputs: tuple[TensorSpec, ...] = manifest.inputs
        self.outputs: tuple[TensorSpec, ...] = manifest.outputs
        limits = (manifest.max_batch, device.capabilities.max_batch)
        self.max_batch: int | None = min((x for x in limits if x is not None), default=None)
        self._closed = False

    def submit(self, inputs: Mapping[str, NDArray[Any]]) -> "Future[Arrays]":
        """Check ``inputs`` and start an execution.

        Args:
            inputs: One array per input, by name, of its dtype and shape; axis 0 holds the
                samples. The arrays must stay unchanged until the future is done.

        Returns:
            A future of the outputs by name, axis 0 again the samples. Its arrays are the
            caller's.

        Raises:
            DeviceExecutionError: A name, dtype or shape does not fit, or the program is
                closed. What goes wrong later is raised by the future.
        """
        if self._closed:
            raise DeviceExecutionError("the program is closed", where=self.artifact.prefix)
        num_samples = self._check(inputs)
        if self.max_batch is None or num_samples <= self.max_batch:
            return self._submit(dict(inputs))
        return self._submit_in_parts(inputs, num_samples, self.max_batch)

    def infer(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Submit and wait."""
        return self.submit(inputs).result()

    def describe(self) -> dict[str, Any]:
        """Return the device's description and what the program was loaded with."""
        return {**self.device.describe(), "threads": self.threads}

    def close(self) -> None:
        """Free what the program holds; closing twice is harmless."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def _submit(self, inputs: Arrays) -> "Future[Arrays]":
        """Run checked inputs of at most ``max_batch`` samples."""

    def _check(self, inputs: Mapping[str, NDArray[Any]]) -> int:
        names = tuple(spec.name for spec in self.inputs)
        if set(inputs) != set(names):
            raise self._misfit(f"takes inputs {names}, got {tuple(inputs)}")
        for spec in self.inputs:
            array = inputs[spec.name]
            if array.dtype != np.dtype(spec.dtype):
                raise self._misfit(f"input '{spec.name}' is {spec.dtype}, got {array.dtype}")
            if not self._fits(spec, array.shape):
                raise self._misfit(f"input {spec} does not take shape {array.shape}")
        sizes = {inputs[spec.name].shape[0] for spec in self.inputs if self._has_batch_axis(spec)}
        if len(sizes) > 1:
            raise self._misfit(f"inputs disagree on the number of samples: {sorted(sizes)}")
        size = sizes.pop() if sizes else 1
        if size < 1:
            raise self._misfit("the batch holds no sample")
        return size

    def _fits(self, spec: TensorSpec, shape: tuple[int, ...]) -> bool:
        # a program of fixed batch takes any number of samples: they are split over it
        if (
            self.max_batch is not None
            and self._has_batch_axis(spec)
            and len(shape) == len(spec.shape)
        ):
            return spec.accepts((spec.sample_shape[0], *shape[1:]))
        return spec.accepts(shape)

    def _has_batch_axis(self, spec: TensorSpec) -> bool:
        # where axis 0 is fixed to another number than the batch, it is an axis of the sample
        return bool(spec.shape) and spec.shape[0] in (None, 1, self.max_batch)

    def _misfit(self, fact: str) -> DeviceExecutionError:
        return DeviceExecutionError(fact, where=self.artifact.prefix)

    def _submit_in_parts(
        self, inputs: Mapping[str, NDArray[Any]], num_samples: int, size: int
    ) -> "Future[Arrays]":
        parts = [
            self._submit({name: array[i : i + size] for name, array in inputs.items()})
            for i in range(0, num_samples, size)
        ]
        whole: Future[Arrays] = Future()
        try:
            results = [part.result() for part in parts]
            whole.set_result(
                {
                    spec.name: np.concatenate([result[spec.name] for result in results])
                    for spec in self.outputs
                }
            )
        except Exception as error:  # handed to the caller by the future
            whole.set_exception(error)
        return whole
