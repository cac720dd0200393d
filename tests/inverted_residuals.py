# SPDX-License-Identifier: Apache-2.0
"""Networks of inverted residual blocks, and their quantized form before lowering."""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.calibration.ranges import measure_ranges
from vackit.compiler.graph import copy_model
from vackit.compiler.int8 import merged
from vackit.compiler.passes import run_float_passes, run_integer_passes
from vackit.compiler.placement import place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import activation_scale
from vackit.compiler.refinement.refine import give_biases
from vackit.testing.graph_builder import GraphBuilder

SIZE = 16


def inverted_residuals(
    blocks: int = 2, batch: str | int = "N", *, ends_in_sum: bool = False
) -> onnx.ModelProto:
    """A strided stem, inverted residual blocks of 8 channels, and a classifier."""
    b = GraphBuilder(13, batch_norm=False)
    y = b.clip6(b.conv("input", 3, 8, stride=2, kernel=3))
    y = b.conv(y, 8, 8)
    for _ in range(blocks):
        inner = b.clip6(b.conv(y, 8, 16))
        inner = b.clip6(b.conv(inner, 16, 16, kernel=3, groups=16))
        y = b.node("Add", [y, b.conv(inner, 16, 8)])
    if ends_in_sum:
        return b.model(
            {"input": [batch, 3, SIZE, SIZE]}, {"output": (y, [batch, 8, SIZE // 2, SIZE // 2])}
        )
    y = b.mean_hw(b.clip6(b.conv(y, 8, 16)))
    y = b.node("Gemm", [y, b.weight((5, 16), 16), b.constant(np.zeros(5), "float32")], transB=1)
    return b.model({"input": [batch, 3, SIZE, SIZE]}, {"output": (y, [batch, 5])})


def images(count: int = 8, batch: int = 1) -> NDArray[np.float32]:
    shape = (count, batch, 3, SIZE, SIZE)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def quantized(
    model: onnx.ModelProto,
    *,
    per_channel: bool = True,
    excluded: frozenset[str] = frozenset(),
    samples: Sequence[NDArray[np.float32]] = (),
    integer_passes: bool = True,
) -> onnx.ModelProto:
    """Return the integer form of a model, not lowered; its ranges are those of ``samples``."""
    copy = copy_model(model)
    run_float_passes(copy, "m")
    if integer_passes:
        run_integer_passes(copy, "m", ())
    placement = place(copy, excluded)
    give_biases(copy, placement)
    feeds = [("image", {"input": image}) for image in (samples or images())]
    ranges = merged(measure_ranges(copy, list(placement.groups), feeds, "m"), placement)
    scales = {n: activation_scale(*ranges[group]) for n, group in placement.groups.items()}
    insert_qdq(copy, placement, scales, per_channel=per_channel)
    onnx.checker.check_model(copy, full_check=True)
    return copy
