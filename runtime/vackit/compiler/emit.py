# SPDX-License-Identifier: Apache-2.0
"""Turn a finished graph into an artifact: bytes, checked, then files. Writes the artifact."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import (
    GRAPH_SUFFIX,
    MANIFEST_SUFFIX,
    complete_manifest,
    open_artifact,
    part_path,
    write_artifact,
)
from vackit.compiler.dynamic import range_of
from vackit.compiler.graph import shape_of
from vackit.compiler.running import open_session, random_feeds, run
from vackit.errors import ArtifactError
from vackit.files import temporary_folder
from vackit.tensors import TensorSpec

logger = logging.getLogger(__name__)

PRODUCER = "vackit"
# tensors up to this size stay in the graph: shapes, axes, scales that readers want to see
INLINE_LIMIT_BYTES = 256
# so that a reader which maps the file gets aligned vectors
ALIGNMENT_BYTES = 64


def serialize(model: onnx.ModelProto, weights_name: str) -> tuple[bytes, bytes]:
    """Return the bytes of ``.onnx`` and ``.onnx.data``.

    The same model gives the same bytes, in any process: initializers are laid out in graph
    order, nothing of the producer's machine is kept.

    Args:
        model: Complete, its weights inside; left as it is.
        weights_name: File name of the weights, without a folder.
    """
    model = _anonymous(model)
    weights = bytearray()
    for position, tensor in enumerate(model.graph.initializer):
        raw = _with_raw_data(tensor)
        if len(raw.raw_data) > INLINE_LIMIT_BYTES:
            weights.extend(bytes(-len(weights) % ALIGNMENT_BYTES))
            _move_out(raw, weights, weights_name)
        model.graph.initializer[position].CopyFrom(raw)
    return model.SerializeToString(deterministic=True), bytes(weights)


def _anonymous(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.producer_name, copy.producer_version, copy.doc_string = PRODUCER, "", ""
    del copy.metadata_props[:]
    copy.graph.doc_string = ""
    for value in (*copy.graph.input, *copy.graph.output):
        del value.metadata_props[:]
    for node in copy.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    needed = helper.find_min_ir_version_for(list(copy.opset_import), ignore_unknown=True)
    copy.ir_version = max(needed, 8)
    return copy


def _with_raw_data(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if tensor.HasField("raw_data") or tensor.data_type == TensorProto.STRING:
        copy = onnx.TensorProto()
        copy.CopyFrom(tensor)
        copy.doc_string = ""
        return copy
    return numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name)


def _move_out(tensor: onnx.TensorProto, weights: bytearray, location: str) -> None:
    entries = {
        "location": location,
        "offset": str(len(weights)),
        "length": str(len(tensor.raw_data)),
    }
    weights.extend(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)


def signature(model: onnx.ModelProto) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs and outputs as manifests carry them."""
    inputs = tuple(_spec(value) for value in model.graph.input)
    return inputs, tuple(_spec(value) for value in model.graph.output)


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in shape_of(value) or ())
    dtype: np.dtype[Any] = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    smallest, largest = range_of(value) or ((), ())
    layout = "NCHW" if len(shape) == 4 else ""
    return TensorSpec(value.name, shape, dtype.name, layout, smallest, largest)


def check_parts(name: str, model: onnx.ModelProto, parts: dict[str, bytes], where: object) -> None:
    """Load the parts from files, as a device will, and run them on one sample.

    Raises:
        ModelError: ONNX Runtime does not take what was made.
    """
    with temporary_folder(Path(tempfile.gettempdir())) as folder:
        for suffix, data in parts.items():
            (folder / f"{name}{suffix}").write_bytes(data)
        session = open_session(str(folder / f"{name}{GRAPH_SUFFIX}"), where)
        run(session, random_feeds(model.graph, 1, 0), where)


def store(
    prefix: Path, manifest: Manifest, parts: dict[str, bytes], *, force: bool
) -> tuple[tuple[Path, ...], bool]:
    """Write the artifact, unless the same one stands there already.

    Returns:
        Its files, the manifest last, and whether it stood there already.

    Raises:
        ArtifactError: A different artifact stands there, and ``force`` was not given.
    """
    complete = complete_manifest(manifest, parts)
    differences = _differences(prefix, complete)
    files = tuple(part_path(prefix, suffix) for suffix in (*parts, MANIFEST_SUFFIX))
    if differences is not None and not differences and _is_whole(prefix):
        return files, True
    # what it was verified on is no part of what it is: the last build tells
    if differences and differences != ["verification"] and not force:
        raise ArtifactError(
            f"another artifact stands here, it differs in {', '.join(differences)}",
            where=prefix,
            hint="replace it with --force, or change name or workspace.path",
        )
    write_artifact(prefix, manifest, parts)
    return files, False


def _differences(prefix: Path, manifest: Manifest) -> list[str] | None:
    """Return in which fields the manifest on disk differs; None where there is none."""
    path = part_path(prefix, MANIFEST_SUFFIX)
    if not path.exists():
        return None
    try:
        there = json.loads(path.read_bytes())
    except ValueError:
        return ["everything: its manifest is damaged"]
    wanted = json.loads(json.dumps(manifest.to_json()))
    if not isinstance(there, dict):
        return ["everything: its manifest is damaged"]
    return [key for key in wanted if there.get(key) != wanted[key]]


def _is_whole(prefix: Path) -> bool:
    try:
        open_artifact(prefix)
    except ArtifactError as error:
        logger.warning("%s; it is written again", error.message)
        return False
    return True
