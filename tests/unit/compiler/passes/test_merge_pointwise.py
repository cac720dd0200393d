# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from tests.inverted_residuals import inverted_residuals

from vackit.compiler.graph import constants, copy_model
from vackit.compiler.passes.merge_pointwise import MergePointwise
from vackit.compiler.running import open_session
from vackit.testing.graph_builder import GraphBuilder


def pair(
    middle: int = 4, between: str = "", *, bias: bool = True, kernel: int = 1
) -> onnx.ModelProto:
    """8 channels to ``middle`` and to 12, with what ``between`` names in between."""
    b = GraphBuilder(13, batch_norm=False)
    x = b.node("Relu", [b.conv("input", 3, 8, kernel=3)])
    y = b.conv(x, 8, middle) if bias else b.node("Conv", [x, b.weight((middle, 8, 1, 1), 8)])
    outputs: dict[str, tuple[str, Sequence[int | str]]] = {}
    if between == "output":
        outputs["seen"] = (y, ["N", middle, 8, 8])
    elif between == "reader":
        outputs["seen"] = (b.node("Sigmoid", [y]), ["N", middle, 8, 8])
    elif between:
        y = b.node(between, [y])
    z = b.conv(y, middle, 12, kernel=kernel)
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (z, ["N", 12, 8, 8]), **outputs})


def run(model: onnx.ModelProto) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    return np.asarray(open_session(model, "m").run(["output"], {"input": x})[0])


def names(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_merge_pointwise_makes_one_of_two(bias: bool) -> None:
    model = pair(bias=bias)
    merged = copy_model(model)
    assert MergePointwise().apply(merged) == 1
    onnx.checker.check_model(merged, full_check=True)
    # the second one's name stays: its value does
    assert names(merged) == [names(model)[0], names(model)[2]]
    weight = constants(merged.graph)[merged.graph.node[-1].input[1]]
    assert list(weight.dims) == [12, 8, 1, 1]
    # float32 sums in another order
    np.testing.assert_allclose(run(merged), run(model), rtol=1e-5, atol=1e-5)


def test_merge_pointwise_merges_three_in_a_row() -> None:
    b = GraphBuilder(13, batch_norm=False)
    y = b.conv(b.conv(b.conv("input", 3, 3), 3, 3), 3, 3)
    model = b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 3, 8, 8])})
    merged = copy_model(model)
    assert MergePointwise().apply(merged) == 2
    np.testing.assert_allclose(run(merged), run(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("between", ["Relu", "Sigmoid", "output", "reader"])
def test_merge_pointwise_leaves_a_value_that_something_else_makes_use_of(between: str) -> None:
    model = pair(between=between)
    before = copy_model(model)
    assert MergePointwise().apply(model) == 0
    assert model == before


def test_merge_pointwise_leaves_windows_larger_than_a_pixel() -> None:
    assert MergePointwise().apply(pair(kernel=3)) == 0


@pytest.mark.parametrize(("middle", "expected"), [(4, 1), (3, 0)], ids=["same", "narrow"])
def test_merge_pointwise_leaves_what_would_multiply_more(middle: int, expected: int) -> None:
    # 8 * 12 = 96 against 1.5 * middle * (8 + 12): 120 and 90
    assert MergePointwise().apply(pair(middle)) == expected


@pytest.mark.parametrize("which", [1, 2])
def test_merge_pointwise_spares_what_is_to_stay_a_node(which: int) -> None:
    model = pair()
    assert MergePointwise().sparing(frozenset({names(model)[which]})).apply(model) == 0


def test_merge_pointwise_leaves_residual_blocks() -> None:
    model = inverted_residuals(blocks=2)
    assert MergePointwise().apply(model) == 0
