# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of quantization: ranges to scales, floats to integers.

``q = round(x / scale) + zero_point``, rounded half to even, saturated. Activations are
uint8, asymmetric, one scale a tensor; weights int8 in [-127, 127] (with ``reduce_range`` in
[-64, 64]), symmetric; biases int32 in steps of (input scale x weight scale), which is what the
integer products add up in.

Source: Jacob et al. 2018, arXiv:1712.05877, section 2.1, eq. 1 and section 2.4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vackit.errors import CalibrationError

ACTIVATION_MAX = 255
WEIGHT_MAX = 127
# two products with 255 still add up in 16 bits: 2 * 255 * 64 < 2**15
REDUCED_WEIGHT_MAX = 64
# half of int32, so that a bias leaves room for the products added to it
BIAS_MAX = 2**30
# below this a range is numerical dust; a scale this small still multiplies to a normal float32
SMALLEST_SCALE = 2.0**-40


@dataclass(frozen=True)
class ActivationScale:
    """Scale and zero point of a uint8 tensor; ``scale`` is exact in float32."""

    scale: float
    zero_point: int

    @property
    def low(self) -> float:
        """Return the smallest value it represents."""
        return -self.zero_point * self.scale

    @property
    def high(self) -> float:
        """Return the largest value it represents."""
        return (ACTIVATION_MAX - self.zero_point) * self.scale


def activation_scale(low: float, high: float) -> ActivationScale:
    """Return the smallest scale that represents zero exactly and saturates nothing in range.

    Zero gets a whole step, so of the two steps beside -low / scale the one is taken that
    needs the smaller scale to reach both ends. A range without width gets `SMALLEST_SCALE`.

    Raises:
        CalibrationError: A bound is NaN or infinite, or low is above high.
    """
    if not (np.isfinite(low) and np.isfinite(high)) or low > high:
        raise CalibrationError(f"[{low}, {high}] is no range of values")
    low, high = min(low, 0.0), max(high, 0.0)
    width = max(high - low, ACTIVATION_MAX * SMALLEST_SCALE)
    below = int(-low / width * ACTIVATION_MAX)
    # one more below: where `high` is dust beside `low`, rounding leaves it no step
    candidates = range(max(below - 1, 0), min(below + 1, ACTIVATION_MAX) + 1)
    fitting = [(_scale_reaching(low, high, zero), zero) for zero in candidates]
    scale, zero_point = min(fitting)
    rounded = np.float32(max(scale, SMALLEST_SCALE))
    # rounding up would represent values beyond a ReLU6's 6, and its Clip could not be left out
    if zero_point == 0 and float(rounded) > scale >= SMALLEST_SCALE:
        rounded = np.nextafter(rounded, np.float32(0))
    return ActivationScale(float(rounded), zero_point)


def _scale_reaching(low: float, high: float, zero_point: int) -> float:
    below = -low / zero_point if zero_point else (np.inf if low < 0 else 0.0)
    steps = ACTIVATION_MAX - zero_point
    above = high / steps if steps else (np.inf if high > 0 else 0.0)
    return float(max(below, above))


def quantize_activation(values: NDArray[np.float32], to: ActivationScale) -> NDArray[np.uint8]:
    """Return ``values`` as uint8, as QuantizeLinear makes them."""
    steps = np.rint(values / np.float32(to.scale)) + to.zero_point
    return np.asarray(np.clip(steps, 0, ACTIVATION_MAX), np.uint8)


def weight_scale(
    weight: NDArray[np.float32],
    axis: int | None,
    bias: NDArray[np.float32],
    input_scale: float,
    limit: int = WEIGHT_MAX,
) -> NDArray[np.float32]:
    """Return the scale of every output channel of a weight, shape (channels,).

    The largest magnitude becomes ``limit``. Where a channel's weights are so small (or zero, as a
    folded batch norm leaves dead channels) that its bias would not fit int32, the bias sets
    the scale.

    Args:
        weight: Finite, any shape.
        axis: The axis of the output channels; None for one scale, shape ().
        bias: Shape (channels,), finite.
        input_scale: Scale of the activations that the weight multiplies.
        limit: The largest integer.

    Raises:
        CalibrationError: Weight or bias hold NaN or infinity.
    """
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise CalibrationError("the weights hold NaN or infinity")
    others = None if axis is None else tuple(i for i in range(weight.ndim) if i != axis)
    largest = np.abs(weight).max(axis=others, initial=0.0).astype(np.float64)
    largest_bias = np.abs(bias).max(initial=0.0) if axis is None else np.abs(bias)
    for_bias = largest_bias.astype(np.float64) / (input_scale * BIAS_MAX)
    scale = np.maximum(np.maximum(largest / limit, for_bias), SMALLEST_SCALE)
    return np.asarray(scale, np.float32)


def quantize_weight(
    weight: NDArray[np.float32],
    scale: NDArray[np.float32],
    axis: int | None,
    limit: int = WEIGHT_MAX,
) -> NDArray[np.int8]:
    """Return ``weight`` as int8 in [-limit, limit], rounded half to even."""
    if axis is not None:
        shape = [1] * weight.ndim
        shape[axis] = -1
        scale = scale.reshape(shape)
    steps = np.rint(weight.astype(np.float64) / scale)
    return np.asarray(np.clip(steps, -limit, limit), np.int8)


def quantize_bias(bias: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return ``bias`` as int32 in steps of ``scale`` (input scale x weight scale)."""
    limits = np.iinfo(np.int32)
    steps = np.rint(bias.astype(np.float64) / scale.astype(np.float64))
    return np.asarray(np.clip(steps, limits.min, limits.max), np.int32)
