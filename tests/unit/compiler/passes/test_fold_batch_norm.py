# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.pass_checks import SHAPE, Run, apply, ops

from vackit.compiler.passes.fold_batch_norm import FoldBatchNorm
from vackit.testing import tiny_models


@pytest.mark.parametrize("opset", [7, 9, 13, 15])
def test_fold_batch_norm_folds_into_the_convolution(run: Run, opset: int) -> None:
    model = tiny_models.conv_bn_relu(batch=1, opset=opset)
    apply(FoldBatchNorm(), model, run, 1)
    assert ops(model) == {"Conv": 1, "Relu": 1}


def test_fold_batch_norm_keeps_weights_that_two_convolutions_share(run: Run) -> None:
    build = tiny_models.Builder(seed=9)
    weight = build.normal("weight", 4, 3, 3, 3)
    variance = build.weight("var", build.rng.uniform(0.5, 2, 4).astype(np.float32))
    names = [build.normal(part, 4) for part in ("scale", "bias", "mean")]
    build.add("Conv", ["input", weight], "a")
    build.add("Conv", ["input", weight], "b")
    build.add("BatchNormalization", ["a", *names, variance], "bn")
    build.add("Add", ["bn", "b"], "output")
    model = build.model({"input": SHAPE}, {"output": [1, 4, 6, 6]})
    apply(FoldBatchNorm(), model, run, 1)


@pytest.mark.parametrize("why", ["read-elsewhere", "output", "training", "no-conv"])
def test_fold_batch_norm_leaves_others_alone(why: str) -> None:
    model = tiny_models.conv_bn_relu(batch=1, opset=15)
    norm = model.graph.node[1]
    if why == "read-elsewhere":
        model.graph.node.append(helper.make_node("Neg", ["conv"], ["also"], name="neg"))
    elif why == "output":
        model.graph.output.append(helper.make_tensor_value_info("conv", TensorProto.FLOAT, None))
    elif why == "training":
        norm.attribute.append(helper.make_attribute("training_mode", 1))
    else:
        norm.input[0] = "input"
    assert FoldBatchNorm().apply(model) == 0
