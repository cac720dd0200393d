# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tests.explain_networks import feeds, network, quantized

from vackit.compiler.explain.blocks import find_blocks
from vackit.compiler.explain.graft import in_float
from vackit.compiler.explain.sessions import Runner
from vackit.compiler.explain.twins import Twins
from vackit.testing import tiny_models

SAMPLE = feeds(1)[0][1]


@pytest.mark.parametrize("kind", ["residual", "shuffle_block", "classifier", "two_outputs"])
@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
def test_in_float_of_nothing_is_the_artifact_to_the_bit(kind: str, per_channel: bool) -> None:
    twins = quantized(tiny_models.MODELS[kind](), per_channel=per_channel)
    same = in_float(twins, frozenset())
    assert same is not None
    want, got = Runner(twins.integer, "x")(SAMPLE), Runner(same, "x")(SAMPLE)
    for name, values in want.items():
        np.testing.assert_array_equal(got[name], values)


def test_in_float_is_what_the_build_makes_of_an_excluded_node(twins: Twins) -> None:
    excluded = frozenset({"conv1_Conv", "conv2_Conv"})
    grafted = in_float(twins, excluded)
    assert grafted is not None
    built = quantized(network(), excluded=excluded).integer
    want, got = Runner(built, "x")(SAMPLE)["output"], Runner(grafted, "x")(SAMPLE)["output"]
    np.testing.assert_array_equal(got, want)
    blocks = {block.name: block for block in find_blocks(Twins(grafted, twins.floating, "x"))}
    assert blocks["conv2_Conv"].weights is None
    assert blocks["conv3_Conv"].weights is not None
    # between two nodes in float nothing is rounded
    assert "conv1_Conv" not in blocks


def test_in_float_keeps_the_integers_of_the_artifact(twins: Twins) -> None:
    tensor = next(t for t in twins.integer.graph.initializer if t.name == "conv3.weight/int8")
    tensor.raw_data = bytes(len(tensor.raw_data))
    grafted = in_float(twins, frozenset({"conv0_Conv"}))
    assert grafted is not None
    blocks = {block.name: block for block in find_blocks(Twins(grafted, twins.floating, "x"))}
    weights = blocks["conv3_Conv"].weights
    assert weights is not None
    assert not weights.integer.any()


def test_in_float_gives_up_where_a_scale_is_not_known() -> None:
    excluded = frozenset({f"conv{i}_Conv" for i in range(4)})
    twins = quantized(network(), excluded=excluded)
    assert in_float(twins, excluded) is not None
    # back in integers its input would have to be rounded, and nothing says how
    assert in_float(twins, frozenset({"conv1_Conv"})) is None
