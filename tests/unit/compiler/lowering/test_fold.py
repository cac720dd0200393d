# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from tests.inverted_residuals import inverted_residuals, quantized

from vackit.compiler.fingerprints import fingerprints
from vackit.compiler.graph import set_shape
from vackit.compiler.lowering import lift, lower
from vackit.compiler.passes.fold_stem import FoldStem
from vackit.testing.graph_builder import GraphBuilder


def stem(channels: int = 3, kernel: int = 3, height: int = 16, width: int = 12) -> onnx.ModelProto:
    b = GraphBuilder(13, batch_norm=False)
    y = b.clip6(b.conv("input", channels, 8, stride=2, kernel=kernel))
    y = b.conv(y, 8, 4)
    return b.model(
        {"input": ["N", channels, height, width]},
        {"output": (y, ["N", 4, height // 2, width // 2])},
    )


def integer(model: onnx.ModelProto, shape: tuple[int, ...]) -> onnx.ModelProto:
    """Return the quantized form, not lowered, its stem folded."""
    assert FoldStem().apply(model) == 1
    rng = np.random.default_rng(1)
    return quantized(model, samples=[rng.standard_normal((1, *shape)).astype(np.float32)])


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    # integer kernels in both: with float ones a sum may fall on the other side of a half
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    return np.asarray(session.run(None, {"input": x})[0])


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lower_rounds_before_it_folds_to_the_same_bits(channels: int, kernel: int) -> None:
    model = integer(stem(channels, kernel), (channels, 16, 12))
    lowered = lower(model)
    onnx.checker.check_model(lowered, full_check=True)
    ops = Counter(node.op_type for node in lowered.graph.node)
    assert (ops["SpaceToDepth"], ops["Transpose"]) == (0, 1)
    for batch in (1, 3):
        x = np.random.default_rng(0).standard_normal((batch, channels, 16, 12)).astype(np.float32)
        np.testing.assert_array_equal(run(lowered, x), run(model, x))


def test_lift_brings_the_fold_back() -> None:
    model = integer(stem(), (3, 16, 12))
    lifted = lift(lower(model))
    onnx.checker.check_model(lifted, full_check=True)
    assert {n.name for n in lifted.graph.node} == {n.name for n in model.graph.node}
    assert fingerprints(lifted.graph) == fingerprints(model.graph)
    x = np.random.default_rng(0).standard_normal((2, 3, 16, 12)).astype(np.float32)
    np.testing.assert_array_equal(run(lifted, x), run(model, x))


def test_lower_leaves_a_fold_of_unknown_size() -> None:
    model = integer(stem(), (3, 16, 12))
    set_shape(model.graph.input[0], ("N", 3, "H", 12))
    assert "SpaceToDepth" in {node.op_type for node in lower(model).graph.node}


def test_lower_leaves_a_fold_that_something_else_reads() -> None:
    model = integer(stem(), (3, 16, 12))
    fold = next(node for node in model.graph.node if node.op_type == "SpaceToDepth")
    model.graph.node.append(onnx.helper.make_node("Relu", [fold.output[0]], ["seen"], name="seen"))
    model.graph.output.append(onnx.ValueInfoProto(name="seen"))
    assert "SpaceToDepth" in {node.op_type for node in lower(model).graph.node}


def test_lower_folds_both_ways_through_a_whole_network() -> None:
    model = quantized(inverted_residuals())
    ops = Counter(node.op_type for node in model.graph.node)
    assert ops["SpaceToDepth"] == 1
    assert "SpaceToDepth" not in {node.op_type for node in lower(model).graph.node}
