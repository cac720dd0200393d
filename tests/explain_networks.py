# SPDX-License-Identifier: Apache-2.0
"""A small network, sabotaged or not, and its twins: for the tests of what explains them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from vackit.compiler.calibration.ranges import measure_ranges
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import copy_model
from vackit.compiler.placement import Placement, place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import activation_scale
from vackit.testing.tiny_models import Builder

# what compilation pads to: the names of weights stay
CHANNELS = 16
NUM_CONVS = 5
SIZE = 8


def network(seed: int = 0) -> onnx.ModelProto:
    """Five Convs with ReLUs, one of them depthwise, a mean and a Gemm to ten classes."""
    build = Builder(seed)
    value = "input"
    for number in range(NUM_CONVS):
        first = 3 if number == 0 else CHANNELS
        group = CHANNELS if number == 2 else 1
        build.conv(value, f"conv{number}", (first, CHANNELS), group=group)
        value = build.add("Relu", [f"conv{number}"], f"relu{number}")
    build.add("GlobalAveragePool", [value], "pool")
    build.add("Flatten", ["pool"], "flat", axis=1)
    build.normal("fc.weight", 10, CHANNELS, scale=1.0)
    build.normal("fc.bias", 10)
    build.add("Gemm", ["flat", "fc.weight", "fc.bias"], "output", transB=1)
    return build.model({"input": ["N", 3, SIZE, SIZE]}, {"output": ["N", 10]})


def change(
    model: onnx.ModelProto, name: str, edit: Callable[[NDArray[Any]], NDArray[Any] | None]
) -> None:
    """Edit an initializer; ``edit`` works in place or returns the new values."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    values = numpy_helper.to_array(tensor).copy()
    result = edit(values)
    tensor.CopyFrom(numpy_helper.from_array(values if result is None else result, name))


def loud_channel(model: onnx.ModelProto, number: int, channel: int, factor: float) -> None:
    """Multiply an output channel's weights and bias, and divide what the next Conv reads of it."""

    def louder(values: NDArray[Any]) -> None:
        values[channel] *= factor

    def softer(values: NDArray[Any]) -> None:
        values[:, channel] /= factor

    change(model, f"conv{number}.weight", louder)
    change(model, f"conv{number}.bias", louder)
    change(model, f"conv{number + 1}.weight", softer)


def feeds(count: int = 4, seed: int = 0) -> list[tuple[str, dict[str, NDArray[np.float32]]]]:
    rng = np.random.default_rng(seed)
    shape = (1, 3, SIZE, SIZE)
    return [
        (f"image{i}.png", {"input": rng.uniform(0, 1, shape).astype(np.float32)})
        for i in range(count)
    ]


def quantized(
    model: onnx.ModelProto,
    *,
    per_channel: bool = True,
    excluded: frozenset[str] = frozenset(),
    narrower: dict[str, float] | None = None,
) -> Twins:
    """Return the twins of a plain quantization, without any of the build's refinements.

    Args:
        model: Left as it is.
        per_channel: Of the weights.
        excluded: Names of nodes left in float.
        narrower: By value: what its measured range is multiplied with.
    """
    floating, integer = copy_model(model), copy_model(model)
    placement = place(integer, excluded)
    measured = measure_ranges(integer, list(placement.groups), feeds(), "network")
    for name, factor in (narrower or {}).items():
        low, high = measured[name]
        measured[name] = (low * factor, high * factor)
    scales = {name: activation_scale(*measured[group]) for name, group in placement.groups.items()}
    insert_qdq(
        integer, Placement(placement.nodes, placement.groups), scales, per_channel=per_channel
    )
    return Twins(integer, floating, "network")
