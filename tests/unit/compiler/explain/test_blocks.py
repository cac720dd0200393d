# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tests.explain_networks import CHANNELS, network, quantized

from vackit.compiler.explain.blocks import find_blocks, find_steps
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import constants, values_of
from vackit.errors import ArtifactError
from vackit.testing import tiny_models


def test_find_blocks_joins_a_node_with_its_activation(twins: Twins) -> None:
    blocks = find_blocks(twins)
    found = [(block.name, block.kind, block.value) for block in blocks]
    assert found == [
        ("input", "Input", "input"),
        *((f"conv{i}_Conv", "Conv+Relu", f"relu{i}") for i in range(5)),
        ("pool_GlobalAveragePool", "GlobalAveragePool", "pool"),
        ("output_Gemm", "Gemm", "output"),
    ]


@pytest.mark.parametrize("kind", ["residual", "shuffle_block", "classifier", "two_outputs"])
def test_find_blocks_holds_every_rounding_once(kind: str) -> None:
    twins = quantized(tiny_models.MODELS[kind]())
    blocks = find_blocks(twins)
    rounded = [block.value for block in blocks if block.step is not None]
    assert len(rounded) == len(set(rounded))
    steps = find_steps(twins.integer.graph)
    # what moves values rounds nothing anew: every scale belongs to a block
    assert {step.group for step in steps.values()} == {
        block.step.group for block in blocks if block.step is not None
    }
    integers = [t for t in twins.integer.graph.initializer if t.name.endswith("/int8")]
    assert len(integers) == sum(block.weights is not None for block in blocks)


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
def test_find_blocks_reads_what_integers_stand_for(per_channel: bool) -> None:
    model = network()
    block = find_blocks(quantized(model, per_channel=per_channel))[1]
    weights = block.weights
    assert weights is not None
    assert weights.axis == (0 if per_channel else None)
    assert weights.scale.shape == ((CHANNELS,) if per_channel else ())
    np.testing.assert_array_equal(
        weights.floating, values_of(constants(model.graph)["conv0.weight"])
    )
    step = weights.scale.reshape(-1, 1, 1, 1) if per_channel else weights.scale
    # rounded to nearest
    assert (np.abs(weights.integer - weights.floating) <= step * 0.5001).all()
    assert weights.integer_bias is not None
    assert weights.floating_bias is not None
    np.testing.assert_allclose(weights.integer_bias, weights.floating_bias, atol=1e-4)


def test_find_blocks_knows_who_reads_and_what_is_shown() -> None:
    blocks = {b.value: b for b in find_blocks(quantized(tiny_models.residual()))}
    assert blocks["relu1"].readers == ("conv2_Conv", "sum_Add")
    assert not blocks["relu1"].is_output
    shown = {b.value: b for b in find_blocks(quantized(tiny_models.conv()))}["output"]
    assert shown.is_output
    assert shown.step is not None


def test_find_blocks_leaves_float_nodes_out() -> None:
    blocks = find_blocks(quantized(network(), excluded=frozenset({"conv1_Conv"})))
    block = next(block for block in blocks if block.name == "conv1_Conv")
    # its weights are float, but its value is rounded for the next
    assert block.weights is None
    assert block.step is not None


def test_step_represents_its_integers(twins: Twins) -> None:
    step = find_steps(twins.integer.graph)["relu0"]
    assert (step.lowest, step.highest, step.low) == (0, 255, 0.0)
    real = step.real(np.array([0, 255], np.uint8))
    np.testing.assert_allclose(real, [step.low, step.high], rtol=1e-6)  # float32


@pytest.mark.parametrize("what", ["value", "node"])
def test_find_blocks_refuses_graphs_that_are_no_twins(twins: Twins, what: str) -> None:
    other = Twins(twins.integer, network(), "mod")
    if what == "value":
        for node in other.floating.graph.node:
            for names in (node.input, node.output):
                names[:] = [name.replace("relu3", "other") for name in names]
    else:
        other.floating.graph.node[0].name = "renamed"
    missing = "relu3" if what == "value" else "conv0_Conv"
    with pytest.raises(ArtifactError, match=f"mod: its float twin has no '{missing}'"):
        find_blocks(other)
