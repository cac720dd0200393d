# SPDX-License-Identifier: Apache-2.0
"""Models of a program: compiled artifacts on the device of the thread that opens them."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from vackit.artifact.store import MANIFEST_SUFFIX, Artifact, part_path, prefix_of
from vackit.compat.vaststreamx.context import open_device
from vackit.compat.vaststreamx.matrices import as_matrix, matrix_outputs
from vackit.config.model_info import DYNAMIC_SUFFIX, dynamic_prefix
from vackit.data.tokens import model_shapes
from vackit.devices.base import Program
from vackit.errors import ArtifactError, StreamError
from vackit.tensors import TensorSpec

Shapes = tuple[tuple[int, ...], ...]

_PARTS = (".so", ".params", ".json")


class Model:
    """An artifact, loaded.

    Args:
        prefix: The path of its files without their suffixes, or one of the files; of a
            dynamic model its ``..._module_info.json``, where an artifact stands beside it.
        batch_size: Samples of one execution.
        hw_config: Accepted; the emulator has none.

    Raises:
        ArtifactError: There is no artifact.
        DeviceError: The device does not take it.
    """

    def __init__(
        self,
        prefix: str | PathLike[str] | Mapping[str, str],
        batch_size: int = 1,
        hw_config: str = "",
    ) -> None:
        device = open_device()
        artifact = device.open(_prefix(prefix))
        self.program = device.load(artifact)
        self.artifact: Artifact = artifact
        self._batch_size = 1
        self._input_shapes: Shapes = ()  # as a program has chosen them for a dynamic model
        self._output_shapes: Shapes = ()
        self.set_batch_size(batch_size)

    @property
    def batch_size(self) -> int:
        """Return the number of samples of one execution."""
        return self._batch_size

    @property
    def max_batch_size(self) -> int:
        """Return the most samples of one execution: `batch_size`, as a card compiles it in."""
        return self._batch_size

    @property
    def input_count(self) -> int:
        """Return the number of inputs."""
        return len(self.program.inputs)

    @property
    def output_count(self) -> int:
        """Return the number of outputs."""
        return len(self.program.outputs)

    @property
    def input_shape(self) -> list[list[int]]:
        """Return the inputs' shapes of one sample, whatever the batch size: what a stream takes.

        Of a dynamic model those of `set_input_shape`, before that the largest.
        """
        return _lists(self._input_shapes or _samples(self.program.inputs))

    @property
    def output_shape(self) -> list[list[int]]:
        """Return the outputs' shapes of one sample, whatever the batch size, as outputs have them.

        Of a dynamic model those that its `input_shape` leads to.
        """
        if self._input_shapes and not self._output_shapes:
            self._output_shapes = self._run_shapes()
        specs = self.program.outputs
        shapes = self._output_shapes or _samples(specs)
        matrices = zip(shapes, matrix_outputs(specs, None), strict=True)
        return _lists(as_matrix(np.empty(one)).shape if flat else one for one, flat in matrices)

    @property
    def chosen_shapes(self) -> Shapes:
        """Return what `set_input_shape` has chosen for one sample; empty where it has not."""
        return self._input_shapes

    @property
    def address(self) -> int:
        """Return a number that stands for this model alone while it lives."""
        return id(self)

    def set_batch_size(self, batch_size: int) -> None:
        """Choose the number of samples of one execution; an artifact takes any."""
        try:
            number = operator.index(batch_size)
        except TypeError:
            number = 0
        if number < 1:
            raise StreamError(f"batch size is {batch_size!r}, expected a whole number from 1")
        self._batch_size = number

    def set_input_shape(self, shapes: Sequence[Sequence[int]]) -> None:
        """Choose the shapes of a dynamic model; others accept the one they were built for.

        Args:
            shapes: One per input, with any batch.

        Raises:
            StreamError: The artifact was not built for them.
        """
        chosen = checked_shapes(shapes, self.program)
        if any(spec.is_dynamic for spec in self.program.inputs):
            self._input_shapes, self._output_shapes = chosen, ()

    def _run_shapes(self) -> Shapes:
        """Return the outputs' shapes of one sample of zeros."""
        pairs = zip(self.program.inputs, self._input_shapes, strict=True)
        made = self.program.infer({spec.name: np.zeros(one, spec.dtype) for spec, one in pairs})
        return tuple(made[spec.name].shape for spec in self.program.outputs)

    def __repr__(self) -> str:
        return f"Model('{self.artifact.prefix}', batch_size={self._batch_size})"


def checked_shapes(shapes: Sequence[Sequence[int]], program: Program) -> Shapes:
    """Return the shapes of one sample per input that ``shapes`` mean, whatever their batch.

    A text model may be given the shape of each of the six token tensors that programs make,
    of which it takes fewer: where all are the same, those of its inputs are.

    Raises:
        StreamError: The artifact was not built for them.
    """
    try:
        given = [tuple(operator.index(size) for size in shape) for shape in shapes]
    except TypeError as error:
        raise StreamError(
            f"input shapes are {shapes!r}, expected one list of whole numbers per input"
        ) from error
    given = list(model_shapes(given, program.inputs))
    alone = [(1, *shape[1:]) if spec.shape[:1] in ((None,), (1,)) else shape
             for shape, spec in zip(given, program.inputs, strict=False)]  # fmt: skip
    pairs = list(zip(alone, program.inputs, strict=False))
    if len(given) != len(program.inputs) or not all(spec.accepts(one) for one, spec in pairs):
        built = ", ".join(str(spec) for spec in program.inputs)
        raise StreamError(
            f"input shapes {[list(shape) for shape in given]} are asked for, the artifact "
            f"was built for {built}",
            where=program.artifact.prefix,
            hint="build an artifact for this shape: set frontend.shape in the build YAML",
        )
    return tuple(alone)


def _samples(specs: Sequence[TensorSpec]) -> Shapes:
    return tuple(tuple(spec.sample_shape) for spec in specs)


def _lists(shapes: Iterable[Sequence[int]]) -> list[list[int]]:
    return [list(shape) for shape in shapes]


def _prefix(given: str | PathLike[str] | Mapping[str, str]) -> Path:
    """Return the artifact's prefix that a path, or a dict of the triple's paths, means."""
    if isinstance(given, Mapping):
        paths = [value for key, value in given.items() if key.endswith("_path") and value]
        if not paths:
            raise ArtifactError(f"a model's dict names its files, got keys {', '.join(given)}")
        given = paths[0]
    path = prefix_of(Path(given))
    if part_path(path, MANIFEST_SUFFIX).is_file():
        return path
    if path.name.endswith(DYNAMIC_SUFFIX):
        return dynamic_prefix(path)
    for suffix in _PARTS:
        if path.name.endswith(suffix) and path.name != suffix:
            return path.with_name(path.name.removesuffix(suffix))
    return path
