# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from vackit.compiler.placement import place
from vackit.testing import tiny_models

SHAPE = [1, 3, 8, 8]


def _model(fill: Callable[[tiny_models.Builder], Any], output: list[Any]) -> onnx.ModelProto:
    build = tiny_models.Builder(seed=11)
    fill(build)
    return build.model({"input": SHAPE}, {"output": output})


def _groups(model: onnx.ModelProto) -> dict[str, str]:
    return place(model).groups


def test_place_quantizes_nothing_between_a_convolution_and_its_relu() -> None:
    # the last sum feeds no integer node: it adds floats
    assert set(_groups(tiny_models.residual())) == {"input", "relu1", "conv2"}


def test_place_shares_scales_along_what_only_moves_values() -> None:
    groups = _groups(tiny_models.shuffle_block())
    assert groups["left"] == groups["right"] == groups["stem_relu"] == "stem_relu"
    # nothing behind the last concat computes: it stays float
    assert "joined" not in groups
    assert "output" not in groups


def test_place_leaves_the_logits_of_a_gemm_and_the_softmax_float() -> None:
    groups = _groups(tiny_models.classifier(softmax=True))
    assert set(groups) == {"input", "relu", "pool", "flat"}
    assert groups["flat"] == "pool"
    assert groups["pool"] == "pool"


def test_place_keeps_hard_swish_float_between_integers() -> None:
    def fill(build: tiny_models.Builder) -> None:
        build.conv("input", "conv", (3, 4))
        build.add("HardSigmoid", ["conv"], "gate", alpha=1 / 6, beta=0.5)
        build.add("Mul", ["conv", "gate"], "swish")
        build.conv("swish", "output", (4, 4))

    placement = place(_model(fill, [1, 4, 8, 8]))
    assert set(placement.groups) == {"input", "conv", "gate", "swish", "output"}
    assert "gate_HardSigmoid" not in placement.nodes
    assert "swish_Mul" in placement.nodes


def test_place_leaves_arithmetic_with_constants_float() -> None:
    def fill(build: tiny_models.Builder) -> None:
        half = build.weight("half", np.array(0.5, np.float32))
        build.add("Mul", ["input", half], "scaled")
        build.conv("scaled", "output", (3, 4))

    placement = place(_model(fill, [1, 4, 8, 8]))
    assert set(placement.groups) == {"scaled", "output"}


@pytest.mark.parametrize("attribute", ["alpha", "beta", "transA"])
def test_place_leaves_scaled_and_turned_gemms_float(attribute: str) -> None:
    build = tiny_models.Builder()
    weight, bias = build.normal("w", 3, 3), build.normal("b", 3)
    value = 1 if attribute == "transA" else 0.5
    build.add("Gemm", ["input", weight, bias], "output", **{attribute: value})
    assert not place(build.model({"input": [3, 3]}, {"output": [3, 3]})).nodes


def test_place_takes_matmul_with_constant_weights_only() -> None:
    build = tiny_models.Builder()
    weight = build.normal("w", 4, 4)
    build.add("MatMul", ["input", weight], "product")
    build.add("MatMul", ["product", "product"], "output")
    model = build.model({"input": [4, 4]}, {"output": [4, 4]})
    assert place(model).nodes == {"product_MatMul"}


def test_place_leaves_transposed_convolutions_float() -> None:
    build = tiny_models.Builder()
    weight = build.normal("w", 3, 4, 2, 2)
    build.add("ConvTranspose", ["input", weight], "output", strides=[2, 2])
    assert not place(build.model({"input": SHAPE}, {"output": [1, 4, 16, 16]})).nodes


def test_place_leaves_shape_arithmetic_alone() -> None:
    def fill(build: tiny_models.Builder) -> None:
        build.conv("input", "conv", (3, 4))
        build.add("Shape", ["conv"], "shape")
        first = build.weight("first", np.array([0], np.int64))
        rest = build.weight("rest", np.array([4 * 64], np.int64))
        build.add("Gather", ["shape", first], "batch")
        build.add("Concat", ["batch", rest], "target", axis=0)
        build.add("Reshape", ["conv", "target"], "flat")
        weight = build.normal("fc", 256, 5)
        build.add("MatMul", ["flat", weight], "output")

    groups = _groups(_model(fill, [1, 5]))
    assert groups == {"input": "input", "conv": "conv", "flat": "conv"}


def test_place_keeps_excluded_convolutions_and_their_relu_float() -> None:
    model = tiny_models.residual()
    placement = place(model, frozenset({"conv1_Conv"}))
    assert "conv1_Conv" not in placement.nodes
    assert "relu1_Relu" not in placement.nodes
    assert set(placement.groups) == {"relu1", "conv2"}


def test_place_leaves_any_excluded_node_float() -> None:
    model = tiny_models.shuffle_block()
    assert "shuffle_left" not in place(model, frozenset({"x"})).nodes
    for name in place(model).nodes:
        assert name not in place(model, frozenset({name})).nodes


@pytest.mark.parametrize("kind", ["GroupNormalization", "com.microsoft.Gelu"])
def test_place_sees_floats_behind_what_inference_does_not_know(kind: str) -> None:
    build = tiny_models.Builder(seed=11)
    build.conv("input", "first", (3, 4))
    ones = build.weight("ones", np.ones(4, np.float32))
    build.add("GroupNormalization", ["first", ones, ones], "norm", num_groups=2)
    build.add("Relu", ["norm"], "relu")
    build.conv("relu", "output", (4, 4))
    model = build.model({"input": SHAPE}, {"output": [1, 4, 8, 8]}, 21)
    if kind != "GroupNormalization":
        (node,) = (node for node in model.graph.node if node.op_type == "GroupNormalization")
        gelu = helper.make_node("Gelu", ["first"], ["norm"], name="gelu", domain="com.microsoft")
        node.CopyFrom(gelu)
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert _groups(model)["relu"] == "relu"
