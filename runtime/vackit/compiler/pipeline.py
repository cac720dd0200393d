# SPDX-License-Identifier: Apache-2.0
"""Compile: a build config and its model become an artifact.

Reads the model that ``frontend.checkpoint`` names and, for int8, the images of ``dataset``;
writes the artifact behind ``BuildConfig.artifact_prefix``.
"""

import dataclasses
import logging
import time
from typing import Any

import onnx

from vackit._version import tool_versions
from vackit.artifact.manifest import Manifest
from vackit.artifact.store import (
    CALIBRATION_SUFFIX,
    GRAPH_SUFFIX,
    MODEL_INFO_SUFFIX,
    REFERENCE_GRAPH_SUFFIX,
    REFERENCE_WEIGHTS_SUFFIX,
    WEIGHTS_SUFFIX,
)
from vackit.compiler.batch import free_batch, set_output_shapes
from vackit.compiler.calibration.images import CalibrationSet, takes_npz
from vackit.compiler.emit import check_parts, serialize, signature, store
from vackit.compiler.exclusion import excluded_nodes, warn_without_effect
from vackit.compiler.explain.budget import AccuracyWish
from vackit.compiler.explain.fitting import fit
from vackit.compiler.extra_ops import extra_pass
from vackit.compiler.frontend import read_model
from vackit.compiler.half import to_half
from vackit.compiler.int8 import Quantized, quantize_model
from vackit.compiler.lowering import lower_and_record
from vackit.compiler.opset import raise_opset
from vackit.compiler.output_layout import with_layouts
from vackit.compiler.passes import (
    PassRecord,
    run_float_passes,
    run_integer_passes,
    run_passes,
)
from vackit.compiler.report import BuildReport
from vackit.compiler.signature import set_inputs
from vackit.compiler.verification import Verifier, images_to_verify
from vackit.config.build import (
    BuildConfig,
    CustomFunc,
    Quantize,
)
from vackit.config.model_info import model_info_json
from vackit.errors import ConfigError
from vackit.files import json_bytes, sha256_file
from vackit.vdsp.process import ProcessPipeline

logger = logging.getLogger(__name__)


def build(
    config: BuildConfig,
    *,
    force: bool = False,
    allow_code: bool = False,
    reference: bool = True,
    use_cache: bool = True,
    accuracy: AccuracyWish | None = None,
    verify: bool = True,
) -> BuildReport:
    """Compile ``config`` and write its artifact.

    Building twice gives the same bytes. An identical artifact that stands there already is
    left as it is; a different one only gives way to ``force``.

    Args:
        config: From `vackit.config.build.load_build_config`.
        force: Replace a different artifact.
        allow_code: Let a CustomFunc of the process_ops run its Python file.
        reference: Store the float twin of an int8 graph with it, for `vamc explain`.
        use_cache: Go on from, and leave, calibration statistics in the cache folder.
        accuracy: How much int8 may lose; None: whatever it does.
        verify: Compare the float graph with the model after every pass, on random samples
            and on images of the dataset.

    Raises:
        ModelError: The model cannot be read, does not fit the config, or computes something
            else after the passes.
        UnsupportedOpError: A node or an extra op stands in the way.
        CalibrationError: The calibration set is unusable, or int8 loses too much.
        ArtifactError: Another artifact stands behind the prefix.
    """
    start = time.monotonic()
    _check_available(config)
    pipeline = _process_pipeline(config, allow_code)
    model, manifest, quantized = _compile(config, pipeline, use_cache, accuracy, verify)
    prefix = config.artifact_prefix
    graph, weights = serialize(model, prefix.name + WEIGHTS_SUFFIX)
    parts = {
        GRAPH_SUFFIX: graph,
        WEIGHTS_SUFFIX: weights,
        MODEL_INFO_SUFFIX: json_bytes(model_info_json(prefix, config.name)),
    }
    check_parts(prefix.name, model, parts, config.name)
    if quantized is not None:
        parts[CALIBRATION_SUFFIX] = json_bytes(quantized.table)
    if quantized is not None and reference:
        twin_parts = serialize(quantized.twin, prefix.name + REFERENCE_WEIGHTS_SUFFIX)
        parts[REFERENCE_GRAPH_SUFFIX], parts[REFERENCE_WEIGHTS_SUFFIX] = twin_parts
    files, unchanged = store(prefix, manifest, parts, force=force)
    return BuildReport(
        prefix=prefix,
        name=config.name,
        dtype=config.backend.dtype,
        calibrate_mode=quantized.record["calibrate_mode"] if quantized else None,
        inputs=manifest.inputs,
        outputs=manifest.outputs,
        max_batch=manifest.max_batch,
        files=files,
        calibration=_calibration_summary(manifest.quantization),
        accuracy_drop=(manifest.quantization or {}).get("accuracy_drop"),
        passes=manifest.passes,
        verification=manifest.verification,
        seconds=time.monotonic() - start,
        unchanged=unchanged,
    )


def _compile(
    config: BuildConfig,
    pipeline: ProcessPipeline | None,
    use_cache: bool,
    accuracy: AccuracyWish | None,
    verify: bool,
) -> tuple[onnx.ModelProto, Manifest, Quantized | None]:
    model = read_model(config)
    checkpoint = config.frontend.checkpoint
    assert checkpoint is not None
    source = config.source or config.name
    is_int8 = config.backend.dtype == "int8"
    # which nodes stay float matters where others do not
    quantize = config.backend.quantize if is_int8 else Quantize()
    excluded, named = excluded_nodes(model.graph, quantize, source)
    set_inputs(model, config.frontend.shape, source, config.frontend.shape_ranges)
    images = CalibrationSet(config, signature(model)[0], pipeline) if is_int8 else None
    some = images_to_verify(config, model, pipeline, images) if verify else []
    verifier = Verifier(model, checkpoint, some, wanted=verify)
    records, is_free = _to_float_form(model, config, checkpoint, verifier, excluded)
    verification = verifier.record(model)
    records += _append_extra_ops(model, config, checkpoint)
    quantized = None
    tools = tool_versions("numpy", "onnx", "onnxruntime")
    if images is not None:
        warn_without_effect(model, named, source)
        model, quantized = _quantize(
            model, config, images, excluded, pipeline, use_cache=use_cache, accuracy=accuracy
        )
        model, lowering = lower_and_record(model)
        records += lowering
        tools["opencv"] = _opencv_version()
    elif config.backend.dtype == "fp16":
        model = to_half(model, checkpoint)
    inputs, outputs = signature(model)
    outputs = with_layouts(outputs, config.backend.compile.get("output_layout"), source)
    manifest = Manifest(
        name=config.name,
        dtype=config.backend.dtype,
        inputs=inputs,
        outputs=outputs,
        max_batch=None if is_free else 1,
        quantization=quantized.record if quantized else None,
        preprocessing=pipeline.describe() if pipeline else (),
        tools=tools,
        model_sha256=sha256_file(checkpoint),
        passes=tuple(records),
        verification=verification,
    )
    return model, manifest, quantized


def _quantize(
    model: onnx.ModelProto,
    config: BuildConfig,
    images: CalibrationSet,
    excluded: frozenset[str],
    pipeline: ProcessPipeline | None,
    *,
    use_cache: bool,
    accuracy: AccuracyWish | None,
) -> tuple[onnx.ModelProto, Quantized]:
    quantize, where = config.backend.quantize, config.frontend.checkpoint
    if accuracy is None:
        return model, quantize_model(model, quantize, images, excluded, where, use_cache=use_cache)
    budget = accuracy.budget(config, images, pipeline, signature(model)[1])
    fitted = fit(model, quantize, images, excluded, budget, where, use_cache=use_cache)
    return fitted.model, fitted.quantized


def _to_float_form(
    model: onnx.ModelProto,
    config: BuildConfig,
    where: object,
    verifier: Verifier,
    excluded: frozenset[str],
) -> tuple[list[PassRecord], bool]:
    """Make the float32 graph that every dtype starts from; ``excluded`` are to stay nodes.

    Returns:
        What each pass changed, and whether the batch is free.
    """
    records: list[PassRecord] = []
    if config.backend.dtype == "int8":
        records.append({"pass": "raise_opset", "changes": raise_opset(model, where)})
    records += run_float_passes(model, where, verifier.samples)
    # how exporters fix a batch is a guess, which is tried out in any case
    is_free = free_batch(model, verifier.alone, where)
    records.append({"pass": "free_batch", "changes": int(is_free)})
    if config.backend.dtype == "int8":
        records += run_integer_passes(model, where, verifier.samples, excluded)
    set_output_shapes(model, where)
    return records, is_free


def _append_extra_ops(
    model: onnx.ModelProto, config: BuildConfig, where: object
) -> list[PassRecord]:
    if config.extra_ops is None:
        return []
    return run_passes(model, [extra_pass(config.extra_ops, config.source or config.name)], where)


def _check_available(config: BuildConfig) -> None:
    where = config.source or config.name
    if config.extra_ops is not None:
        extra_pass(config.extra_ops, where)


def _process_pipeline(config: BuildConfig, allow_code: bool) -> ProcessPipeline | None:
    """Return the config's process_ops; None where nothing of theirs is needed."""
    if config.dataset is None or takes_npz(config.dataset):
        return None
    needed = config.backend.dtype == "int8"
    ops = config.dataset.process_ops
    if not needed and (not ops or any(isinstance(op, CustomFunc) for op in ops)):
        return None
    try:
        return ProcessPipeline(ops, allow_code=allow_code)
    except ConfigError as error:
        if needed:
            source = str(config.source or config.name)
            raise ConfigError(
                [dataclasses.replace(finding, file=source) for finding in error.findings]
            ) from error
        logger.warning("%s: %s", config.source or config.name, error.findings[0].message)
        return None


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


def _calibration_summary(quantization: dict[str, Any] | None) -> dict[str, Any] | None:
    if quantization is None:
        return None
    kept = ("calibrate_mode", "per_channel", "num_images", "images_sha256")
    return {
        **{key: quantization[key] for key in kept},
        "num_ranges": len(quantization["ranges"]),
    }
