# SPDX-License-Identifier: Apache-2.0
"""Write a tiny artifact in milliseconds, without a build YAML: for tests of what runs it."""

from pathlib import Path
from typing import Any

import onnx

from vackit._version import tool_versions
from vackit.artifact.manifest import Manifest
from vackit.artifact.store import (
    GRAPH_SUFFIX,
    REFERENCE_GRAPH_SUFFIX,
    REFERENCE_WEIGHTS_SUFFIX,
    WEIGHTS_SUFFIX,
    Artifact,
    write_artifact,
)
from vackit.compiler.calibration.ranges import measure_ranges
from vackit.compiler.emit import serialize, signature
from vackit.compiler.half import to_half
from vackit.compiler.int8 import merged
from vackit.compiler.placement import place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import activation_scale
from vackit.compiler.running import random_feeds
from vackit.files import sha256_bytes
from vackit.testing.tiny_models import MODELS


def write_tiny_artifact(
    prefix: Path, kind: str = "conv", dtype: str = "fp32", fixed_batch: bool = False
) -> Artifact:
    """Write the artifact of a model of `tiny_models.MODELS`.

    Args:
        prefix: Where; its folder is made.
        kind: A key of `tiny_models.MODELS`.
        dtype: ``"fp32"``, ``"fp16"`` (float16 inputs and outputs) or ``"int8"``, calibrated
            on a few seeded samples and with its float twin.
        fixed_batch: Fix the batch to 1, as for a graph that allows no other.
    """
    model = MODELS[kind](batch=1 if fixed_batch else "N")
    source = model.SerializeToString(deterministic=True)
    parts = {}
    quantization = None
    if dtype == "fp16":
        model = to_half(model)
    elif dtype == "int8":
        twin = serialize(model, prefix.name + REFERENCE_WEIGHTS_SUFFIX)
        parts = dict(zip((REFERENCE_GRAPH_SUFFIX, REFERENCE_WEIGHTS_SUFFIX), twin, strict=True))
        quantization = _quantize(model)
    graph, weights = serialize(model, prefix.name + WEIGHTS_SUFFIX)
    inputs, outputs = signature(model)
    manifest = Manifest(
        name=f"tiny_{kind}",
        dtype=dtype,
        inputs=inputs,
        outputs=outputs,
        max_batch=1 if fixed_batch else None,
        quantization=quantization,
        preprocessing=(),
        tools=tool_versions("onnx", "onnxruntime"),
        model_sha256=sha256_bytes(source),
    )
    parts |= {GRAPH_SUFFIX: graph, WEIGHTS_SUFFIX: weights}
    return write_artifact(prefix, manifest, parts)


def _quantize(model: onnx.ModelProto) -> dict[str, Any]:
    placement = place(model)
    samples = [(f"sample {seed}", random_feeds(model.graph, 1, seed)) for seed in range(4)]
    measured = measure_ranges(model, list(placement.groups), samples, "tiny")
    ranges = merged(measured, placement)
    scales = {name: activation_scale(*ranges[group]) for name, group in placement.groups.items()}
    insert_qdq(model, placement, scales)
    return {"calibrate_mode": "max", "ranges": {name: list(r) for name, r in ranges.items()}}
