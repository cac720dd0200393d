# SPDX-License-Identifier: Apache-2.0
"""Write a tiny artifact in milliseconds, without a build YAML: for tests of what runs it."""

from pathlib import Path

import numpy as np
import onnx

from vackit._version import tool_versions
from vackit.artifact.manifest import Manifest
from vackit.artifact.store import GRAPH_SUFFIX, WEIGHTS_SUFFIX, Artifact, write_artifact
from vackit.compiler.emit import serialize
from vackit.compiler.half import to_half
from vackit.files import sha256_bytes
from vackit.tensors import TensorSpec
from vackit.testing.tiny_models import MODELS


def write_tiny_artifact(
    prefix: Path, kind: str = "conv", dtype: str = "fp32", fixed_batch: bool = False
) -> Artifact:
    """Write the artifact of a model of `tiny_models.MODELS`.

    Args:
        prefix: Where; its folder is made.
        kind: A key of `tiny_models.MODELS`.
        dtype: ``"fp32"`` or ``"fp16"`` (float16 inputs and outputs).
        fixed_batch: Fix the batch to 1, as for a graph that allows no other.
    """
    model = MODELS[kind](batch=1 if fixed_batch else "N")
    source = model.SerializeToString(deterministic=True)
    if dtype == "fp16":
        model = to_half(model)
    graph, weights = serialize(model, prefix.name + WEIGHTS_SUFFIX)
    manifest = Manifest(
        name=f"tiny_{kind}",
        dtype=dtype,
        inputs=tuple(_spec(value) for value in model.graph.input),
        outputs=tuple(_spec(value) for value in model.graph.output),
        max_batch=1 if fixed_batch else None,
        quantization=None,
        preprocessing=(),
        tools=tool_versions("onnx", "onnxruntime"),
        model_sha256=sha256_bytes(source),
    )
    return write_artifact(prefix, manifest, {GRAPH_SUFFIX: graph, WEIGHTS_SUFFIX: weights})


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(dim.dim_value or None for dim in tensor.shape.dim)
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    return TensorSpec(value.name, shape, dtype, "NCHW" if len(shape) == 4 else "")
