# SPDX-License-Identifier: Apache-2.0
"""Say why a block loses what it loses, from its weights and the statistics of its values."""

import dataclasses
from collections.abc import Callable, Sequence

from vackit.compiler.explain import faults, value_causes, weight_causes
from vackit.compiler.explain.evidence import Cause, Evidence

_Check = Callable[[Evidence], Cause | None]
# the more particular before the more general
_FAULT_CHECKS: tuple[_Check, ...] = (
    faults.mismatched_pair,
    faults.changed_range,
    faults.foreign_weights,
    faults.foreign_bias,
)
_WEIGHT_CHECKS: tuple[_Check, ...] = (
    weight_causes.outlier_weight,
    weight_causes.outlier_channel,
    weight_causes.cut_weights,
    weight_causes.range_spread,
    weight_causes.bias_overflow,
)
_VALUE_CHECKS: tuple[_Check, ...] = (
    value_causes.saturation,
    value_causes.concat_mismatch,
    value_causes.concat_scales,
    value_causes.shared_scale,
    value_causes.wide_range,
    value_causes.outlier_channel,
    value_causes.rare_outliers,
)
_NOTES: tuple[_Check, ...] = (weight_causes.evened_channel, value_causes.constant_channels)

# a part of the error below this explains nothing
MINOR = 0.25
# what a node should not have, however little harm it does on these images
ODD = frozenset({"evened_channel", "outlier_channel", "outlier_weight"})
# what the network adds to a well rounded value's error before it is worth saying
AMPLIFIED_DB = 15.0


def find_causes(evidence: Evidence) -> tuple[Cause, ...]:
    """Return what explains the error, the most telling first; never empty.

    Faults come before all else. Causes in the weights come first where the weights make most
    of the error, and are no causes where they make little; but what stands out of the weights
    is noted behind the causes even so.
    """
    weights, values = _found(_WEIGHT_CHECKS, evidence), _found(_VALUE_CHECKS, evidence)
    telling = [cause for cause in weights if _explains(cause, evidence)]
    heavy = evidence.weights_share >= 0.5
    causes = _found(_FAULT_CHECKS, evidence)
    causes += telling + values if heavy else values + telling
    notes = [cause for cause in weights if cause.kind in ODD and cause not in telling]
    notes += _found(_NOTES, evidence)
    noted = (dataclasses.replace(cause, is_note=True) for cause in notes)
    return (*(causes or [_plain(evidence)]), *noted)


def _found(checks: Sequence[_Check], evidence: Evidence) -> list[Cause]:
    return [cause for check in checks if (cause := check(evidence))]


def _explains(cause: Cause, evidence: Evidence) -> bool:
    """Tell whether a cause in the weights makes a part of the error."""
    weights = evidence.block.weights
    # with a scale of its own a loud channel takes nothing from the others
    is_alone = cause.kind == "outlier_channel" and weights is not None and weights.scale.ndim > 0
    return evidence.weights_share >= MINOR and not is_alone


def _plain(evidence: Evidence) -> Cause:
    """Return what is left to say of a block with nothing out of the ordinary."""
    alone, behind = evidence.statistics.single.sqnr_db, evidence.at_outputs.sqnr_db
    if alone - behind >= AMPLIFIED_DB:
        return Cause(
            "amplified",
            f"rounded well ({alone:.1f} dB), but the nodes behind it magnify its error to "
            f"{behind:.1f} dB at the outputs",
        )
    share = evidence.weights_share
    what = "weights" if share >= 0.5 else "values"
    return Cause(
        "rounding",
        "rounding to 8 bits, nothing out of the ordinary; "
        f"{max(share, 1 - share):.0%} of it in its {what}",
    )
