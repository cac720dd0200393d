# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from tests.pass_checks import SHAPE, Run, apply, ops

from vackit.compiler.passes.fuse_clip import FuseClip
from vackit.testing import tiny_models


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize("turned", [False, True], ids=["relu-first", "bound-first"])
def test_fuse_clip_makes_relu6_of_relu_and_min(run: Run, opset: int, turned: bool) -> None:
    build = tiny_models.Builder()
    six = build.weight("six", np.array([0.6], np.float32))
    build.add("Relu", ["input"], "relu")
    build.add("Min", [six, "relu"] if turned else ["relu", six], "output")
    model = build.model({"input": SHAPE}, {"output": SHAPE}, opset)
    apply(FuseClip(), model, run, 1)
    assert ops(model) == {"Clip": 1}


@pytest.mark.parametrize("bound", [[0.5, 0.6, 0.7, 0.8] * 2, [-1.0]], ids=["vector", "negative"])
def test_fuse_clip_leaves_other_minima(run: Run, bound: list[float]) -> None:
    build = tiny_models.Builder()
    limit = build.weight("limit", np.array(bound, np.float32))
    build.add("Relu", ["input"], "relu")
    build.add("Min", ["relu", limit], "output")
    apply(FuseClip(), build.model({"input": SHAPE}, {"output": SHAPE}), run, 0)


def test_fuse_clip_leaves_a_relu_that_others_read(run: Run) -> None:
    build = tiny_models.Builder()
    six = build.weight("six", np.array(6, np.float32))
    build.add("Relu", ["input"], "relu")
    build.add("Min", ["relu", six], "min")
    build.add("Add", ["relu", "min"], "output")
    apply(FuseClip(), build.model({"input": SHAPE}, {"output": SHAPE}), run, 0)
