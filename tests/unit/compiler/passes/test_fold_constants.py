# SPDX-License-Identifier: Apache-2.0

import numpy as np
from tests.pass_checks import SHAPE, Run, apply, ops

from vackit.compiler.passes.fold_constants import FoldConstants
from vackit.testing import tiny_models


def test_fold_constants_folds_chains(run: Run) -> None:
    build = tiny_models.Builder()
    weight = build.normal("weight", 3, 3, 3, 4)
    build.add("Transpose", [weight], "hwio", perm=[3, 0, 1, 2])
    half = build.weight("half", np.array(0.5, np.float32))
    build.add("Mul", ["hwio", half], "scaled")
    build.add("Conv", ["input", "scaled"], "output", pads=[1] * 4)
    model = build.model({"input": SHAPE}, {"output": [1, 4, 8, 8]})
    apply(FoldConstants(), model, run, 2)
    assert ops(model) == {"Conv": 1}


def test_fold_constants_leaves_outputs_and_quantizers(run: Run) -> None:
    build = tiny_models.Builder()
    weight, scale = build.normal("w", 2, 2), build.weight("s", np.array(0.5, np.float32))
    build.add("QuantizeLinear", [weight, scale], "q")
    build.add("DequantizeLinear", ["q", scale], "dq")
    build.add("Relu", ["input"], "output")
    build.add("Neg", [weight], "negative")
    model = build.model({"input": SHAPE}, {"output": SHAPE, "negative": [2, 2], "dq": [2, 2]})
    apply(FoldConstants(), model, run, 0)


def test_fold_constants_does_not_make_huge_constants(run: Run) -> None:
    build = tiny_models.Builder()
    shape = build.weight("shape", np.array([4096, 8192], np.int64))
    build.add("ConstantOfShape", [shape], "zeros")
    build.add("ReduceMax", ["zeros"], "zero", keepdims=0)
    build.add("Add", ["input", "zero"], "output")
    apply(FoldConstants(), build.model({"input": SHAPE}, {"output": SHAPE}), run, 0)
