# SPDX-License-Identifier: Apache-2.0
import onnx

from vackit.compiler.refinement.choices import chosen_values
from vackit.testing import tiny_models


def _graph() -> onnx.GraphProto:
    """Return a layer, a choice of its rows, and a choice of the input's own rows."""
    build = tiny_models.Builder(seed=1)
    build.add("Gemm", ["input", build.normal("w", 4, 4), build.normal("b", 4)], "features")
    build.add("ArgMax", ["features"], "best", axis=0, keepdims=0)
    build.add("Gather", ["features", "best"], "kept")
    build.add("Relu", ["kept"], "output")
    build.add("ArgMax", ["input"], "own", axis=0)
    build.add("Gather", ["features", "own"], "pooled")
    build.add("Shape", ["kept"], "sizes")
    build.add("Relu", ["features"], "whole")
    return build.model({"input": [3, 4]}, {"output": [4, 4]}).graph


def test_chosen_values_are_those_behind_a_choice_that_rounding_changes() -> None:
    assert chosen_values(_graph(), ["features_Gemm"]) == {"best", "kept", "output"}


def test_chosen_values_are_none_where_nothing_is_rounded() -> None:
    assert chosen_values(_graph(), []) == set()
