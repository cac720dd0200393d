# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import onnx
import pytest
from tests.pass_checks import SHAPE, Run, apply, ops

from vackit.compiler.passes.mean_to_pool import MeanToPool
from vackit.testing import tiny_models


def _mean(
    axes: list[int] | None = None, keepdims: int = 0, opset: int = 13, flat: bool = False
) -> onnx.ModelProto:
    build = tiny_models.Builder()
    source = build.add("Flatten", ["input"], "flat", axis=2) if flat else "input"
    known: dict[str, Any] = {} if axes is None or opset >= 18 else {"axes": axes}
    given = [build.weight("axes", np.array(axes))] if opset >= 18 and axes is not None else []
    build.add("ReduceMean", [source, *given], "output", keepdims=keepdims, **known)
    rank = 2 if flat else 4
    over = {axis % rank for axis in axes} if axes is not None else set(range(rank))
    sizes = [3, 64] if flat else SHAPE
    left = [1 if axis in over else size for axis, size in enumerate(sizes)]
    shape = left if keepdims else [size for axis, size in enumerate(sizes) if axis not in over]
    return build.model({"input": SHAPE}, {"output": shape}, opset)


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("axes", [[2, 3], [-1, -2]], ids=["counted", "from-behind"])
def test_mean_to_pool_turns_means_over_a_picture(run: Run, axes: list[int], opset: int) -> None:
    dropped = _mean(axes, keepdims=0, opset=opset)
    apply(MeanToPool(), dropped, run, 1)
    assert ops(dropped) == {"GlobalAveragePool": 1, "Flatten": 1}
    kept = _mean(axes, keepdims=1, opset=opset)
    apply(MeanToPool(), kept, run, 1)
    assert ops(kept) == {"GlobalAveragePool": 1}
    assert kept.graph.node[0].name == "output_ReduceMean"


def test_mean_to_pool_leaves_means_over_anything_else(run: Run) -> None:
    apply(MeanToPool(), _mean([1, 2]), run, 0)
    apply(MeanToPool(), _mean([2]), run, 0)
    apply(MeanToPool(), _mean(keepdims=1), run, 0)
    apply(MeanToPool(), _mean([1], flat=True), run, 0)
