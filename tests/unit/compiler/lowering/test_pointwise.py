# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from tests.inverted_residuals import images, inverted_residuals, quantized

from vackit.compiler.fingerprints import fingerprints
from vackit.compiler.graph import constants, copy_model
from vackit.compiler.lowering import lift, lower
from vackit.testing.graph_builder import GraphBuilder

# a product scaled to float in another order differs by float32's roundings, and a value that
# lies between two steps may then be rounded to the other one
TOLERANCE = 0.02


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def run(model: onnx.ModelProto, batch: int = 1) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {"input": x})[0] for x in images(4, batch)])


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
@pytest.mark.parametrize("batch", [1, 3])
def test_lower_computes_the_same(per_channel: bool, batch: int) -> None:
    model = quantized(inverted_residuals(), per_channel=per_channel)
    before, after = run(model, batch), run(lower(model), batch)
    np.testing.assert_allclose(after, before, atol=TOLERANCE * np.abs(before).max())


def test_lower_writes_what_sums_start_from_as_a_product() -> None:
    model = quantized(inverted_residuals(blocks=2))
    lowered = lower(model)
    onnx.checker.check_model(lowered, full_check=True)
    assert kinds(model)["Gemm"] == 1
    assert kinds(lowered)["Gemm"] == 1 + 1
    assert kinds(lowered)["Conv"] == kinds(model)["Conv"] - 1


def test_lower_leaves_onnxruntime_no_weights_to_dequantize(tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    lowered = lower(quantized(inverted_residuals()))
    ort.InferenceSession(lowered.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ops = kinds(onnx.load(tmp_path / "optimized.onnx"))
    assert ops["QGemm"] == 1 + 1
    assert not {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul"} & set(ops)
    # one at either end of the integer convolutions, two that fold the image
    assert ops["Transpose"] <= 4


def test_lower_keeps_names_of_nodes_weights_and_roundings() -> None:
    model = quantized(inverted_residuals())
    lowered = lower(model)
    weighted = {n.name for n in model.graph.node if n.op_type in ("Conv", "Gemm")}
    assert weighted == {n.name for n in lowered.graph.node if n.op_type in ("Conv", "Gemm")}
    assert {n for n in constants(model.graph) if n.endswith("/int8")} == {
        n for n in constants(lowered.graph) if n.endswith("/int8")
    }
    codes = {n.output[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    assert codes <= {name for n in lowered.graph.node for name in n.output}


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
def test_lift_undoes_lower(per_channel: bool) -> None:
    model = quantized(inverted_residuals(), per_channel=per_channel)
    lifted = lift(lower(model))
    onnx.checker.check_model(lifted, full_check=True)
    assert kinds(lifted) == kinds(model)
    assert fingerprints(lifted.graph) == fingerprints(model.graph)
    assert {n.name for n in lifted.graph.node} == {n.name for n in model.graph.node}
    np.testing.assert_array_equal(run(lifted), run(model))


def test_lower_and_lift_leave_what_they_are_given() -> None:
    model = quantized(inverted_residuals())
    before = copy_model(model)
    lowered = lower(model)
    assert model == before
    before = copy_model(lowered)
    lift(lowered)
    assert lowered == before


def test_lower_brings_a_sum_that_is_an_output_back() -> None:
    model = quantized(inverted_residuals(ends_in_sum=True))
    lowered = lower(model)
    np.testing.assert_allclose(run(lowered), run(model), atol=TOLERANCE)
    np.testing.assert_array_equal(run(lift(lowered)), run(model))


def test_lower_leaves_a_convolution_that_stays_float() -> None:
    network = inverted_residuals()
    excluded = next(node for node in network.graph.node if node.op_type == "Add").input[0]
    model = quantized(network, excluded=frozenset({excluded}))
    lowered = lower(model)
    assert kinds(lowered)["Gemm"] == 1
    np.testing.assert_array_equal(run(lowered), run(model))


def test_lower_leaves_convolutions_that_share_their_weights() -> None:
    b = GraphBuilder(13, batch_norm=False)
    x = b.conv("input", 3, 4)
    shared = [b.weight((4, 4, 1, 1), 4), b.constant(np.zeros(4), "float32")]
    left, right = b.node("Conv", [x, *shared]), b.node("Conv", [b.conv(x, 4, 4), *shared])
    y = b.conv(b.node("Add", [left, right]), 4, 4)
    network = b.model({"input": ["N", 3, 16, 16]}, {"output": (y, ["N", 4, 16, 16])})
    model = quantized(network, integer_passes=False)
    lowered = lower(model)
    want = run(model)
    np.testing.assert_allclose(run(lowered), want, atol=TOLERANCE * np.abs(want).max())
    assert kinds(lowered)["Gemm"] == 0


def test_lower_leaves_a_float_model_as_it_is() -> None:
    model = inverted_residuals()
    assert lower(model) == model
    assert lift(model) == model
