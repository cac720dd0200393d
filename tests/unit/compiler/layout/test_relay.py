# SPDX-License-Identifier: Apache-2.0
"""Every exporter's channel split and shuffle dissolves, and the outputs stay."""

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vackit.compiler.batch import free_batch
from vackit.compiler.graph import attribute, copy_model
from vackit.compiler.layout.arrange import by_first_use, padded_to
from vackit.compiler.layout.relay import Arrange, relay
from vackit.compiler.layout.uses import Uses
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.running import open_session
from vackit.compiler.verify import run_alone
from vackit.testing.graph_builder import GraphBuilder
from vackit.testing.mobilenet import mobilenet_v2
from vackit.testing.shufflenet import shufflenet_v2

# float32 sums in another order
RTOL = 1e-5


def outputs(model: onnx.ModelProto, size: int) -> NDArray[Any]:
    x = np.random.default_rng(0).standard_normal((2, 3, size, size)).astype(np.float32)
    result: NDArray[Any] = open_session(model, "test").run(None, {"input": x})[0]
    return result


def relaid(model: onnx.ModelProto, arrange: Arrange) -> tuple[onnx.ModelProto, int]:
    changed = copy_model(model)
    changes = relay(changed, arrange)
    RemoveDead().apply(changed)
    return changed, changes


def count(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def assert_close(got: NDArray[Any], want: NDArray[Any]) -> None:
    np.testing.assert_allclose(got, want, rtol=0, atol=RTOL * float(np.abs(want).max()))


def freed(model: onnx.ModelProto) -> onnx.ModelProto:
    assert free_batch(model, run_alone(model, "test"), "test")
    return model


@pytest.mark.parametrize("form", ["torchvision", "slice", "gather", "ppcls", "megvii"], ids=str)
def test_relay_dissolves_every_form_of_shuffle_and_split(form: str) -> None:
    model = freed(shufflenet_v2(form, "0.5", size=64, num_classes=10, batch_norm=False))
    changed, changes = relaid(model, by_first_use)
    left = count(changed)
    assert changes > 0
    assert left["Transpose"] == left["Reshape"] == left["Split"] == left["Gather"] == 0
    # more slices than this would mean that producers are not ordered by first use
    assert left["Slice"] <= 72
    assert_close(outputs(changed, 64), outputs(model, 64))


@pytest.mark.parametrize("multiple", [8, 16], ids=str)
def test_relay_pads_with_channels_that_change_nothing(multiple: int) -> None:
    model = freed(shufflenet_v2("torchvision", "1.0", size=64, num_classes=10, batch_norm=False))
    untangled, _ = relaid(model, by_first_use)
    padded, _ = relaid(untangled, padded_to(multiple, 1.0))
    weights = {t.name: t for t in padded.graph.initializer}
    made = {
        weights[node.input[1]].dims[0]
        for node in padded.graph.node
        if node.op_type == "Conv" and attribute(node, "group") == 1
    }
    assert all(channels % multiple == 0 for channels in made)
    assert_close(outputs(padded, 64), outputs(model, 64))


def test_relay_leaves_residual_sums_in_order() -> None:
    model = freed(mobilenet_v2(size=64, num_classes=10, batch_norm=False))
    padded, changes = relaid(model, padded_to(64, 1.0))
    assert changes > 0
    assert_close(outputs(padded, 64), outputs(model, 64))


def block(tail: str) -> onnx.ModelProto:
    """A shuffled pair of convolutions, read by a convolution and by ``tail``."""
    b = GraphBuilder(13, batch_norm=False)
    left, right = b.conv("input", 3, 4), b.conv("input", 3, 4)
    x = b.node("Concat", [left, right], axis=1)
    x = b.node("Reshape", [x, b.constant([-1, 2, 4, 8, 8])])
    x = b.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
    x = b.node("Reshape", [x, b.constant([-1, 8, 8, 8])])
    half = b.split(x, [4, 4])
    y = b.conv(half[0], 4, 4)
    if tail == "softmax":
        z = b.node("Softmax", [half[1]], axis=1)
    elif tail == "depthwise-pinned":
        z = b.node("Softmax", [b.conv(half[1], 4, 4, 3, groups=4)], axis=1)
    elif tail == "output":
        z = b.node("Relu", [half[1]])
    else:
        z = half[1]
    return b.model({"input": ["N", 3, 8, 8]}, {"y": (y, ["N", 4, 8, 8]), "z": (z, ["N", 4, 8, 8])})


@pytest.mark.parametrize("tail", ["softmax", "depthwise-pinned", "output", "moved-output"], ids=str)
@pytest.mark.parametrize("arrange", [by_first_use, padded_to(16, 9.0)], ids=["first-use", "padded"])
def test_relay_leaves_what_is_read_by_place(tail: str, arrange: Arrange) -> None:
    model = block(tail)
    changed, _ = relaid(model, arrange)
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    want = open_session(model, "test").run(None, {"input": x})
    got = open_session(changed, "test").run(None, {"input": x})
    for one, other in zip(got, want, strict=True):
        assert_close(one, other)


def test_relay_changes_nothing_where_channels_are_copied_twice() -> None:
    b = GraphBuilder(13, batch_norm=False)
    x = b.conv("input", 3, 4)
    twice = b.node("Concat", [x, x], axis=1)
    y = b.conv(twice, 8, 4)
    model = b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 4, 8, 8])})
    changed, _ = relaid(model, by_first_use)
    assert count(changed) == count(model)


def test_relay_follows_a_flattened_tail() -> None:
    b = GraphBuilder(13, batch_norm=False)
    x = b.node("Concat", [b.conv("input", 3, 4), b.conv("input", 3, 4)], axis=1)
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x])])
    y = b.node("Gemm", [x, b.weight((5, 8), 8)], transB=1)
    model = b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 5])})
    changed, _ = relaid(model, padded_to(16, 9.0))
    assert_close(outputs(changed, 8), outputs(model, 8))


def test_relay_gives_the_same_bytes_twice() -> None:
    model = freed(shufflenet_v2("torchvision", "0.5", size=64, num_classes=10, batch_norm=False))
    first, second = (relaid(model, by_first_use)[0].SerializeToString() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("width", ["0.5", "1.0", "1.5"], ids=str)
def test_relay_twice_names_no_node_twice(width: str) -> None:
    model = freed(shufflenet_v2("slice", width, size=32, num_classes=10, batch_norm=False))
    for arrange in (by_first_use, padded_to(16, 1.0), by_first_use, padded_to(8, 1.0)):
        relay(model, arrange)
        RemoveDead().apply(model)
    names = [node.name for node in model.graph.node]
    assert len(names) == len(set(names))


def test_relay_keeps_weights_that_others_share() -> None:
    b = GraphBuilder(13, batch_norm=False)
    weight = b.weight((4, 3, 1, 1), 3)
    left, right = b.node("Conv", ["input", weight]), b.node("Conv", ["input", weight])
    joined = b.node("Concat", [left, right], axis=1)
    y = b.conv(b.split(joined, [6, 2])[0], 6, 4)
    model = b.model(
        {"input": ["N", 3, 8, 8]},
        {"output": (y, ["N", 4, 8, 8]), "raw": (right, ["N", 4, 8, 8])},
    )
    changed, _ = relaid(model, padded_to(16, 9.0))
    assert_close(outputs(changed, 8), outputs(model, 8))


def test_by_first_use_groups_channels_by_reader() -> None:
    first = np.array([False, True, False, True])
    assert by_first_use(4, Uses([first, ~first])).tolist() == [1, 3, 0, 2]


def test_padded_to_leaves_channels_that_would_grow_too_much() -> None:
    assert len(padded_to(16, 0.5)(12, Uses())) == 16
    assert len(padded_to(16, 0.25)(12, Uses())) == 12


def test_padded_to_grows_more_where_it_pays_more() -> None:
    arrange = padded_to(16, 0.25, 3.0)
    assert len(arrange(20, Uses())) == 20
    assert len(arrange(20, Uses(depthwise=True))) == 32
    assert len(arrange(4, Uses())) == 16
    assert len(arrange(3, Uses(depthwise=True))) == 3
