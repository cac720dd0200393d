# SPDX-License-Identifier: Apache-2.0
"""The calibration set of a build config: which files, and what they become."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.config.build import BuildConfig, CenterCrop, Dataset, ProcessOp
from vackit.data.listing import list_images
from vackit.data.tokens import read_model_inputs
from vackit.errors import CalibrationError, DataError
from vackit.files import sha256_file
from vackit.tensors import TensorSpec
from vackit.vdsp.process import ProcessPipeline

logger = logging.getLogger(__name__)

Feeds = Mapping[str, NDArray[Any]]


class CalibrationSet:
    """Files and how each becomes one sample.

    Args:
        config: Its ``dataset`` says where the files are.
        inputs: Of the model, batch included.
        pipeline: The config's process_ops; None where the files are npz and hold arrays.

    Raises:
        CalibrationError: No dataset, no files, or inputs that the dataset cannot feed.
    """

    def __init__(
        self,
        config: BuildConfig,
        inputs: Sequence[TensorSpec],
        pipeline: ProcessPipeline | None,
    ) -> None:
        where = config.source or config.name
        dataset = config.dataset
        if dataset is None or dataset.path is None:
            raise CalibrationError(
                "int8 needs images to calibrate with, dataset.path names none",
                where=where,
                hint="--set dataset.path=FOLDER, or build fp16 or fp32",
            )
        self.root = dataset.path
        self.paths = _chosen(dataset, self.root)
        self.inputs = tuple(inputs)
        self._pipeline = pipeline
        self._ops = dataset.process_ops
        if pipeline is not None and len(self.inputs) != 1:
            raise CalibrationError(
                f"process_ops make one input, the model has {len(self.inputs)}: "
                f"{', '.join(spec.name for spec in self.inputs)}",
                where=where,
                hint="calibrate with npz files of the inputs by name, or of input_0, input_1, ...: "
                "dataset.sampler.suffix: npz",
            )

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[tuple[str, Feeds]]:
        """Yield each file's path and its sample as a batch of one."""
        return self.starting_at(0)

    def starting_at(self, index: int) -> Iterator[tuple[str, Feeds]]:
        """Yield the samples of the files from number ``index`` on."""
        for path in self.paths[index:]:
            yield str(path), self._sample(path)

    def describe(self) -> tuple[dict[str, Any], ...]:
        """Return what is done to each file, ready for JSON; empty where it holds arrays."""
        return self._pipeline.describe() if self._pipeline else ()

    def sha256(self) -> str:
        """Return the sha256 over the files' names, relative to their folder, and contents."""
        digest = hashlib.sha256()
        for path in self.paths:
            name = path.relative_to(self.root).as_posix()
            digest.update(f"{name}\0{sha256_file(path)}\n".encode())
        return digest.hexdigest()

    def _sample(self, path: Path) -> Feeds:
        if self._pipeline is None:
            return self._from_npz(path)
        spec, array = self.inputs[0], self._pipeline(path)
        if not spec.accepts((1, *array.shape)):
            raise CalibrationError(
                f"preprocessed, an image is {array.shape}; the model's input '{spec.name}' "
                f"takes {spec.sample_shape[1:]}",
                where=path,
                hint=_resizing_hint(self._ops, spec.sample_shape[1:]),
            )
        if not np.isfinite(array).all():
            raise CalibrationError("preprocessed, it holds NaN or infinity", where=path)
        if not np.can_cast(array.dtype, spec.dtype, "same_kind"):
            _check_whole(array, spec, path)
        return {spec.name: array[np.newaxis].astype(spec.dtype, copy=False)}

    def _from_npz(self, path: Path) -> Feeds:
        arrays = read_model_inputs(path, self.inputs)
        if len(arrays) != len(self.inputs):
            raise CalibrationError(
                f"holds {len(arrays)} inputs, the model takes {len(self.inputs)}", where=path
            )
        feeds = {}
        for spec, array in zip(self.inputs, arrays, strict=True):
            if spec.accepts((1, *array.shape)):
                array = array[np.newaxis]
            if not spec.accepts(array.shape) or len(array) != spec.sample_shape[0]:
                raise CalibrationError(
                    f"holds {array.shape}; the model's input '{spec.name}' takes "
                    f"{spec.sample_shape[1:]}",
                    where=path,
                )
            feeds[spec.name] = array.astype(spec.dtype, copy=False)
        return feeds


def _check_whole(array: NDArray[Any], spec: TensorSpec, path: Path) -> None:
    with np.errstate(invalid="ignore"):
        is_whole = np.array_equal(array.astype(spec.dtype), array)
    if not is_whole:
        raise CalibrationError(
            f"preprocessed, it goes from {array.min():g} to {array.max():g}; the model's input "
            f"{spec} takes whole numbers",
            where=path,
            hint="let Normalize in dataset.process_ops keep pixels as they are: div255: false, "
            "norm_type: null",
        )


def takes_npz(dataset: Dataset | None) -> bool:
    """Tell whether the dataset's files hold arrays for the model instead of images."""
    return dataset is not None and (dataset.suffix or "").lower() == "npz"


def spread(paths: Sequence[Path], count: int | None) -> list[Path]:
    """Return ``count`` of ``paths``, evenly spread: index i * len // count; None: all."""
    if count is None or count >= len(paths):
        return list(paths)
    return [paths[i * len(paths) // count] for i in range(count)]


def _chosen(dataset: Dataset, root: Path) -> list[Path]:
    try:
        found = list_images(root, dataset.suffix)
    except DataError as error:
        advice = "set dataset.path and dataset.sampler.suffix"
        if root.is_dir() and not dataset.process_ops:
            advice = "images need dataset.process_ops, without them it is npz files of the inputs"
        raise CalibrationError(
            f"the calibration set: {error.message}",
            where=error.where,
            hint=error.hint or advice,
        ) from error
    count = dataset.get_data_num
    if count is not None and count > len(found):
        logger.warning(
            "%s: get_data_num asks for %d files, there are %d: all are taken",
            root,
            count,
            len(found),
        )
    return spread(found, count)


def _resizing_hint(ops: Sequence[ProcessOp], wanted: tuple[int, ...]) -> str:
    if len(wanted) != 3:
        return ""
    sizes = f"[{wanted[1]}, {wanted[2]}]"
    if any(isinstance(op, CenterCrop) for op in ops):
        return f"set crop_size of CenterCrop in dataset.process_ops to {sizes}"
    return f"set size of Resize in dataset.process_ops to {sizes}"
