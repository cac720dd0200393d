# SPDX-License-Identifier: Apache-2.0
"""Images for an artifact, preprocessed as its manifest says. Reads images, or npz files."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vackit.artifact.manifest import Manifest
from vackit.compiler.calibration.images import CalibrationSet
from vackit.config.build import Backend, BuildConfig, Dataset, Frontend, ProcessOp, Quantize
from vackit.config.process_ops import make_op
from vackit.data.listing import list_images
from vackit.errors import ArtifactError, CalibrationError, ConfigError, DataError
from vackit.files import sha256_file
from vackit.tensors import TensorSpec
from vackit.vdsp.process import ProcessPipeline


def open_images(
    manifest: Manifest,
    folder: Path,
    limit: int | None,
    *,
    where: str,
    custom_func: Path | None = None,
) -> CalibrationSet:
    """Return the images below ``folder``, evenly spread where ``limit`` is fewer.

    Args:
        manifest: Its ``preprocessing`` says what is done to them; where that is empty, the
            artifact takes npz files of input_0, input_1, ...
        folder: Of images, or npz files.
        limit: How many to take; None: all.
        where: The artifact's prefix, for errors.
        custom_func: The Python file of a CustomFunc; giving it allows it to run.

    Raises:
        DataError: There are no such files.
        ArtifactError: The preprocessing is not known to this version, or is a CustomFunc and
            ``custom_func`` is none or another file.
    """
    ops = tuple(_op(entry, custom_func, where) for entry in manifest.preprocessing)
    config = BuildConfig(
        name=manifest.name,
        generation="current",
        frontend=Frontend("onnx", None, {}),
        backend=Backend("tvm_vacc", "int8", Quantize()),
        extra_ops=None,
        dataset=Dataset(folder, None, limit, ops),
        workspace_path=Path(),
    )
    pipeline = _pipeline(ops, where) if ops else None
    return images_like(config, manifest.inputs, pipeline, folder, limit)


def images_like(
    config: BuildConfig,
    inputs: Sequence[TensorSpec],
    pipeline: ProcessPipeline | None,
    folder: Path,
    limit: int | None,
) -> CalibrationSet:
    """Return the images of a folder, read as a build's calibration images are.

    Args:
        config: Of the build; its ``dataset`` is there.
        inputs: Of the model.
        pipeline: What is done to an image; None where the files are npz and hold arrays.
        folder: Of images, or npz files.
        limit: How many to take, evenly spread; None: all.

    Raises:
        DataError: There are no such files, or the model takes other inputs.
    """
    assert config.dataset is not None
    suffix = None if pipeline else "npz"
    count = len(list_images(folder, suffix))
    number = None if limit is None else min(limit, count)
    dataset = dataclasses.replace(config.dataset, path=folder, suffix=suffix, get_data_num=number)
    try:
        return CalibrationSet(dataclasses.replace(config, dataset=dataset), inputs, pipeline)
    except CalibrationError as error:
        raise DataError(error.message, where=error.where, hint=error.hint) from error


def _pipeline(ops: tuple[ProcessOp, ...], where: str) -> ProcessPipeline:
    try:
        return ProcessPipeline(ops, allow_code=True)
    except ConfigError as error:
        finding = error.findings[0]
        raise ArtifactError(
            f"its preprocessing does not work: {finding.key_path}: {finding.message}", where=where
        ) from error


def _op(entry: dict[str, Any], custom_func: Path | None, where: str) -> ProcessOp:
    if entry.get("type") != "CustomFunc":
        try:
            return make_op(entry, Path())
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"its preprocessing is not known to this version: {entry}", where=where
            ) from error
    if custom_func is None:
        raise ArtifactError(
            f"its images go through the Python file {entry.get('module')}, which is not allowed "
            "by default",
            where=where,
            hint="pass --custom_func FILE if you trust that file",
        )
    # before it runs
    if not custom_func.is_file() or sha256_file(custom_func) != entry.get("sha256"):
        raise ArtifactError(
            f"its images went through another {entry.get('module')}: the sha256 of {custom_func} "
            "is not the manifest's",
            where=where,
        )
    return make_op(entry | {"module_path": custom_func.name}, custom_func.parent)
