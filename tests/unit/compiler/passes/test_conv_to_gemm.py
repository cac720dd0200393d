# SPDX-License-Identifier: Apache-2.0
from typing import Any

import onnx
import pytest
from tests.pass_checks import SHAPE, Run, apply, ops

from vackit.compiler.passes.conv_to_gemm import ConvToGemm
from vackit.testing import tiny_models


def _pixel_classifier(bias: bool = True, **attributes: Any) -> onnx.ModelProto:
    build = tiny_models.Builder(seed=10)
    group = attributes.get("group", 1)
    weight = build.normal("weight", 6, 3 // group, 1, 1)
    build.add("GlobalAveragePool", ["input"], "pool")
    names = [build.normal("bias", 6)] if bias else []
    build.add("Conv", ["pool", weight, *names], "conv", **attributes)
    build.add("Flatten", ["conv"], "output", axis=1)
    return build.model({"input": SHAPE}, {"output": [1, 6]})


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
def test_conv_to_gemm_turns_a_classifier_on_one_pixel(run: Run, bias: bool) -> None:
    model = _pixel_classifier(bias)
    apply(ConvToGemm(), model, run, 1)
    assert ops(model) == {"GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1}


def test_conv_to_gemm_leaves_grouped_and_padded_convolutions(run: Run) -> None:
    apply(ConvToGemm(), _pixel_classifier(group=3), run, 0)
    model = _pixel_classifier(pads=[1] * 4)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 54
    apply(ConvToGemm(), model, run, 0)
