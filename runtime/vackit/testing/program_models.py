# SPDX-License-Identifier: Apache-2.0
"""ONNX models of the kinds that programs bring, written as artifacts without compiling."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vackit._version import tool_versions
from vackit.artifact.manifest import Manifest
from vackit.artifact.store import GRAPH_SUFFIX, WEIGHTS_SUFFIX, write_artifact
from vackit.compiler.emit import serialize, signature
from vackit.testing.graph_builder import GraphBuilder


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


def dynamic_model(opset: int = 13) -> Any:
    """Return a model of any batch, height and width, written as exporters write such models.

    Two convolutions of stride 2; ``rows`` (N, h / 4 * w / 4, 4) through a Reshape whose target
    is computed, and ``map`` (N, 8, h, w) through a Resize.
    """
    build = GraphBuilder(opset, batch_norm=False)
    first = build.node("Relu", [build.conv("input", 3, 8, kernel=3, stride=2)])
    second = build.conv(first, 8, 4, kernel=3, stride=2)
    shape = build.node("Shape", [second])
    sizes = [build.node("Gather", [shape, build.constant(axis)], axis=0) for axis in range(4)]
    cells = build.node("Mul", sizes[2:])
    axis = build.constant([0])
    target = [build.node("Unsqueeze", [one, axis]) for one in (sizes[0], sizes[1], cells)]
    flat = build.node("Reshape", [second, build.node("Concat", target, axis=0)])
    outputs: dict[str, tuple[str, Sequence[int | str]]] = {
        "rows": (build.node("Transpose", [flat], perm=[0, 2, 1]), ["n", "cells", 4]),
        "map": (
            build.node("Resize", [first, "", build.constant([1, 1, 2, 2], "float32")]),
            ["n", 8, "h", "w"],
        ),
    }
    return build.model({"input": ["n", 3, "h", "w"]}, outputs)


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
