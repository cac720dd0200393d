# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest

from vackit.compiler.placement import place
from vackit.compiler.saturation import useful_ranges
from vackit.testing.graph_builder import GraphBuilder


def gated(form: str, *, also_read: bool = False) -> tuple[onnx.ModelProto, str]:
    """A convolution, an activation in some form, a convolution; and the first one's output."""
    b = GraphBuilder(14, batch_norm=False)
    x = b.conv("input", 3, 4)
    if form == "operator":
        y = b.node("HardSwish", [x])
    elif form == "written_out":
        shifted = b.node("Add", [x, b.constant(3, "float32")])
        bounds = [b.constant(limit, "float32") for limit in (0, 6)]
        product = b.node("Mul", [x, b.node("Clip", [shifted, *bounds])])
        y = b.node("Div", [product, b.constant([6], "float32")])
    elif form == "swish":
        y = b.node("Mul", [x, b.node("Sigmoid", [x])])
    else:
        y = b.node(form, [x])
    if also_read:
        y = b.node("Add", [y, x])
    z = b.conv(y, 4, 4)
    return b.model({"input": ["N", 3, 8, 8]}, {"output": (z, ["N", 4, 8, 8])}), x


def range_of(
    form: str, measured: tuple[float, float], *, also_read: bool = False
) -> tuple[float, float]:
    model, name = gated(form, also_read=also_read)
    placement = place(model)
    ranges = dict.fromkeys(placement.groups, (-1.0, 1.0)) | {name: measured}
    return useful_ranges(model, placement, ranges, "test")[name]


@pytest.mark.parametrize("form", ["operator", "written_out"])
def test_useful_ranges_end_where_a_hard_swish_is_zero(form: str) -> None:
    low, high = range_of(form, (-20.0, 10.0))
    # a quarter of a step of 13 / 255, on a slope that is 1.5 at most
    assert -3.01 < low < -2.9
    assert high == 10.0


def test_useful_ranges_end_on_both_sides_of_a_hard_sigmoid() -> None:
    low, high = range_of("HardSigmoid", (-20.0, 10.0))  # 0.2 x + 0.5: flat beyond 2.5
    assert (low, high) == pytest.approx((-2.5, 2.5), abs=0.02)


def test_useful_ranges_lose_little_of_a_swish() -> None:
    low, high = range_of("swish", (-40.0, 20.0))
    assert high == 20.0
    step = (high - low) / 255
    assert -10.0 < low < -4.0
    # what lies below `low` is taken for it; the swish of minus infinity is 0
    assert abs(low / (1 + np.exp(-low))) < 0.3 * step


def test_useful_ranges_keep_zero() -> None:
    low, high = range_of("HardSigmoid", (-30.0, -5.0))
    assert low == pytest.approx(-2.5, abs=0.02)
    assert high == 0.0


@pytest.mark.parametrize("form", ["operator", "swish"])
def test_useful_ranges_stay_where_another_node_reads_the_value(form: str) -> None:
    assert range_of(form, (-20.0, 10.0), also_read=True) == (-20.0, 10.0)


def test_useful_ranges_stay_inside_the_flat_ends() -> None:
    assert range_of("operator", (-1.0, 2.0)) == (-1.0, 2.0)


def test_useful_ranges_of_a_value_that_is_always_zero() -> None:
    assert range_of("operator", (0.0, 0.0)) == (0.0, 0.0)
