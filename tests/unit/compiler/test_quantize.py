# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from vackit.compiler.quantize import (
    ACTIVATION_MAX,
    REDUCED_WEIGHT_MAX,
    SMALLEST_SCALE,
    WEIGHT_MAX,
    activation_scale,
    quantize_activation,
    quantize_bias,
    quantize_weight,
    weight_scale,
)
from vackit.errors import CalibrationError

BOUNDS = st.floats(-1e6, 1e6, width=32)
WEIGHTS = npst.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))
NO_BIAS = np.zeros(1, np.float32)


@given(BOUNDS, BOUNDS)
def test_activation_scale_represents_zero_and_both_ends(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    to = activation_scale(low, high)
    assert 0 <= to.zero_point <= ACTIVATION_MAX
    assert quantize_activation(np.zeros(1, np.float32), to)[0] == to.zero_point
    # the scale is a float32: its last bit, times 255 steps
    slack = 1e-6 * max(abs(low), abs(high)) + 255 * SMALLEST_SCALE
    assert to.low <= min(low, 0) + slack
    assert to.high >= max(high, 0) - slack


@given(BOUNDS, BOUNDS)
def test_activation_scale_wastes_at_most_one_step(a: float, b: float) -> None:
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    to = activation_scale(low, high)
    width = max(high - low, 255 * SMALLEST_SCALE)
    # 254 of 255 steps at least lie in the range
    assert to.scale <= width / 254 * (1 + 1e-6)


@given(BOUNDS, BOUNDS, st.floats(0, 1))
def test_quantize_activation_is_within_half_a_step(a: float, b: float, part: float) -> None:
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    to = activation_scale(low, high)
    value = np.array([low + part * (high - low)], np.float32)
    back = (quantize_activation(value, to).astype(np.float64) - to.zero_point) * to.scale
    # half a step, and the rounding of float32 divisions
    assert abs(back[0] - value[0]) <= 0.5 * to.scale * 1.001 + 1e-6 * abs(value[0])


def test_quantize_activation_is_monotone_and_saturates() -> None:
    to = activation_scale(-1.0, 2.0)
    steps = quantize_activation(np.linspace(-3, 4, 1000, dtype=np.float32), to)
    assert (np.diff(steps.astype(int)) >= 0).all()
    assert (steps[0], steps[-1]) == (0, 255)


@pytest.mark.parametrize("limit", [6.0, 1.0, 0.1, 5.9999995, 3.3])
def test_activation_scale_stays_below_a_clips_limit(limit: float) -> None:
    # only then does the quantized range do what the Clip did
    to = activation_scale(0.0, limit)
    assert to.zero_point == 0
    assert to.high <= limit
    assert to.high == pytest.approx(limit, rel=1e-6)  # one float32 rounding


def test_activation_scale_of_a_symmetric_range_reaches_both_ends() -> None:
    to = activation_scale(-1.0, 1.0)
    # in 254 steps, the scale rounded to float32
    assert to.low == pytest.approx(-1.0, rel=1e-6)
    assert to.high >= 1.0


@pytest.mark.parametrize("value", [0.0, 1e-30, -1e-30], ids=["zero", "tiny", "tiny-negative"])
def test_activation_scale_has_a_floor(value: float) -> None:
    assert activation_scale(value, value).scale == SMALLEST_SCALE


@pytest.mark.parametrize(
    "bounds", [(np.nan, 1.0), (0.0, np.inf), (1.0, 0.0)], ids=["nan", "infinite", "turned"]
)
def test_activation_scale_refuses_what_is_no_range(bounds: tuple[float, float]) -> None:
    with pytest.raises(CalibrationError, match="is no range of values"):
        activation_scale(*bounds)


@given(WEIGHTS, st.sampled_from([None, 0, 1]), st.sampled_from([WEIGHT_MAX, REDUCED_WEIGHT_MAX]))
def test_quantize_weight_is_within_half_a_step(
    weight: NDArray[np.float32], axis: int | None, largest: int
) -> None:
    scale = weight_scale(weight, axis, NO_BIAS, 1.0, largest)
    steps = quantize_weight(weight, scale, axis, largest)
    assert np.abs(steps.astype(int)).max() <= largest
    spread = scale if axis is None else np.expand_dims(scale, 1 - axis)
    # half a step, and 127 float32 roundings of the scale
    limit = 0.5 * spread + 127 * 6e-8 * spread
    assert (np.abs(steps * spread.astype(np.float64) - weight) <= limit).all()
    assert (steps[weight == 0] == 0).all()


def test_reduced_weights_add_up_in_16_bits() -> None:
    """As processors without VNNI add two neighboring products, saturating."""
    assert np.iinfo(np.int16).max >= 2 * ACTIVATION_MAX * REDUCED_WEIGHT_MAX
    assert np.iinfo(np.int16).max < 2 * ACTIVATION_MAX * (REDUCED_WEIGHT_MAX + 1)


def test_quantize_weight_rounds_half_to_even() -> None:
    steps = quantize_weight(
        np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32), np.array(1, np.float32), None
    )
    assert steps.tolist() == [0, 2, 2, 0, -2]


def test_weight_scale_has_one_value_a_channel_or_a_tensor() -> None:
    weight = np.array([[1.27, 0.0], [2.54, -12.7]], np.float32)
    assert weight_scale(weight, None, NO_BIAS, 1.0).shape == ()
    # float32
    np.testing.assert_allclose(weight_scale(weight, 0, NO_BIAS, 1.0), [0.01, 0.1], rtol=1e-6)
    np.testing.assert_allclose(weight_scale(weight, 1, NO_BIAS, 1.0), [0.02, 0.1], rtol=1e-6)


@pytest.mark.parametrize("axis", [0, None], ids=["per-channel", "per-tensor"])
@pytest.mark.parametrize("weight", [0.0, 1e-30, 1e-12], ids=["zero", "denormal", "tiny"])
def test_weight_scale_lets_the_bias_of_a_dead_channel_fit(axis: int | None, weight: float) -> None:
    weights = np.full((2, 3), weight, np.float32)
    bias = np.array([5.0, -0.3], np.float32)
    input_scale = 1e-3
    scale = weight_scale(weights, axis, bias, input_scale) * np.float32(input_scale)
    back = quantize_bias(bias, scale).astype(np.float64) * scale
    # 2**30 steps and float32 scales
    np.testing.assert_allclose(back, bias, rtol=1e-6)


def test_quantize_bias_counts_in_steps_of_the_product() -> None:
    steps = quantize_bias(np.array([1.0, -0.25], np.float32), np.array([0.5, 0.1], np.float32))
    assert steps.dtype == np.int32
    assert steps.tolist() == [2, -2]  # -2.5 rounds to even


@pytest.mark.parametrize("where", ["weight", "bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "infinite"])
def test_weight_scale_refuses_what_is_not_finite(where: str, value: float) -> None:
    weight, bias = np.ones((2, 2), np.float32), np.ones(2, np.float32)
    (weight if where == "weight" else bias).flat[0] = value
    with pytest.raises(CalibrationError, match="the weights hold NaN or infinity"):
        weight_scale(weight, 0, bias, 1.0)
