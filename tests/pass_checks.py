# SPDX-License-Identifier: Apache-2.0
"""What the tests of graph passes share."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from vackit.compiler.passes.base import Pass
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]
SHAPE = [1, 3, 8, 8]
IMAGE = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
# float32 rounding after one folded multiplication
TOLERANCE = 1e-5


def ops(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def apply(step: Pass, model: onnx.ModelProto, run: Run, changes: int) -> None:
    """Apply ``step``; check the number of changes, the outputs, and that it is done."""
    want = run(model, input=IMAGE)
    assert step.apply(model) == changes
    onnx.checker.check_model(model)
    got = run(model, input=IMAGE)
    assert list(got) == list(want)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, atol=TOLERANCE, rtol=TOLERANCE)
    assert step.apply(model) == 0


def chain(*steps: tuple[str, dict[str, Any]], opset: int = 13) -> onnx.ModelProto:
    build, value = tiny_models.Builder(), "input"
    for index, (op, attributes) in enumerate(steps):
        output = "output" if index == len(steps) - 1 else f"v{index}"
        value = build.add(op, [value], output, **attributes)
    return build.model({"input": SHAPE}, {"output": SHAPE}, opset)
