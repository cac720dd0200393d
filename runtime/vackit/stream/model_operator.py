# SPDX-License-Identifier: Apache-2.0
"""The operator that executes a model on batches of prepared samples."""

import threading
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.stream.operators import Tensors


class _Buffers(threading.local):
    """A thread's memory for the inputs of its batches.

    Fresh memory for every batch would cost more than the copy into it: allocators give blocks
    of such a size back to the system, and each of their pages faults in anew.
    """

    def __init__(self) -> None:
        self._arrays: dict[int, NDArray[Any]] = {}

    def room(
        self, index: int, count: int, sample: tuple[int, ...], dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Return room for ``count`` samples of one input; ``sample`` is the shape of one."""
        kept = self._arrays.get(index)
        shape = (count, *sample[1:])
        if kept is None or kept.dtype != dtype or kept[:count].shape != shape:
            kept = self._arrays[index] = np.empty(shape, dtype)
        return kept[:count]


class ModelOperator:
    """A program: executes a batch of prepared samples."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.name = program.artifact.manifest.name
        self._inputs = [spec.name for spec in program.inputs]
        self._outputs = [spec.name for spec in program.outputs]
        self._has_rows = [spec.shape[:1] == (None,) for spec in program.inputs]
        self._varies = any(spec.is_dynamic for spec in program.inputs)
        self._buffers = _Buffers()

    def __call__(self, batch: Sequence[Tensors]) -> list[Tensors]:
        """Execute prepared samples together.

        Returns:
            Per sample its outputs in the program's order and dtype, in their shapes for one
            sample (a leading 1 where there is a batch axis): views into the batch's outputs.

        Raises:
            DeviceExecutionError: The device failed.
            StreamError: A sample's tensors are not one per input, each of one sample.
        """
        if self.program.max_batch == 1 or len(batch) == 1:
            # its outputs may have no batch axis that a joint result could be cut along
            return [self._infer(self._checked(tensors)) for tensors in batch]
        if self._varies and len({_shapes(tensors) for tensors in batch}) > 1:
            # those of one size side by side go together
            parts = [list(part) for _, part in groupby(batch, _shapes)]
            return [results for part in parts for results in self(part)]
        outputs = self._infer(self._joined(batch))
        return [[output[i : i + 1] for output in outputs] for i in range(len(batch))]

    def rooms(self, count: int) -> list[Tensors]:
        """Return where this thread's next batch may be prepared, a list of inputs per sample.

        What is prepared there, one sample behind the other, need not be copied together.
        Empty where nothing would be.
        """
        if count == 1 or self._varies or self.program.max_batch == 1:
            return []
        inputs = [
            self._buffers.room(index, count, spec.sample_shape, np.dtype(spec.dtype))
            for index, spec in enumerate(self.program.inputs)
        ]
        return [[one[i : i + 1] for one in inputs] for i in range(count)]

    def _joined(self, batch: Sequence[Tensors]) -> Tensors:
        """Return a batch's inputs, good until this thread's next batch."""
        return [self._join(index, parts) for index, parts in enumerate(zip(*batch, strict=True))]

    def _join(self, index: int, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        if {len(part) for part in parts} != {1}:  # two rows and none would pass for two samples
            raise StreamError(f"input {self.program.inputs[index]} takes one sample of each")
        room = self._buffers.room(index, len(parts), parts[0].shape, parts[0].dtype)
        places = room.__array_interface__["data"][0] + room[0].nbytes * np.arange(len(parts))
        if [part.__array_interface__["data"][0] for part in parts] == places.tolist():
            return room
        return np.concatenate(parts, out=room)

    def _checked(self, tensors: Tensors) -> Tensors:
        """Return one sample's tensors; what a device would not notice is refused.

        In a batch they cannot be joined to the others', and come here by themselves.
        """
        made = len(tensors) if isinstance(tensors, list | tuple) else type(tensors).__name__
        if made != len(self._inputs):
            specs = self.program.inputs
            takes = f"{len(specs)} arrays ({', '.join(map(str, specs))})"
            raise StreamError(f"the model takes {takes}, its operator made {made}")
        for index, (array, has_rows) in enumerate(zip(tensors, self._has_rows, strict=True)):
            if not isinstance(array, np.ndarray):
                spec = self.program.inputs[index]
                raise StreamError(f"input {spec} takes an array, got {type(array).__name__}")
            if has_rows and array.shape[:1] != (1,):
                spec = self.program.inputs[index]
                raise StreamError(f"input {spec} takes one sample, got shape {array.shape}")
        return tensors

    def _infer(self, tensors: Tensors) -> Tensors:
        results = self.program.infer(dict(zip(self._inputs, tensors, strict=True)))
        return [results[name] for name in self._outputs]


def _shapes(tensors: Tensors) -> tuple[tuple[int, ...], ...]:
    return tuple(tensor.shape for tensor in tensors)
