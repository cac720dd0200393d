# SPDX-License-Identifier: Apache-2.0
"""Convolutions that decode distances become arithmetic, and nothing else does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vackit.compiler.detection.expectation import write_out_expectations
from vackit.compiler.detection.tail import Tail
from vackit.compiler.graph import copy_model
from vackit.testing.graph_builder import GraphBuilder

Array = NDArray[Any]
Run = Callable[..., dict[str, Array]]
BINS = 16


def distances(*, softmax: bool = True, bias: bool = False) -> onnx.ModelProto:
    """Return the end of YOLOv8's export: (N, 64, 10) to the means of 16 bins, (N, 4, 10)."""
    build = GraphBuilder(13)
    value = build.node("Reshape", ["input", build.constant([0, 4, BINS, 10])])
    value = build.node("Transpose", [value], perm=[0, 2, 1, 3])
    if softmax:
        value = build.node("Softmax", [value], axis=1)
    weights = build.constant(np.arange(BINS).reshape(1, BINS, 1, 1), "float32")
    extra = [build.constant([1.0], "float32")] if bias else []
    value = build.node("Conv", [value, weights, *extra])
    value = build.node("Reshape", [value, build.constant([0, 4, 10])])
    return build.model({"input": ["N", 64, 10]}, {"output": (value, ["N", 4, 10])})


def test_an_expectation_is_written_out_and_means_the_same(run_model: Run) -> None:
    model = distances()
    before = copy_model(model)
    assert write_out_expectations(model.graph, Tail(model.graph, "x")) == 1
    onnx.checker.check_model(model, full_check=True)
    assert "Conv" not in {node.op_type for node in model.graph.node}
    feeds = {"input": np.random.default_rng(0).normal(0, 3, (2, 64, 10)).astype(np.float32)}
    # sums of 16 products in another order
    np.testing.assert_allclose(
        run_model(model, feeds)["output"], run_model(before, feeds)["output"], rtol=1e-5
    )


@pytest.mark.parametrize(
    "model", [distances(softmax=False), distances(bias=True)], ids=["no softmax", "a bias"]
)
def test_other_convolutions_stay(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert write_out_expectations(model.graph, Tail(model.graph, "x")) == 0
    assert model.SerializeToString() == before
