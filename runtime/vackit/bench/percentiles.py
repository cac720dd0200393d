# SPDX-License-Identifier: Apache-2.0
"""Summarize latencies: average, extremes and percentiles by nearest rank.

The p-th percentile of n sorted values is the one of rank ceil(p / 100 * n), counted from 1:
always a latency that was measured, never an interpolation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class LatencySummary:
    """Latencies of single requests in nanoseconds; ``percentiles`` by percent."""

    average_ns: float
    min_ns: int
    max_ns: int
    percentiles: dict[int, int]


def percentile(ordered: Sequence[int], percent: int) -> int:
    """Return the nearest-rank percentile of values sorted upwards.

    Args:
        ordered: At least one value.
        percent: In (0, 100].
    """
    return ordered[-(-percent * len(ordered) // 100) - 1]  # the ceiling, in integers


def summarize(latencies_ns: Sequence[int]) -> LatencySummary:
    """Return average, minimum, maximum and the `PERCENTILES` of at least one latency."""
    ordered = sorted(latencies_ns)
    return LatencySummary(
        average_ns=sum(ordered) / len(ordered),
        min_ns=ordered[0],
        max_ns=ordered[-1],
        percentiles={percent: percentile(ordered, percent) for percent in PERCENTILES},
    )
