# SPDX-License-Identifier: Apache-2.0
"""The device that computes nothing: zeros of the right shapes, at once.

With it a stream's or a command's own cost can be measured and its behavior tested; it is
also the smallest template for a new device.
"""

from concurrent.futures import Future
from typing import Any, ClassVar

import numpy as np

from vackit.artifact.store import Artifact
from vackit.devices.base import Arrays, Capabilities, Device, Program


class NullDevice(Device):
    """Accepts every artifact and returns zeros."""

    name: ClassVar[str] = "null"
    capabilities: ClassVar[Capabilities] = Capabilities(("fp32", "fp16", "int8"), emulated=True)

    @classmethod
    def unavailable(cls) -> str:
        """Return nothing: it is always there."""
        return ""

    def describe(self) -> dict[str, Any]:
        """Return ``device``, ``emulated`` and that nothing is computed."""
        return {"device": self.spec, "emulated": True, "computes": "nothing, returns zeros"}

    def _load(self, artifact: Artifact, threads: int) -> Program:
        return NullProgram(self, artifact, threads)


class NullProgram(Program):
    """Returns zeros; the number of samples is that of the first input."""

    def _submit(self, inputs: Arrays) -> "Future[Arrays]":
        num_samples = next(iter(inputs.values())).shape[0]
        future: Future[Arrays] = Future()
        future.set_result(
            {
                spec.name: np.zeros(
                    [num_samples if dim is None else dim for dim in spec.shape], spec.dtype
                )
                for spec in self.outputs
            }
        )
        return future
