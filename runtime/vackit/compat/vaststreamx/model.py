# SPDX-License-Identifier: Apache-2.0
"""Models of a program: compiled artifacts on the device of the thread that opens them."""

import operator
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from vackit.artifact.store import MANIFEST_SUFFIX, Artifact, part_path, prefix_of
from vackit.compat.vaststreamx.context import open_device
from vackit.errors import ArtifactError, StreamError
from vackit.tensors import TensorSpec

_DYNAMIC_SUFFIX = "_module_info.json"
_PARTS = (_DYNAMIC_SUFFIX, ".so", ".params", ".json")


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
        """Return the inputs' shapes; the batch axis, where there is one, is `batch_size`."""
        return [self._shape(spec) for spec in self.program.inputs]

    @property
    def output_shape(self) -> list[list[int]]:
        """Return the outputs' shapes; the batch axis, where there is one, is `batch_size`."""
        return [self._shape(spec) for spec in self.program.outputs]

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
        """Accept the shapes that the artifact was built for, any batch.

        Raises:
            StreamError: They are others: an artifact has one shape.
        """
        given = [tuple(int(size) for size in shape) for shape in shapes]
        fits = len(given) == self.input_count and all(
            len(shape) == len(spec.shape) and shape[1:] == spec.sample_shape[1:]
            for shape, spec in zip(given, self.program.inputs, strict=True)
        )
        if not fits:
            built = ", ".join(str(spec) for spec in self.program.inputs)
            raise StreamError(
                f"input shapes {[list(shape) for shape in given]} are asked for, the artifact "
                f"was built for {built}",
                where=self.artifact.prefix,
                hint="build an artifact for this shape: set frontend.shape in the build YAML",
            )

    def _shape(self, spec: TensorSpec) -> list[int]:
        has_batch = spec.shape and (spec.shape[0] is None or spec.layout == "NCHW")
        return [self._batch_size, *spec.sample_shape[1:]] if has_batch else [*spec.sample_shape]

    def __repr__(self) -> str:
        return f"Model('{self.artifact.prefix}', batch_size={self._batch_size})"


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
    for suffix in _PARTS:
        if path.name.endswith(suffix) and path.name != suffix:
            stem = path.with_name(path.name.removesuffix(suffix))
            beside = path.with_name("mod")
            is_there = part_path(stem, MANIFEST_SUFFIX).is_file()
            return stem if is_there or suffix != _DYNAMIC_SUFFIX else beside
    return path
