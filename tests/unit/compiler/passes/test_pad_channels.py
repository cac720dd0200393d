# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest

from vackit.compiler.graph import attribute, constants, copy_model
from vackit.compiler.passes.pad_channels import PadChannels
from vackit.compiler.running import open_session
from vackit.testing.graph_builder import GraphBuilder


def _chain(channels: int, *, depthwise: bool) -> onnx.ModelProto:
    b = GraphBuilder(13, batch_norm=False)
    x = b.node("Relu", [b.conv("input", 3, channels)])
    if depthwise:
        x = b.node("Relu", [b.conv(x, channels, channels, 3, groups=channels)])
    y = b.conv(x, channels, 5)
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 5, 8, 8])})


def _width(model: onnx.ModelProto) -> int:
    """Return the channels that the first convolution makes."""
    known = constants(model.graph)
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    assert all(attribute(node, "group", 1) in (1, _made(known, convs[0])) for node in convs)
    return _made(known, convs[0])


def _made(known: dict[str, onnx.TensorProto], conv: onnx.NodeProto) -> int:
    return int(known[conv.input[1]].dims[0])


@pytest.mark.parametrize(
    ("channels", "depthwise", "padded"),
    [
        (3, True, 3),
        (4, True, 16),
        (8, True, 16),
        (8, False, 16),
        (16, True, 16),
        (20, True, 32),
        (20, False, 20),
        (24, False, 32),
        (58, False, 64),
    ],
)
def test_pad_channels_pads_where_kernels_gain(channels: int, depthwise: bool, padded: int) -> None:
    model = _chain(channels, depthwise=depthwise)
    changed = copy_model(model)
    assert (PadChannels().apply(changed) > 0) == (padded != channels)
    onnx.checker.check_model(changed, full_check=True)
    assert _width(changed) == padded
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    want, got = (open_session(m, "test").run(None, {"input": x})[0] for m in (model, changed))
    # sums in another order
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_pad_channels_leaves_no_shuffle_behind_that_counts_on_the_old_width() -> None:
    b = GraphBuilder(13, batch_norm=False)
    x = b.conv("input", 3, 6)
    x = b.node("Reshape", [x, b.constant([-1, 2, 3, 8, 8])])
    x = b.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
    x = b.node("Reshape", [x, b.constant([-1, 6, 8, 8])])
    y = b.node("Flatten", [b.node("GlobalAveragePool", [x])])
    y = b.node("Gemm", [y, b.weight((5, 6), 6)], transB=1)
    model = b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 5])})
    changed = copy_model(model)
    assert PadChannels().apply(changed) > 0
    assert "Reshape" not in {node.op_type for node in changed.graph.node}
    image = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    want, got = (open_session(m, "test").run(None, {"input": image})[0] for m in (model, changed))
    np.testing.assert_allclose(got, want, atol=1e-5)
