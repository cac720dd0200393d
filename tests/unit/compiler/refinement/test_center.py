# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tests.inverted_residuals import SIZE, images, inverted_residuals

from vackit.compiler.graph import constants, copy_model, values_of
from vackit.compiler.passes import run_float_passes
from vackit.compiler.placement import place
from vackit.compiler.refinement.center import center
from vackit.compiler.refinement.channel_noise import Channels, measure_channels
from vackit.compiler.refinement.refine import give_biases
from vackit.testing.graph_builder import GraphBuilder

Run = Callable[..., dict[str, Any]]
# shifted biases are rounded to float32 anew
TOLERANCE = 1e-5


def samples() -> list[dict[str, NDArray[Any]]]:
    return [{"input": image} for image in images()]


def channels_of(model: onnx.ModelProto) -> dict[str, Channels]:
    shifted = [name for name in place(model).groups if not name.startswith("Gemm")]
    return measure_channels(model, shifted, samples(), "m")


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    run_float_passes(model, "m")
    give_biases(model, place(model))
    return model


def pair(kind: str = "plain") -> onnx.ModelProto:
    """A convolution whose channels lie apart, and a pointwise one that reads it."""
    b = GraphBuilder(13, batch_norm=False)
    weight, offsets = b.weight((6, 3, 3, 3), 27), b.constant(np.arange(6.0), "float32")
    x = b.node("Conv", ["input", weight, offsets], pads=[1] * 4)
    y = b.node("Relu", [x]) if kind == "activated" else x
    kernel = 3 if kind == "padded" else 1
    z = b.conv(y, 6, 4, kernel=kernel, groups=2 if kind == "grouped" else 1)
    outputs: dict[str, tuple[str, Sequence[int | str]]] = {"output": (z, ["N", 4, SIZE, SIZE])}
    if kind == "seen":
        outputs["seen"] = (x, ["N", 6, SIZE, SIZE])
    if kind == "read":
        outputs["seen"] = (b.node("Sigmoid", [x]), ["N", 6, SIZE, SIZE])
    if kind == "shared":
        other = b.node("Conv", ["input", b.weight((6, 3, 1, 1), 3), offsets])
        outputs["seen"] = (b.conv(other, 6, 4), ["N", 4, SIZE, SIZE])
    return b.model({"input": ["N", 3, SIZE, SIZE]}, outputs)


@pytest.mark.parametrize(
    "model",
    [pair(), inverted_residuals(blocks=3), inverted_residuals(blocks=2, ends_in_sum=True)],
    ids=["pair", "residuals", "sum at the end"],
)
def test_center_keeps_the_outputs(model: onnx.ModelProto, run: Run) -> None:
    shifted = copy_model(prepared(model))
    center(shifted, channels_of(shifted))
    for sample in samples():
        want, got = run(model, **sample)["output"], run(shifted, **sample)["output"]
        np.testing.assert_allclose(got, want, atol=TOLERANCE * np.abs(want).max())


def test_center_brings_the_middle_of_every_channel_to_zero() -> None:
    model = prepared(pair())
    value = model.graph.node[0].output[0]
    before = channels_of(model)
    told = center(model, before)[value]
    now = channels_of(model)[value]
    np.testing.assert_allclose(now.low, -now.high, atol=TOLERANCE)
    np.testing.assert_allclose(told.low, now.low, atol=TOLERANCE)
    np.testing.assert_allclose(told.highs, now.highs, atol=TOLERANCE)
    assert now.high.max() - now.low.min() < before[value].high.max() - before[value].low.min() - 2


def test_center_reaches_what_is_rounded_of_every_sum() -> None:
    model = prepared(inverted_residuals(blocks=3))
    center(model, channels_of(model))
    now = channels_of(model)
    adds = [node for node in model.graph.node if node.op_type == "Add"]
    for name in (adds[0].input[0], *(node.output[0] for node in adds)):
        np.testing.assert_allclose(now[name].low, -now[name].high, atol=1e-4)


@pytest.mark.parametrize("kind", ["activated", "padded", "grouped", "seen", "read", "shared"])
def test_center_leaves_what_nobody_could_take_back(kind: str) -> None:
    model = prepared(pair(kind))
    before = copy_model(model)
    channels = channels_of(model)
    assert center(model, channels) == channels
    assert model == before


def test_center_leaves_a_chain_of_sums_of_which_one_is_read_otherwise() -> None:
    model = prepared(inverted_residuals(blocks=2))
    first = next(node for node in model.graph.node if node.op_type == "Add")
    model.graph.node.append(
        onnx.helper.make_node("Sigmoid", [first.output[0]], ["seen"], name="seen")
    )
    model.graph.output.append(onnx.ValueInfoProto(name="seen"))
    biases = {
        node.name: values_of(constants(model.graph)[node.input[2]]).copy()
        for node in model.graph.node
        if node.op_type == "Conv"
    }
    center(model, channels_of(model))
    for node in model.graph.node:
        if node.name in biases:
            np.testing.assert_array_equal(
                values_of(constants(model.graph)[node.input[2]]), biases[node.name]
            )
