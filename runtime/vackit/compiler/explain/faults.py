# SPDX-License-Identifier: Apache-2.0
"""What no build makes: signs that the integer graph was changed after it was quantized."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.blocks import Step, Weights
from vackit.compiler.explain.evidence import Cause, Evidence, channels_text
from vackit.compiler.explain.noise import ChannelNoise
from vackit.compiler.explain.weight_causes import TINY, is_cut
from vackit.compiler.quantize import activation_scale

FAULTS = frozenset(
    {"changed_range", "foreign_bias", "foreign_weights", "mismatched_pair", "wrong_weight_scale"}
)
# of the middle weight of a channel: rounding leaves 0.25, rounding that compensates errors 1
FOREIGN_STEPS = 4.0
# over the noise of plain rounding, which is 1/12 of a squared step a weight
FOREIGN_NOISE = 10.0
# the largest integer, 127, and a tenth: beyond that much is cut off for others to make up for
CUT_FAR = 140.0
# a channel whose weights are a multiple of the float ones to within this is scaled wrongly
SAME_SHAPE = 0.1
# noise / signal of a channel from its bias alone; corrected biases leave a third of that
SHIFTED = 0.03
# and of the middle of all channels: one that is nearly zero may be shifted and do no harm
SHIFTED_OF_ALL = 0.01
Doubles = NDArray[np.float64]
_CHANGED = "the graph was changed after it was quantized"


def changed_range(evidence: Evidence) -> Cause | None:
    """Tell a value that is rounded with another range than the build calibrated."""
    step = evidence.block.step
    if step is None or not evidence.recorded:
        return None
    bounds = evidence.recorded.get(step.group.removesuffix("/scale"))
    known = [bounds] if bounds else list(evidence.recorded.values())
    if any(_fits(step, low, high) for low, high in known):
        return None
    was = (
        f"the build calibrated {bounds[0]:.4g} to {bounds[1]:.4g}"
        if bounds
        else ("which is no range that the build calibrated")
    )
    return Cause(
        "changed_range",
        f"its integers represent {step.low:.4g} to {step.high:.4g}, {was}: {_CHANGED}",
    )


def _fits(step: Step, low: float, high: float) -> bool:
    scale = activation_scale(low, high)
    return scale.zero_point == step.zero_point and math.isclose(
        scale.scale, step.scale, rel_tol=1e-6
    )


def mismatched_pair(evidence: Evidence) -> Cause | None:
    """Tell integers that are read with another scale or zero point than written."""
    step = evidence.block.step
    if step is None or step.read_as is None:
        return None
    scale, zero_point = step.read_as
    return Cause(
        "mismatched_pair",
        f"its integers are written with scale {step.scale:.4g} and zero point {step.zero_point}, "
        f"but read with {scale:.4g} and {zero_point}: {_CHANGED}",
    )


def foreign_weights(evidence: Evidence) -> Cause | None:
    """Tell integer weights that are not the float weights rounded."""
    weights = evidence.block.weights
    noise = evidence.statistics.by_weights
    if weights is None or noise.wanted.size != weights.floating.shape[weights.channel_axis]:
        return None
    pair = _Pair.of(weights)
    factors, whole = _factors(pair.wanted, pair.got), _factor(pair.wanted.ravel(), pair.got.ravel())
    foreign = _strays(pair, noise, factors) | _vanished(pair)
    if abs(whole - 1) > SAME_SHAPE:
        foreign, factors = np.ones_like(foreign), np.full_like(factors, whole)
    if not foreign.any():
        return None
    who, factor = f"the integer weights of {channels_text(foreign)}", np.median(factors[foreign])
    if not pair.got[foreign].any():
        return Cause("foreign_weights", f"{who} are all zero: {_CHANGED}")
    if math.isnan(factor):
        far = f"they are up to {pair.steps.max():.0f} steps away"
        text = f"{who} are not the float weights rounded, {far}: {_CHANGED}"
        return Cause("foreign_weights", text)
    return Cause(
        "wrong_weight_scale",
        f"{who} stand for {factor:.2g} times the float weights: their scale is wrong, {_CHANGED}",
    )


@dataclass(frozen=True)
class _Pair:
    """Float and integer weights by output channel, (channels, rest).

    What the largest integer cuts off is off on purpose, and zero in both; ``is_short`` are the
    channels that lose much by it. ``scale`` is (channels,).
    """

    wanted: Doubles
    got: Doubles
    scale: Doubles
    is_short: NDArray[np.bool_]

    @classmethod
    def of(cls, weights: Weights) -> "_Pair":
        cut = _rows(is_cut(weights), weights)
        floating, integer = (
            _rows(values.astype(np.float64), weights)
            for values in (weights.floating, weights.integer)
        )
        scale = np.broadcast_to(weights.scale.astype(np.float64), len(cut))
        is_short = (cut & (np.abs(floating) > CUT_FAR * scale[:, None])).any(axis=1)
        return cls(np.where(cut, 0, floating), np.where(cut, 0, integer), scale, is_short)

    @property
    def steps(self) -> Doubles:
        """Return how far each weight is from what it should be, in steps."""
        return np.abs(self.got - self.wanted) / self.scale[:, None]


def _strays(pair: _Pair, noise: ChannelNoise, factors: Doubles) -> NDArray[np.bool_]:
    """Tell the channels that rounding cannot have made.

    Rounding may compensate errors and go some steps astray, but then its results do not; it
    goes far to make up for weights that it cuts off, but not all of them the same way.
    """
    size = (pair.wanted**2).mean(axis=1)
    plain = noise.wanted * pair.scale**2 / 12
    astray = np.median(pair.steps, axis=1) > FOREIGN_STEPS
    made_up_for = pair.is_short & ~(np.abs(factors - 1) > SAME_SHAPE)
    return np.asarray(
        astray & (noise.apart * size > FOREIGN_NOISE * plain) & ~made_up_for, np.bool_
    )


def _vanished(pair: _Pair) -> NDArray[np.bool_]:
    """Tell the channels of which nothing is left; rounding leaves what is a step or more."""
    is_there = np.abs(pair.wanted).max(axis=1) > pair.scale
    return np.asarray(is_there & ~pair.got.any(axis=1), np.bool_)


def _rows(values: NDArray[Any], weights: Weights) -> NDArray[Any]:
    """Return what belongs to each output channel, shape (channels, rest)."""
    rows = np.moveaxis(values, weights.channel_axis, 0)
    return rows.reshape(len(rows), -1)


def _factors(wanted: Doubles, got: Doubles) -> Doubles:
    """Return what multiple of the float weights each channel holds; NaN where it holds none."""
    return np.array([_factor(a, b) for a, b in zip(wanted, got, strict=True)])


def _factor(wanted: Doubles, got: Doubles) -> float:
    factor = float(wanted @ got) / max(float(wanted @ wanted), TINY)
    rest = got - factor * wanted
    is_multiple = factor > 0 and rest @ rest < SAME_SHAPE**2 * (got @ got)
    return factor if is_multiple else math.nan


def foreign_bias(evidence: Evidence) -> Cause | None:
    """Tell an integer bias that makes an error.

    A build corrects biases, by as much as the weights' rounding shifts the mean, so that the
    shift is gone. What is told here is a bias that is off by what its channel is shifted.
    """
    weights, noise = evidence.block.weights, evidence.statistics.by_weights
    if weights is None or weights.integer_bias is None:
        return None
    if noise.wanted.size != weights.integer_bias.size:
        return None
    bias = weights.floating_bias
    off = weights.integer_bias - (0 if bias is None else bias)
    shift = noise.mean_shift
    power = shift**2 * noise.count
    # an activation behind it hides much of the shift
    share = np.divide(shift, off, out=np.zeros_like(shift), where=off != 0)
    made = (share > 0) & (share < 1.5) & (power > noise.apart / 2)
    foreign = (
        made & (power > SHIFTED * noise.wanted) & (power > SHIFTED_OF_ALL * noise.wanted.mean())
    )
    if not foreign.any():
        return None
    worst = int(np.argmax(np.where(foreign, np.abs(off), 0)))
    return Cause(
        "foreign_bias",
        f"the integer bias of {channels_text(foreign)} is not the float bias, it is off by up to "
        f"{off[worst]:+.3g} (channel {worst}): {_CHANGED}",
    )
