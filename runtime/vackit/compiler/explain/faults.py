# SPDX-License-Identifier: Apache-2.0
"""What no build makes: signs that the integer graph was changed after it was quantized."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.blocks import Step, Weights
from vackit.compiler.explain.evidence import Cause, Evidence, channels_text
from vackit.compiler.explain.weight_causes import TINY, is_cut
from vackit.compiler.quantize import activation_scale

# of the middle weight of a channel: rounding leaves 0.25, rounding that compensates errors 1
FOREIGN_STEPS = 4.0
# a channel whose weights are a multiple of the float ones to within this is scaled wrongly
SAME_SHAPE = 0.1
Doubles = NDArray[np.float64]


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
    now = f"its integers represent {step.low:.4g} to {step.high:.4g}"
    return _fault("changed_range", f"{now}, {was}")


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
    return _fault(
        "mismatched_pair",
        f"its integers are written with scale {step.scale:.4g} and zero point {step.zero_point}, "
        f"but read with {scale:.4g} and {zero_point}",
    )


def foreign_weights(evidence: Evidence) -> Cause | None:
    """Tell integer weights that are not those of the build, and what is wrong with them."""
    weights = evidence.block.weights
    if "weights" not in evidence.changed:
        return None
    if weights is None:
        return _fault("foreign_weights", "its integer weights are gone")
    pair = _Pair.of(weights)
    factors, whole = _factors(pair.wanted, pair.got), _factor(pair.wanted.ravel(), pair.got.ravel())
    foreign = np.median(pair.steps, axis=1) > FOREIGN_STEPS
    foreign |= _vanished(pair) | (np.abs(factors - 1) > SAME_SHAPE)
    if abs(whole - 1) > SAME_SHAPE:
        foreign, factors = np.ones_like(foreign), np.full_like(factors, whole)
    if not foreign.any():
        return _fault("foreign_weights", "its integer weights are others than those of the build")
    who, factor = f"the integer weights of {channels_text(foreign)}", np.median(factors[foreign])
    if not pair.got[foreign].any():
        return _fault("foreign_weights", f"{who} are all zero")
    if math.isnan(factor):
        far = f"they are up to {pair.steps[foreign].max():.0f} steps away"
        return _fault("foreign_weights", f"{who} are not the float weights rounded, {far}")
    text = f"{who} stand for {factor:.2g} times the float weights, their scale is wrong"
    return _fault("wrong_weight_scale", text)


def foreign_bias(evidence: Evidence) -> Cause | None:
    """Tell an integer bias that is not that of the build."""
    weights = evidence.block.weights
    if "bias" not in evidence.changed:
        return None
    if weights is None or weights.integer_bias is None:
        return _fault("foreign_bias", "its integer bias is gone")
    # a build corrects biases, mostly by less
    off = weights.integer_bias - (0 if weights.floating_bias is None else weights.floating_bias)
    worst = int(np.argmax(np.abs(off)))
    return _fault(
        "foreign_bias",
        "its integer bias is another than that of the build, and up to "
        f"{off[worst]:+.3g} (channel {worst}) from the float one",
    )


@dataclass(frozen=True)
class _Pair:
    """Float and integer weights by output channel, (channels, rest); the scale, (channels,).

    What the largest integer cuts off is off on purpose, and zero in both.
    """

    wanted: Doubles
    got: Doubles
    scale: Doubles

    @classmethod
    def of(cls, weights: Weights) -> "_Pair":
        cut = is_cut(weights)
        wanted, got = (
            _rows(np.where(cut, 0, values.astype(np.float64)), weights)
            for values in (weights.floating, weights.integer)
        )
        return cls(wanted, got, np.broadcast_to(weights.scale.astype(np.float64), len(wanted)))

    @property
    def steps(self) -> Doubles:
        """Return how far each weight is from what it should be, in steps."""
        return np.abs(self.got - self.wanted) / self.scale[:, None]


def _rows(values: Doubles, weights: Weights) -> Doubles:
    rows = np.moveaxis(values, weights.channel_axis, 0)
    return rows.reshape(len(rows), -1)


def _vanished(pair: _Pair) -> NDArray[np.bool_]:
    """Tell the channels of which nothing is left; rounding leaves what is a step or more."""
    is_there = np.abs(pair.wanted).max(axis=1) > pair.scale
    return np.asarray(is_there & ~pair.got.any(axis=1), np.bool_)


def _factors(wanted: Doubles, got: Doubles) -> Doubles:
    """Return what multiple of the float weights each channel holds; NaN where it holds none."""
    return np.array([_factor(a, b) for a, b in zip(wanted, got, strict=True)])


def _factor(wanted: Doubles, got: Doubles) -> float:
    factor = float(wanted @ got) / max(float(wanted @ wanted), TINY)
    rest = got - factor * wanted
    is_multiple = factor > 0 and rest @ rest < SAME_SHAPE**2 * (got @ got)
    return factor if is_multiple else math.nan


def _fault(kind: str, text: str) -> Cause:
    return Cause(kind, f"{text}: the graph was changed after it was quantized", is_fault=True)
