# SPDX-License-Identifier: Apache-2.0
"""Causes that lie in how a block's values are spread."""

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.blocks import INPUT
from vackit.compiler.explain.evidence import FAR, MUCH, Cause, Evidence, ratio_text
from vackit.compiler.explain.measure import BlockStatistics

# of the values; an 8-bit clipping threshold chosen on purpose stays below
SATURATED_SHARE = 1e-3
# a calibrated range that real values exceed by this much was not made for them
BEYOND = 1.5
DROWNED_DB = 10.0


def saturation(evidence: Evidence) -> Cause | None:
    """Tell values beyond what the integers represent."""
    block, statistics = evidence.block, evidence.statistics
    if block.step is None:
        return None
    low, high = evidence.cut.get(block.value, (block.step.low, block.step.high))
    # what a hard-swish makes zero of anyway was cut off on purpose
    share = 0.0 if block.value in evidence.cut else statistics.saturated_share
    reach = max(_over(statistics.high, high), _over(statistics.low, low))
    if share < SATURATED_SHARE and reach < BEYOND:
        return None
    behind = " behind ReLU6" if block.activation and block.activation.op_type == "Clip" else ""
    return Cause(
        "saturation",
        f"{100 * share:.3g} % of its values{behind} saturate: integers represent "
        f"{block.step.low:.4g} to {block.step.high:.4g}, these images give {statistics.low:.4g} to "
        f"{statistics.high:.4g}",
    )


def outlier_channel(evidence: Evidence) -> Cause | None:
    """Tell a few channels whose values stand out."""
    statistics = evidence.statistics
    reach = channel_reach(statistics)
    if reach.size < 3 or evidence.block.step is None:
        return None
    order = np.argsort(-reach, kind="stable")
    largest, median = float(reach[order[0]]), float(np.median(reach[reach > 0]))
    if largest < (MUCH if _is_drowned(statistics) else 2 * FAR) * median:
        return None
    few = int((reach > largest / MUCH).sum())
    who = f"channel {order[0]}" if few == 1 else f"{few} of {reach.size} channels"
    return Cause(
        "outlier_channel",
        f"the values of {who} reach {largest:.4g}, those of the middle one {median:.4g} "
        f"({ratio_text(largest, median)}): one scale serves them all",
        largest / median,
    )


def _is_drowned(statistics: BlockStatistics) -> bool:
    """Tell whether the loud channels of a block keep what its middle one loses."""
    return statistics.channels.typical_db < statistics.single.sqnr_db - DROWNED_DB


def concat_mismatch(evidence: Evidence) -> Cause | None:
    """Tell a Concat of ranges far apart."""
    widths = {name: _width(bounds) for name, bounds in evidence.ranges.items()}
    return _joined_apart(evidence, "concat_mismatch", "ranges", "spans", widths)


def concat_scales(evidence: Evidence) -> Cause | None:
    """Tell a Concat of values that are rounded with scales far apart."""
    scales = {name: step.scale for name, step in evidence.steps.items()}
    return _joined_apart(evidence, "mismatched_scales", "scales", "has", scales)


def _joined_apart(
    evidence: Evidence, kind: str, what: str, verb: str, sizes: dict[str, float]
) -> Cause | None:
    """Tell a Concat of which some input's size is `MUCH` times another's."""
    block = evidence.block
    inputs = [name for name in block.inputs if name in sizes]
    if block.op_type != "Concat" or len(inputs) < 2:
        return None
    largest, least = max(inputs, key=sizes.__getitem__), min(inputs, key=sizes.__getitem__)
    if sizes[least] == 0 or sizes[largest] < MUCH * sizes[least]:
        return None
    return Cause(
        kind,
        f"joins {what} far apart: '{largest}' {verb} {sizes[largest]:.4g}, '{least}' "
        f"{sizes[least]:.4g} ({ratio_text(sizes[largest], sizes[least])})",
    )


def shared_scale(evidence: Evidence) -> Cause | None:
    """Tell a scale that is shared with wider values."""
    block, statistics = evidence.block, evidence.statistics
    if block.step is None:
        return None
    members = [name for name in evidence.groups.get(block.step.group, ()) if name != block.value]
    own, shared = _width((statistics.low, statistics.high)), block.step.high - block.step.low
    if not members or own == 0 or shared < MUCH * own:
        return None
    widths = {name: _width(evidence.ranges.get(name, (0.0, 0.0))) for name in members}
    widest = max(widths, key=widths.__getitem__)
    if widths[widest] < MUCH / 2 * own:
        return None
    return Cause(
        "mismatched_scales",
        f"shares its scale with {len(members)} other values, of which '{widest}' spans "
        f"{widths[widest]:.4g}; its own range is {own:.4g} of {shared:.4g} represented "
        f"({ratio_text(shared, own)})",
    )


def wide_range(evidence: Evidence) -> Cause | None:
    """Tell a range that none of the values of its scale comes near."""
    block, statistics = evidence.block, evidence.statistics
    if block.step is None:
        return None
    own = _width((statistics.low, statistics.high))
    members = evidence.groups.get(block.step.group, ())
    seen = max([own, *(_width(evidence.ranges.get(name, (0.0, 0.0))) for name in members)])
    represented = block.step.high - block.step.low
    if seen == 0 or represented < MUCH * seen:
        return None
    return Cause(
        "wide_range",
        f"its integers represent {block.step.low:.4g} to {block.step.high:.4g}, these images "
        f"give {statistics.low:.4g} to {statistics.high:.4g}: most of the 256 steps are not used",
        represented / seen,
    )


def rare_outliers(evidence: Evidence) -> Cause | None:
    """Tell a range that is set by few values."""
    block, statistics = evidence.block, evidence.statistics
    if block.step is None or statistics.histogram.sum() == 0:
        return None
    if block.step.high - block.step.low > 2 * _width((statistics.low, statistics.high)):
        return None  # these images have no such outliers: the range is too wide for them
    used = span_of(statistics.histogram, 0.999)
    if used * MUCH > len(statistics.histogram):
        return None
    return Cause(
        "rare_outliers",
        f"99.9 % of its values lie in {used} of 256 steps: rare outliers set the range "
        f"{block.step.low:.4g} to {block.step.high:.4g}",
    )


def constant_channels(evidence: Evidence) -> Cause | None:
    """Tell a block of which many channels say nothing."""
    statistics = evidence.statistics
    flat = int((statistics.channel_low == statistics.channel_high).sum())
    if not flat or evidence.block.op_type == INPUT or statistics.channel_low.size < 2:
        return None
    if flat < statistics.channel_low.size / 4:
        return None
    return Cause(
        "constant_channels",
        f"{flat} of {statistics.channel_low.size} channels never change over these images",
    )


def channel_reach(statistics: BlockStatistics) -> NDArray[np.float32]:
    """Return the largest magnitude of each channel's values."""
    reach: NDArray[np.float32] = np.maximum(
        np.abs(statistics.channel_low), np.abs(statistics.channel_high)
    )
    return reach


def span_of(histogram: NDArray[np.int64], share: float) -> int:
    """Return how many neighboring integers hold ``share`` of all values, at the fewest."""
    wanted = share * histogram.sum()
    sums = np.concatenate([[0], np.cumsum(histogram)])
    # for each start the first end that suffices
    ends = np.searchsorted(sums, sums[:-1] + wanted, side="left")
    starts = np.arange(len(histogram))
    fits = ends <= len(histogram)
    return int((ends - starts)[fits].min())


def _over(value: float, limit: float) -> float:
    """Return how many times ``value`` is ``limit``; 0 where it is on zero's other side."""
    return value / limit if limit and value / limit > 0 else 0.0


def _width(bounds: tuple[float, float]) -> float:
    return max(bounds[1], 0.0) - min(bounds[0], 0.0)
