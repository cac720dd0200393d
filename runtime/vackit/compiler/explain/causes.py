# SPDX-License-Identifier: Apache-2.0
"""Say why a block loses what it loses, from its weights and the statistics of its values."""

from collections.abc import Callable

from vackit.compiler.explain import value_causes, weight_causes
from vackit.compiler.explain.evidence import Cause, Evidence

_Check = Callable[[Evidence], Cause | None]
# the more particular before the more general
_WEIGHT_CHECKS: tuple[_Check, ...] = (
    weight_causes.foreign_weights,
    weight_causes.outlier_weight,
    weight_causes.outlier_channel,
    weight_causes.cut_weights,
    weight_causes.range_spread,
    weight_causes.bias_overflow,
)
_VALUE_CHECKS: tuple[_Check, ...] = (
    value_causes.saturation,
    value_causes.concat_mismatch,
    value_causes.shared_scale,
    value_causes.outlier_channel,
    value_causes.rare_outliers,
)


# a part of the error below this explains nothing
MINOR = 0.25
_ALWAYS = frozenset({"foreign_weights", "outlier_channel", "outlier_weight"})


def find_causes(evidence: Evidence) -> tuple[Cause, ...]:
    """Return what explains the error, the most telling first; never empty.

    Causes in the weights come first where the weights make most of it, and are left out where
    they make little; but a weight that stands out also widens the range of the values.
    """
    share = evidence.weights_share
    weights = [cause for check in _WEIGHT_CHECKS if (cause := check(evidence))]
    values = [cause for check in _VALUE_CHECKS if (cause := check(evidence))]
    weights = [c for c in weights if share >= MINOR or c.kind in _ALWAYS]
    first_weights = share >= 0.5 or any(cause.kind == "foreign_weights" for cause in weights)
    found = weights + values if first_weights else values + weights
    notes = (weight_causes.evened_channel(evidence), value_causes.constant_channels(evidence))
    return (*(found or [_rounding(evidence)]), *(note for note in notes if note))


def _rounding(evidence: Evidence) -> Cause:
    share = evidence.weights_share
    what = "its weights" if share >= 0.5 else "its values"
    part = max(share, 1 - share)
    return Cause(
        "rounding", f"rounding to 8 bits, nothing out of the ordinary; {part:.0%} of it in {what}"
    )
