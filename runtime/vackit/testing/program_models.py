# SPDX-License-Identifier: Apache-2.0
"""ONNX models of the kinds that programs bring, written as artifacts without compiling."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vackit._version import tool_versions
from vackit.artifact.manifest import Manifest
from vackit.artifact.store import GRAPH_SUFFIX, WEIGHTS_SUFFIX, write_artifact
from vackit.compiler.emit import serialize, signature


def write_model(prefix: str, model: onnx.ModelProto, max_batch: int | None = None) -> str:
    """Write an artifact of any ONNX model, uncompiled."""
    graph, weights = serialize(model, Path(prefix).name + WEIGHTS_SUFFIX)
    inputs, outputs = signature(model)
    manifest = Manifest(
        "any", "fp32", inputs, outputs, max_batch, None, (), tool_versions("onnx"), ""
    )
    write_artifact(Path(prefix), manifest, {GRAPH_SUFFIX: graph, WEIGHTS_SUFFIX: weights})
    return prefix


def text_model(names: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids")) -> Any:
    """Return a model of int64 inputs (1, 4): output = 100 * ids + 10 * mask + types."""
    nodes, inits, terms = [], [], []
    for i, (name, factor) in enumerate(zip(names, (100.0, 10.0, 1.0), strict=False)):
        inits.append(numpy_helper.from_array(np.array(factor, np.float32), f"factor{i}"))
        nodes.append(helper.make_node("Cast", [name], [f"float{i}"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"float{i}", f"factor{i}"], [f"term{i}"]))
        terms.append(f"term{i}")
    nodes.append(helper.make_node("Sum", terms, ["output"]))
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", 4]) for name in names],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 4])],
        inits,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def flat_model() -> Any:
    """Return a model fixed to one image (1, 3, 8, 8) whose output (8, 8) has no batch axis."""
    axes = numpy_helper.from_array(np.array([0, 1], np.int64), "axes")
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["input", "axes"], ["output"], keepdims=0)],
        "flat",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [8, 8])],
        [axes],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def matrix_model(rows: int = 20, columns: int = 40) -> Any:
    """Return a model that doubles a matrix without batch axis."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["input", "input"], ["output"])],
        "matrix",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [rows, columns])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [rows, columns])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
