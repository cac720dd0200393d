# SPDX-License-Identifier: Apache-2.0
"""Read the user's ONNX file into a checked model. Reads ``frontend.checkpoint``."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto

from vackit.compiler.graph import opset_of, sort_nodes
from vackit.compiler.reading.channel_forms import mend_channel_forms
from vackit.compiler.reading.float32 import to_float32
from vackit.compiler.reading.model_checks import (
    all_tensors,
    refuse_damaged_tensors,
    refuse_quantized,
    refuse_unknown_operators,
)
from vackit.compiler.reading.new_opset import lower_new_opset
from vackit.compiler.reading.old_opset import raise_old_opset
from vackit.compiler.reading.runtime_norms import write_out_runtime_norms
from vackit.compiler.reading.tidy import tidy
from vackit.config.build import BuildConfig
from vackit.errors import ModelError

logger = logging.getLogger(__name__)

OLDEST_OPSET = 3
# a protobuf message ends at 2 GB, and so does a model that is handed over in memory
_MAX_BYTES = 2**31 - 2**20

# how a file starts that git left in the place of a large one
_LFS = b"version https://git-lfs"

# how each framework's own model becomes ONNX
_EXPORTERS = {
    "caffe": "export with caffe2onnx, or convert to PyTorch first",
    "darknet": "export with the darknet2onnx script of the model's own project",
    "huggingface": "export with `optimum-cli export onnx`",
    "keras": "export with `python -m tf2onnx.convert --keras MODEL --output model.onnx`",
    "paddle": "export with `paddle2onnx --model_dir DIR --save_file model.onnx`",
    "pytorch": "export with torch.onnx.export(model, input, 'model.onnx')",
    "tensorflow": "export with `python -m tf2onnx.convert --saved-model DIR --output model.onnx`",
    "tflite": "export with `python -m tf2onnx.convert --tflite MODEL --output model.onnx`",
}


def read_model(config: BuildConfig) -> onnx.ModelProto:
    """Return the model that ``frontend.checkpoint`` names, its weights inside.

    Initializers that old exporters also list as inputs are inputs no longer; functions are
    inlined; every node has a name; other floating precisions become float32.

    Raises:
        ModelError: Neither frontend nor file is of ONNX, no checkpoint is named, or the file
            is missing, empty, damaged, older than opset 3, or its weights lie elsewhere.
        UnsupportedOpError: A node has no form in the opsets that ONNX Runtime runs, is of an
            unknown domain, or is quantized already where ``backend.dtype`` is ``int8``.
    """
    where = config.source or config.name
    kind, checkpoint = config.frontend.type, config.frontend.checkpoint
    if kind.lower() != "onnx":
        if checkpoint is None or checkpoint.suffix.lower() != ".onnx":
            advice = _EXPORTERS.get(kind.lower(), "export it to ONNX")
            raise ModelError(
                f"frontend.type is '{kind}'; this compiler reads onnx",
                where=where,
                hint=f"{advice}, then set frontend.type to onnx",
            )
        logger.warning("%s: frontend.type is '%s', taken as onnx as %s is", where, kind, checkpoint)
    if checkpoint is None:
        raise ModelError(
            "frontend.checkpoint names no model",
            where=where,
            hint="--set frontend.checkpoint=model.onnx",
        )
    model = read_onnx(checkpoint)
    to_float32(model, checkpoint)
    if config.backend.dtype == "int8":
        refuse_quantized(model.graph, checkpoint)
    return model


def read_onnx(path: Path) -> onnx.ModelProto:
    """Return the ONNX model of a file, checked; see `read_model`."""
    model = _parse(path, _read_bytes(path))
    _load_external_data(model, path)
    # converters put nodes of theirs at the end, which runtimes allow and the checker does not
    sort_nodes(model.graph)
    tidy(model)
    write_out_runtime_norms(model)
    _check(model, path)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    _drop_initializer_inputs(model)
    _name_nodes(model.graph)
    refuse_unknown_operators(model.graph, path)
    refuse_damaged_tensors(model.graph, path)
    raise_old_opset(model, path)
    mend_channel_forms(model)
    lower_new_opset(model, path)
    return model


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ModelError("this is a folder, not an ONNX file", where=path)
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*.onnx")) if path.parent.is_dir() else []
        hint = f"that folder holds {', '.join(near[:4])}" if near else ""
        raise ModelError("no such file", where=path, hint=hint)
    if path.stat().st_size == 0:
        raise ModelError("the file is empty", where=path)
    if path.stat().st_size > _MAX_BYTES:
        raise ModelError("the file is larger than the 2 GB of a protobuf message", where=path)
    return path.read_bytes()


def _parse(path: Path, data: bytes) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ModelError(
            f"not a complete ONNX model: its {len(data)} bytes do not parse as one",
            where=path,
            hint="the file only points at one: git lfs pull" if data.startswith(_LFS) else "",
        ) from error
    if not model.opset_import or not model.graph.output:
        raise ModelError("not an ONNX model: it has no opset or no outputs", where=path)
    return model


def _check(model: onnx.ModelProto, path: Path) -> None:
    opset = opset_of(model)
    if opset < OLDEST_OPSET:
        raise ModelError(
            f"uses opset {opset}; opsets from {OLDEST_OPSET} on are read",
            where=path,
            hint="export it again with a newer opset, 13 for instance",
        )
    # exporters leave out shapes that they do not know; only the checker asks for them
    values = (*model.graph.input, *model.graph.output)
    unknown = [value.type.tensor_type for value in values if _has_no_shape(value)]
    for tensor_type in unknown:
        tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        fact = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
        raise ModelError(f"not a model by ONNX's own checker: {fact}", where=path) from error
    for tensor_type in unknown:
        tensor_type.ClearField("shape")
    for value in values:
        if value.type.WhichOneof("value") != "tensor_type":
            raise ModelError(f"'{value.name}' is not a tensor", where=path)


def _has_no_shape(value: onnx.ValueInfoProto) -> bool:
    is_tensor = value.type.WhichOneof("value") == "tensor_type"
    return is_tensor and not value.type.tensor_type.HasField("shape")


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    """Read what lies in files beside the model, and nothing from anywhere else."""
    total = 0
    for tensor in all_tensors(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        data = _external_bytes(tensor.name, entries, path, _num_bytes(tensor))
        total += len(data)
        if total > _MAX_BYTES:
            raise ModelError("its weights are larger than 2 GB", where=path)
        tensor.raw_data = data
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _num_bytes(tensor: onnx.TensorProto) -> int:
    dtype: np.dtype[Any] = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return int(math.prod(tensor.dims) * dtype.itemsize)


def _external_bytes(name: str, entries: dict[str, str], path: Path, size: int) -> bytes:
    location = entries.get("location", "")
    folder = path.parent.resolve()
    source = (folder / location).resolve()
    if not location or Path(location).is_absolute() or not source.is_relative_to(folder):
        raise ModelError(
            f"the weights of '{name}' point outside the model's folder: '{location}'", where=path
        )
    if not source.is_file():
        raise ModelError(
            f"the weights of '{name}' are missing: no file '{location}' beside the model",
            where=path,
            hint=f"copy {location} into {path.parent}",
        )
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(size)))
    except ValueError as error:
        raise ModelError(f"the weights of '{name}' have a damaged place", where=path) from error
    if length != size or offset < 0 or offset + length > source.stat().st_size:
        raise ModelError(
            f"'{location}' holds {source.stat().st_size} bytes; '{name}' needs {size} "
            f"from byte {offset} on",
            where=path,
        )
    with source.open("rb") as handle:
        handle.seek(offset)
        return handle.read(length)


def _drop_initializer_inputs(model: onnx.ModelProto) -> None:
    graph = model.graph
    # before IR version 4 every initializer had to be an input too
    model.ir_version = max(model.ir_version, 4)
    weights = {tensor.name for tensor in graph.initializer}
    for position in reversed(range(len(graph.input))):
        if graph.input[position].name in weights:
            del graph.input[position]


def _name_nodes(graph: onnx.GraphProto) -> None:
    seen: set[str] = set()
    for position, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{position}"
            while node.name in seen:
                node.name += "_"
        seen.add(node.name)
