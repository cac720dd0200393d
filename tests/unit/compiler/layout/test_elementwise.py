# SPDX-License-Identifier: Apache-2.0
"""Nodes between two convolutions that combine values channel by channel."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from vackit.compiler.graph import copy_model
from vackit.compiler.layout.arrange import by_first_use, padded_to
from vackit.compiler.layout.elementwise import channel_axis
from vackit.compiler.layout.relay import relay
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.running import largest_difference, open_session
from vackit.testing.families.blocks import BlockBuilder

SIZE, CHANNELS = 8, 10
# float32 sums in another order
RTOL = 1e-5


def assert_same(changed: onnx.ModelProto, model: onnx.ModelProto) -> None:
    x = np.random.default_rng(0).standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)
    got, want = (open_session(m, "test").run(None, {"input": x}) for m in (changed, model))
    assert largest_difference(got, want) < RTOL


def widths(model: onnx.ModelProto) -> list[int]:
    """Output channels of every convolution."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    return [weights[n.input[1]].dims[0] for n in model.graph.node if n.op_type == "Conv"]


def made(
    middle: Callable[[BlockBuilder, str], str], opset: int = 13, channels: int = CHANNELS
) -> onnx.ModelProto:
    """A convolution of ten channels, what is under test, and a convolution that reads it."""
    b = BlockBuilder(opset, batch_norm=False)
    y = b.conv(middle(b, b.conv("input", 3, CHANNELS, 3)), channels, 16)
    y = b.node("Flatten", [b.node("GlobalAveragePool", [y])])
    return b.model({"input": [1, 3, SIZE, SIZE]}, {"output": (y, [1, 16])})


def padded(model: onnx.ModelProto) -> onnx.ModelProto:
    changed = copy_model(model)
    relay(changed, padded_to(16, 1.0))
    RemoveDead().apply(changed)
    assert_same(changed, model)
    return changed


def per_channel(b: BlockBuilder, shape: tuple[int, ...]) -> str:
    return b.constant(np.linspace(0.5, 1.5, CHANNELS).reshape(shape), "float32")


CARRYING: dict[str, Callable[[BlockBuilder, str], str]] = {
    "swish": lambda b, x: b.act(x, "swish"),
    "hard-swish": lambda b, x: b.act(x, "hswish_clip"),
    "gelu": lambda b, x: b.act(x, "gelu"),
    "mish": lambda b, x: b.act(x, "mish"),
    "prelu": lambda b, x: b.prelu(x, CHANNELS),
    "norm": lambda b, x: b.node("Relu", [b.norm(x, CHANNELS)]),
    "scale": lambda b, x: b.node("Mul", [per_channel(b, (1, CHANNELS, 1, 1)), x]),
    "shift": lambda b, x: b.node("Add", [x, per_channel(b, (CHANNELS, 1, 1))]),
    "own gate": lambda b, x: b.node("Mul", [x, b.node("GlobalAveragePool", [x])]),
    "picture mask": lambda b, x: b.node("Mul", [x, b.weight((SIZE, SIZE), 1)]),
}


@pytest.mark.parametrize("name", CARRYING, ids=str)
def test_relay_pads_across_what_keeps_channels_apart(name: str) -> None:
    assert widths(padded(made(CARRYING[name]))) == [16, 16]


@pytest.mark.parametrize("opset", [13, 18], ids=str)
def test_relay_pads_across_a_mean_over_the_picture(opset: int) -> None:
    model = made(lambda b, x: b.mean_hw(x, keepdims=1), opset)
    assert widths(padded(model)) == [16, 16]


FIXING: dict[str, Callable[[BlockBuilder, str], str]] = {
    # the last axis of an image is its width: nothing here sums over channels
    "product over the width": lambda b, x: b.node("MatMul", [x, b.weight((SIZE, SIZE), SIZE)]),
    "mean over channels": lambda b, x: b.node("Mul", [x, b.mean_hw(x, (1,), 1)]),
    "another's gate": lambda b, x: b.node("Mul", [x, b.conv("input", 3, CHANNELS)]),
    # a padded channel would be 1/0
    "reciprocal": lambda b, x: b.node("Div", [b.scalar(1.0), b.node("Exp", [x])]),
    "quotient": lambda b, x: b.node("Div", [x, per_channel(b, (CHANNELS, 1, 1))]),
    "local norm": lambda b, x: b.node("LRN", [x], size=3),
}


@pytest.mark.parametrize("name", FIXING, ids=str)
def test_relay_leaves_channels_that_are_read_by_their_place(name: str) -> None:
    assert widths(padded(made(FIXING[name])))[0] == CHANNELS


def test_relay_lays_parameters_behind_a_concat_in_its_new_order() -> None:
    """A dense block: norms read what several convolutions have made, one of them padded."""

    def dense(b: BlockBuilder, x: str) -> str:
        joined = b.node("Concat", [x, b.conv(x, CHANNELS, CHANNELS, 3)], axis=1)
        joined = b.norm(joined, 2 * CHANNELS)
        gain = b.constant(np.linspace(0.5, 2, 2 * CHANNELS).reshape(-1, 1, 1), "float32")
        return b.node("Relu", [b.node("Mul", [joined, gain])])

    model = padded(made(dense, channels=2 * CHANNELS))
    assert widths(model) == [16, 16, 16]
    assert not any(node.op_type == "Slice" for node in model.graph.node)


def test_relay_untangles_a_split_behind_a_gated_activation() -> None:
    def halves(b: BlockBuilder, x: str) -> str:
        odd, even = (list(range(start, CHANNELS, 2)) for start in (1, 0))
        parts = [b.node("Gather", [b.act(x, "swish"), b.constant(i)], axis=1) for i in (odd, even)]
        return b.node(
            "Concat", [b.conv(part, CHANNELS // 2, CHANNELS // 2) for part in parts], axis=1
        )

    model = made(halves)
    changed = copy_model(model)
    assert relay(changed, by_first_use) > 0
    RemoveDead().apply(changed)
    assert not any(node.op_type == "Gather" for node in changed.graph.node)
    assert_same(changed, model)


@pytest.mark.parametrize(
    ("shape", "rank", "axis"),
    [((1, 10, 1, 1), 4, 1), ((10, 1, 1), 4, 0), ((1, 1), 4, None), ((), 4, None), ((10,), 2, 0)],
    ids=str,
)
def test_channel_axis_counts_from_the_right(
    shape: tuple[int, ...], rank: int, axis: int | None
) -> None:
    assert channel_axis(shape, rank) == axis
