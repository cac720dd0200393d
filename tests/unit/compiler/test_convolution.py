# SPDX-License-Identifier: Apache-2.0
import onnx
import pytest

from vackit.compiler.convolution import (
    is_depthwise,
    is_fixed_picture,
    is_pointwise,
    is_unpadded,
)
from vackit.compiler.graph import Shape, constants
from vackit.testing.graph_builder import GraphBuilder


def convolution(shape: tuple[int, ...], **attributes: object) -> onnx.GraphProto:
    b = GraphBuilder(13)
    y = b.node("Conv", ["input", b.weight(shape, 3)], **attributes)
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (y, ["N", 4, 8, 8])}).graph


@pytest.mark.parametrize(
    ("attributes", "shape", "expected"),
    [
        ({}, (4, 3, 1, 1), True),
        ({"strides": [1, 1], "pads": [0, 0, 0, 0], "auto_pad": "VALID"}, (4, 3, 1, 1), True),
        ({"strides": [2, 2]}, (4, 3, 1, 1), False),
        ({"pads": [1, 1, 1, 1]}, (4, 3, 1, 1), False),
        ({"auto_pad": "SAME_UPPER"}, (4, 3, 1, 1), False),
        ({"group": 2}, (4, 3, 1, 1), False),
        ({}, (4, 3, 3, 1), False),
        ({}, (4, 3, 1), False),
    ],
    ids=["plain", "spelled out", "strided", "padded", "auto", "grouped", "3x1", "1-D"],
)
def test_is_pointwise_wants_a_product_at_every_pixel(
    attributes: dict[str, object], shape: tuple[int, ...], expected: bool
) -> None:
    graph = convolution(shape, **attributes)
    assert is_pointwise(graph.node[0], constants(graph)) is expected


def test_is_pointwise_wants_a_convolution_of_constant_weights() -> None:
    graph = convolution((4, 3, 1, 1))
    assert not is_pointwise(graph.node[0], {})
    assert not is_pointwise(onnx.helper.make_node("MatMul", ["input", "w"], ["y"]), {})


@pytest.mark.parametrize(
    ("shape", "group", "expected"), [((3, 1, 3, 3), 3, True), ((6, 1, 3, 3), 3, False)]
)
def test_is_depthwise_wants_a_group_for_each_channel(
    shape: tuple[int, ...], group: int, expected: bool
) -> None:
    graph = convolution(shape, group=group)
    assert is_depthwise(graph.node[0], constants(graph)) is expected
    assert not is_depthwise(graph.node[0], {})
    assert not is_depthwise(onnx.helper.make_node("Relu", ["input"], ["y"]), {})


def test_is_depthwise_is_not_a_convolution_of_one_channel() -> None:
    graph = convolution((1, 1, 3, 3))
    assert not is_depthwise(graph.node[0], constants(graph))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, True),
        ({"pads": [0, 0, 0, 0], "auto_pad": "NOTSET"}, True),
        ({"auto_pad": "VALID"}, True),
        ({"pads": [0, 0, 1, 1]}, False),
        ({"auto_pad": "SAME_LOWER"}, False),
    ],
)
def test_is_unpadded_reads_pads_and_auto_pad(attributes: dict[str, object], expected: bool) -> None:
    assert is_unpadded(convolution((4, 3, 3, 3), **attributes).node[0]) is expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, 8, 8), True),
        (("N", 3, 8, 8), True),
        ((1, 3, "H", 8), False),
        ((1, 3, None, 8), False),
        ((1, 3, 8), False),
    ],
)
def test_is_fixed_picture_leaves_only_the_batch_open(shape: Shape, expected: bool) -> None:
    assert is_fixed_picture(shape) is expected
