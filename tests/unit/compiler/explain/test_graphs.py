# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tests.explain_networks import feeds, network, quantized

from vackit.compiler.explain.blocks import Block, find_blocks
from vackit.compiler.explain.graphs import (
    ALONE,
    CODES,
    WEIGHTS,
    alone_graph,
    float_graph,
    integer_graph,
)
from vackit.compiler.explain.sessions import Runner
from vackit.compiler.explain.twins import Twins
from vackit.compiler.quantize import ActivationScale, quantize_activation
from vackit.testing import tiny_models

SAMPLE = feeds(1)[0][1]


def _block(twins: Twins, name: str) -> Block:
    return next(block for block in find_blocks(twins) if block.name == name)


def test_integer_graph_shows_integers_and_changes_no_output(twins: Twins) -> None:
    blocks = find_blocks(twins)
    shown = Runner(integer_graph(twins, blocks), "x")(SAMPLE)
    plain = Runner(twins.integer, "x")(SAMPLE)
    np.testing.assert_array_equal(shown["output"], plain["output"])
    assert shown["relu2/quantized"].dtype == np.uint8


def test_float_graph_shows_the_twin_and_every_block_alone(twins: Twins) -> None:
    blocks = find_blocks(twins)
    shown = {**Runner(float_graph(twins, blocks), "x")(SAMPLE), **SAMPLE}
    plain = Runner(twins.floating, "x")(SAMPLE)
    np.testing.assert_allclose(shown["output"], plain["output"], rtol=1e-5, atol=1e-6)
    for block in blocks:
        value, alone = shown[block.value], shown[block.value + ALONE]
        assert not np.array_equal(value, alone)
        if block.step is None:
            assert block.value + CODES not in shown
            np.testing.assert_array_equal(alone, shown[block.value + WEIGHTS])
            continue
        scale = ActivationScale(block.step.scale, block.step.zero_point)
        codes = quantize_activation(value, scale)
        np.testing.assert_array_equal(shown[block.value + CODES], codes)
        unrounded = shown[block.value + WEIGHTS] if block.weights is not None else value
        # half a step, and float32
        assert np.abs(alone - unrounded).max() <= 0.501 * block.step.scale


def test_alone_graph_of_the_last_block_is_what_the_float_graph_shows(twins: Twins) -> None:
    blocks = find_blocks(twins)
    shown = Runner(float_graph(twins, blocks), "x")(SAMPLE)
    alone = Runner(alone_graph(twins, blocks[-1]), "x")(SAMPLE)
    np.testing.assert_allclose(alone["output"], shown["output" + ALONE], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("part", ["all", "weights", "value"])
def test_alone_graph_takes_parts(twins: Twins, part: str) -> None:
    exact = Runner(twins.floating, "x")(SAMPLE)["output"]
    block = _block(twins, "conv1_Conv")
    graph = alone_graph(twins, block, part)  # type: ignore[arg-type]
    names = {node.op_type for node in graph.graph.node}
    assert ("QuantizeLinear" in names) == (part != "weights")
    got = Runner(graph, "x")(SAMPLE)["output"]
    assert not np.array_equal(got, exact)
    np.testing.assert_allclose(got, exact, atol=0.05 * float(np.abs(exact).max()))  # 8 bits


def test_alone_graph_rounds_an_input_and_an_output_in_place() -> None:
    twins = quantized(tiny_models.conv())
    first, last = find_blocks(twins)
    exact = Runner(twins.floating, "x")(SAMPLE)["output"]
    rounded = Runner(alone_graph(twins, last, "value"), "x")(SAMPLE)["output"]
    assert last.step is not None
    assert first.step is not None
    codes = quantize_activation(exact, ActivationScale(last.step.scale, last.step.zero_point))
    np.testing.assert_allclose(rounded, last.step.real(codes), rtol=1e-6)
    codes = quantize_activation(
        SAMPLE["input"], ActivationScale(first.step.scale, first.step.zero_point)
    )
    want = Runner(twins.floating, "x")({"input": first.step.real(codes)})["output"]
    got = Runner(alone_graph(twins, first), "x")(SAMPLE)["output"]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)  # float32 sums of 27


def test_alone_graph_leaves_float_readers_the_exact_value() -> None:
    twins = quantized(network(), excluded=frozenset({"conv2_Conv"}))
    block = _block(twins, "conv2_Conv")
    graph = alone_graph(twins, block).graph
    assert block.weights is None
    reader = next(node for node in graph.node if node.name == "conv3_Conv")
    assert reader.input[0] == block.value + ALONE
