# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest
from tests.explain_networks import network, quantized
from tests.explain_sabotage import change_bias, change_weights

from vackit.compiler.fingerprints import fingerprints


@pytest.fixture
def integer() -> onnx.ModelProto:
    return quantized(network()).integer


def test_fingerprints_cover_every_integer_node(integer: onnx.ModelProto) -> None:
    found = fingerprints(integer.graph)
    assert list(found) == [*(f"conv{i}_Conv" for i in range(5)), "output_Gemm"]
    assert all(len(part) == 12 for pair in found.values() for part in pair)
    assert fingerprints(network().graph) == {}


@pytest.mark.parametrize("part", [0, 1], ids=["integers", "scale"])
def test_fingerprints_tell_changed_weights(integer: onnx.ModelProto, part: int) -> None:
    before = fingerprints(integer.graph)
    change_weights(integer, "conv1_Conv", lambda values: np.where(values == 0, 1, -values), part)
    after = fingerprints(integer.graph)
    assert before["conv1_Conv"][0] != after["conv1_Conv"][0]
    assert before["conv1_Conv"][1] == after["conv1_Conv"][1]
    assert {n for n in before if before[n] != after[n]} == {"conv1_Conv"}


def test_fingerprints_tell_a_changed_bias(integer: onnx.ModelProto) -> None:
    before = fingerprints(integer.graph)
    change_bias(integer, "output_Gemm", lambda values: values + 1)
    assert [n for n, pair in fingerprints(integer.graph).items() if pair != before[n]] == [
        "output_Gemm"
    ]


def test_fingerprints_take_weights_in_float_for_none(integer: onnx.ModelProto) -> None:
    del integer.graph.initializer[:]
    assert fingerprints(integer.graph) == {}
