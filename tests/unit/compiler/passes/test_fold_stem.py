# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest

from vackit.compiler.graph import copy_model
from vackit.compiler.passes.fold_stem import FoldStem
from vackit.compiler.running import open_session
from vackit.testing.graph_builder import GraphBuilder


def stem(
    kernel: int = 3,
    pads: tuple[int, int, int, int] = (1, 1, 1, 1),
    size: int = 16,
    stride: int = 2,
    channels: int = 3,
) -> onnx.ModelProto:
    b = GraphBuilder(13, batch_norm=False)
    x = b.node("Relu", [b.conv("input", channels, 8, kernel, stride, pads=pads)])
    return b.model(
        {"input": ["N", channels, size, size]}, {"output": (x, ["N", 8, "height", "width"])}
    )


def assert_same_outputs(model: onnx.ModelProto, changed: onnx.ModelProto, size: int = 16) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, size, size)).astype(np.float32)
    want = open_session(model, "test").run(None, {"input": x})[0]
    got = open_session(changed, "test").run(None, {"input": x})[0]
    # float32 sums in another order
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max()))


@pytest.mark.parametrize(
    ("kernel", "pads"),
    [
        (3, (1, 1, 1, 1)),
        (3, (0, 0, 1, 1)),
        (7, (3, 3, 3, 3)),
        (5, (2, 2, 2, 2)),
        (2, (0, 0, 0, 0)),
        (4, (1, 1, 1, 1)),
        (6, (2, 2, 2, 2)),
        (3, (0, 0, 0, 0)),
        (7, (0, 0, 0, 0)),
        (3, (1, 1, 2, 2)),
    ],
    ids=["3x3", "3x3-keras", "7x7", "5x5", "2x2", "4x4", "6x6", "valid", "7x7-valid", "more"],
)
def test_fold_stem_keeps_the_outputs(kernel: int, pads: tuple[int, int, int, int]) -> None:
    model = stem(kernel, pads)
    changed = copy_model(model)
    assert FoldStem().apply(changed) == 1
    assert [node.op_type for node in changed.graph.node] == ["SpaceToDepth", "Conv", "Relu"]
    assert_same_outputs(model, changed)


@pytest.mark.parametrize(
    "model",
    [
        stem(size=15),
        stem(stride=1),
        stem(channels=8),
    ],
    ids=["odd-size", "stride-1", "many-channels"],
)
def test_fold_stem_leaves_what_does_not_fit(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    assert FoldStem().apply(model) == 0
    assert model.SerializeToString() == before


def test_fold_stem_leaves_an_input_that_others_read() -> None:
    b = GraphBuilder(13, batch_norm=False)
    x = b.conv("input", 3, 4, 3, 2)
    y = b.node("GlobalAveragePool", ["input"])
    model = b.model({"input": ["N", 3, 8, 8]}, {"a": (x, ["N", 4, 4, 4]), "b": (y, ["N", 3, 1, 1])})
    assert FoldStem().apply(model) == 0
