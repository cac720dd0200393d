# SPDX-License-Identifier: Apache-2.0
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from tests.inverted_residuals import quantized

from vackit.compiler.lowering import lift, lower
from vackit.testing.graph_builder import GraphBuilder


def pooled(kernel: int = 3) -> onnx.ModelProto:
    """A strided first convolution, a pooling that two convolutions read, and their sum."""
    b = GraphBuilder(13, batch_norm=False)
    x = b.node("Relu", [b.conv("input", 3, 8, stride=2, kernel=kernel)])
    x = b.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    y = b.node("Add", [b.node("Relu", [b.conv(x, 8, 8)]), b.conv(x, 8, 8)])
    model = b.model({"input": ["N", 3, 16, 16]}, {"output": (b.conv(y, 8, 4), ["N", 4, 4, 4])})
    samples = [np.random.default_rng(1).standard_normal((1, 3, 16, 16)).astype(np.float32)]
    return quantized(model, samples=samples)


def optimized(model: onnx.ModelProto) -> list[str]:
    """Return the kinds of nodes that ONNX Runtime runs, in order."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(Path(folder, "optimized.onnx"))
        options.log_severity_level = 3
        ort.InferenceSession(model.SerializeToString(), options)
        return [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, {"input": x})[0])


def test_lower_keeps_a_pooling_in_float_from_being_rounded_before() -> None:
    model = pooled()
    kinds = optimized(model)
    # what is mended: should this fail, the step is needed no more
    assert kinds.index("QuantizeLinear") < kinds.index("MaxPool")
    kinds = optimized(lower(model))
    assert kinds.index("MaxPool") < kinds.index("QuantizeLinear")


def test_lower_keeps_what_a_shielded_pooling_computes() -> None:
    model = pooled()
    lowered = lower(model)
    onnx.checker.check_model(lowered, full_check=True)
    assert Counter(node.op_type for node in lowered.graph.node)["Max"] == 1
    x = np.random.default_rng(0).standard_normal((3, 3, 16, 16)).astype(np.float32)
    np.testing.assert_array_equal(run(lowered, x), run(model, x))


def test_lift_takes_the_shield_away() -> None:
    model = pooled()
    lifted = lift(lower(model))
    assert [n.SerializeToString() for n in lifted.graph.node] == [
        n.SerializeToString() for n in model.graph.node
    ]


@pytest.mark.parametrize("kernel", [5], ids=["integers"])
def test_lower_leaves_a_pooling_of_integers(kernel: int) -> None:
    assert "Max" not in {node.op_type for node in lower(pooled(kernel)).graph.node}
