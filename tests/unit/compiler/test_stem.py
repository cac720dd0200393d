# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Sequence

import onnx
import pytest

from vackit.compiler.passes.fold_stem import FoldStem
from vackit.compiler.placement import place
from vackit.compiler.stem import float_stem
from vackit.testing.graph_builder import GraphBuilder


def network(
    *,
    channels: int = 3,
    depthwise: bool = True,
    last: int = 4,
    activation: str = "",
    seen: int = -1,
) -> onnx.ModelProto:
    """A strided first convolution, a second, a pointwise one to ``last`` channels, one more."""
    b = GraphBuilder(13, batch_norm=False)
    x = b.clip6(b.conv("input", channels, 8, stride=2, kernel=3))
    y = b.clip6(b.conv(x, 8, 8, kernel=3, groups=8 if depthwise else 1))
    z = b.conv(y, 8, last)
    z = b.node(activation, [z]) if activation else z
    outputs: dict[str, tuple[str, Sequence[int | str]]] = {
        "output": (b.conv(z, last, 5), ["N", 5, 8, 8])
    }
    if seen >= 0:
        outputs["seen"] = (b.node("Sigmoid", [(x, y, z)[seen]]), ["N", (8, 8, last)[seen], 8, 8])
    return b.model({"input": ["N", channels, 16, 16]}, outputs)


def convs(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


def test_float_stem_is_the_first_layers_of_a_mobilenet() -> None:
    model = network()
    assert float_stem(model.graph) == set(convs(model)[:3])


@pytest.mark.parametrize(
    "make",
    [lambda: network(last=8), lambda: network(activation="Relu")],
    ids=["as many channels", "activated"],
)
def test_float_stem_ends_where_the_next_layer_leaves_no_less(
    make: Callable[[], onnx.ModelProto],
) -> None:
    model = make()
    assert float_stem(model.graph) == set(convs(model)[:2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: network(depthwise=False),
        lambda: network(channels=5),
        lambda: network(seen=0),
    ],
    ids=["no depthwise", "no image", "read twice"],
)
def test_float_stem_is_nothing_in_other_networks(make: Callable[[], onnx.ModelProto]) -> None:
    assert not float_stem(make().graph)


def pooled(
    kernel: int = 3, channels: int = 8, activation: str = "Relu", pool: str = "MaxPool"
) -> onnx.ModelProto:
    """A strided first convolution, a pooling and another convolution."""
    b = GraphBuilder(13, batch_norm=False)
    x = b.conv("input", 3, channels, stride=2, kernel=kernel)
    x = b.node(activation, [x]) if activation else x
    x = b.node(pool, [x], kernel_shape=[2, 2], strides=[2, 2])
    return b.model(
        {"input": ["N", 3, 16, 16]}, {"output": (b.conv(x, channels, 5), ["N", 5, 4, 4])}
    )


@pytest.mark.parametrize("activation", ["Relu", ""], ids=["activated", "linear"])
def test_float_stem_is_a_small_first_convolution_that_is_pooled(activation: str) -> None:
    model = pooled(activation=activation)
    assert float_stem(model.graph) == set(convs(model)[:1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: pooled(kernel=5),
        lambda: pooled(channels=33),
        lambda: pooled(activation="Sigmoid"),
        lambda: pooled(pool="AveragePool"),
    ],
    ids=["many products", "many channels", "no clipping", "no maximum"],
)
def test_float_stem_leaves_other_pooled_convolutions(make: Callable[[], onnx.ModelProto]) -> None:
    assert not float_stem(make().graph)


def test_place_rounds_what_comes_out_of_the_pooling() -> None:
    model = pooled()
    placement = place(model)
    assert placement.nodes == {convs(model)[1]}
    pool = next(node for node in model.graph.node if node.op_type == "MaxPool")
    assert sorted(placement.groups) == sorted([pool.output[0], "output"])


def test_float_stem_stops_before_what_others_read_too() -> None:
    model = network(seen=1)
    assert float_stem(model.graph) == set(convs(model)[:2])


def test_place_rounds_what_comes_out_of_the_stem() -> None:
    model = network()
    placement = place(model)
    first, second, third, fourth = convs(model)
    assert placement.nodes.isdisjoint({first, second, third})
    assert fourth in placement.nodes
    assert sorted(placement.groups) == sorted([third, "output"])


def test_fold_stem_leaves_a_stem_that_stays_float() -> None:
    assert FoldStem().apply(network()) == 0
    assert FoldStem().apply(network(depthwise=False)) == 1


def test_fold_stem_spares_what_is_to_stay_float() -> None:
    model = network(depthwise=False)
    assert FoldStem().sparing(frozenset({convs(model)[0]})).apply(model) == 0
