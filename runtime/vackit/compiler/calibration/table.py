# SPDX-License-Identifier: Apache-2.0
"""The calibration table, ``PREFIX.calibration.json``: what each range was made from.

The same build gives the same bytes: no path, host or duration in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vackit.compiler.calibration.modes import Range
from vackit.compiler.calibration.statistics import NUM_BINS, Histogram, Statistics

TABLE_VERSION = 1
COARSE_BINS = 16
_PERCENTILES = (0.1, 1.0, 50.0, 99.0, 99.9)


def value_rows(
    names: Sequence[str], stats: Statistics, chosen: Mapping[str, Range]
) -> dict[str, dict[str, Any]]:
    """Return one row per value: extremes, chosen range, and how its elements lie."""
    rows = {}
    for index, name in enumerate(names):
        histogram = stats.histogram(index)
        low, high = float(stats.low[index]), float(stats.high[index])
        range_low, range_high = chosen[name]
        rows[name] = {
            "min": low,
            "max": high,
            "range": [range_low, range_high],
            "num_values": int(stats.num_seen[index]),
            "num_sampled": int(histogram.counts.sum()),
            # what equals the largest element lies in the bin that begins there
            "saturated": _share_outside(
                histogram, range_low, range_high if range_high < high else np.inf
            ),
            "percentiles": _percentiles(histogram, low, high),
            "histogram": _coarse(histogram),
            "notes": ["constant"] if low == high else [],
        }
    return rows


def method() -> dict[str, Any]:
    """Return how the statistics were made."""
    return {"num_bins": NUM_BINS, "bin_width": "a power of two"}


def _share_outside(histogram: Histogram, low: float, high: float) -> float:
    edges = histogram.edges
    outside = (edges[1:] <= low) | (edges[:-1] >= high)
    return float(histogram.counts[outside].sum() / max(histogram.counts.sum(), 1))


def _percentiles(histogram: Histogram, low: float, high: float) -> dict[str, float]:
    cumulated = histogram.counts.cumsum()
    middles = histogram.middles
    wanted = {}
    for percent in _PERCENTILES:
        position = int(np.searchsorted(cumulated, cumulated[-1] * percent / 100))
        value = float(middles[min(position, len(middles) - 1)])
        wanted[f"{percent:g}"] = min(max(value, low), high)
    return wanted


def _coarse(histogram: Histogram) -> dict[str, Any]:
    """Return up to `COARSE_BINS` bins: the fine ones, merged in equal parts."""
    per_bin = -(-len(histogram.counts) // COARSE_BINS)
    counts = np.add.reduceat(histogram.counts, np.arange(0, len(histogram.counts), per_bin))
    first = float(histogram.edges[0])
    return {
        "start": first,
        "bin_width": histogram.width * per_bin,
        "counts": [int(count) for count in counts],
    }
