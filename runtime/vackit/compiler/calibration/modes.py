# SPDX-License-Identifier: Apache-2.0
"""From statistics to ranges: what each ``calibrate_mode`` chooses.

A range is what the 256 steps of uint8 are spread over, zero always among them. All but
``max`` may leave out the ends, whose elements are then saturated; no range reaches beyond
the extremes, nor leaves out zero. Where the sampled elements say nothing of an end (none of
them lies there) the extreme itself is kept.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.calibration.divergence import least_divergent
from vackit.compiler.calibration.statistics import Histogram

Range = tuple[float, float]
Floats = NDArray[np.float64]

# the value that published configs give
DEFAULT_CALIBRATE_RANGE = 0.99999
STEPS = 255
# how finely mse tries an end: a 512th of the range, a sixth of a percent of a step's size
_CANDIDATES = 512


def choose_range(
    mode: str, low: float, high: float, histogram: Histogram, calibrate_range: float | None
) -> Range:
    """Return the range that ``mode`` chooses for a value.

    Args:
        mode: ``max``, ``percentile``, ``kl_divergence`` or ``mse``.
        low: Its smallest element.
        high: Its largest element.
        histogram: Of its elements, or an even sample of them.
        calibrate_range: For ``percentile``: the share of elements to keep, None:
            `DEFAULT_CALIBRATE_RANGE`.
    """
    if mode == "percentile":
        keep = DEFAULT_CALIBRATE_RANGE if calibrate_range is None else calibrate_range
        chosen = percentile(histogram, keep)
    else:
        chosen = _MODES[mode](histogram)
    inner_low, inner_high = chosen
    first, last = histogram.edges[0], histogram.edges[-1]
    new_low = low if inner_low <= first else min(max(low, inner_low), max(low, 0.0))
    new_high = high if inner_high >= last else max(min(high, inner_high), min(high, 0.0))
    # of a value that hardly varies one end may be moved past the other
    return (new_low, new_high) if new_low <= new_high else (low, high)


def whole(histogram: Histogram) -> Range:
    """Return the extremes."""
    return float(histogram.edges[0]), float(histogram.edges[-1])


def percentile(histogram: Histogram, keep: float) -> Range:
    """Return the range that at most (1 - ``keep``) / 2 of the elements exceed at each end.

    The cut falls on the outer edge of a bin, so never inside the elements to keep; while
    fewer than one sampled element may go, none does.

    Source:
        McKinstry et al. 2018, arXiv:1809.04191, section 3.2 (percentiles of activations);
        Wu et al. 2020, arXiv:2004.09602, section 3.2 (99.999 %). Published configs write
        the share as ``calibrate_range: 0.99999``.
    """
    allowed = int(np.round(histogram.counts.sum() * (1.0 - keep) / 2.0, 6))
    cumulated = histogram.counts.cumsum()
    first = int(np.searchsorted(cumulated, allowed, side="right"))
    last = int(np.searchsorted(histogram.counts[::-1].cumsum(), allowed, side="right"))
    edges = histogram.edges
    return float(edges[first]), float(edges[len(edges) - 1 - last])


def least_error(histogram: Histogram) -> Range:
    """Return the range with the smallest expected squared error.

    For ends a and b with step s = (b - a) / 255 the error is

        count(a <= x <= b) * s**2 / 12 + sum over x < a of (a - x)**2 + sum over x > b of
        (x - b)**2

    rounding noise being uniform over a step. Both sums come from running totals, and all
    pairs of `_CANDIDATES` ends on either side of zero are tried.

    Source:
        Banner et al. 2019, arXiv:1810.05723, section 3 (clipping and rounding noise);
        Sung et al. 2015, arXiv:1511.06488 (squared error as the criterion).
    """
    edges, counts = histogram.edges, histogram.counts.astype(np.float64)
    middles = histogram.middles
    ends, losses, kept = _upper_ends(middles, counts, max(edges[-1], 0.0))
    starts, below, dropped = _upper_ends(-middles[::-1], counts[::-1], max(-edges[0], 0.0))
    total = counts.sum()
    inside = kept[np.newaxis, :] + dropped[:, np.newaxis] - total
    step = (ends[np.newaxis, :] + starts[:, np.newaxis]) / STEPS
    error = inside * step**2 / 12 + losses[np.newaxis, :] + below[:, np.newaxis]
    best = np.unravel_index(int(np.argmin(error)), error.shape)
    return -float(starts[best[0]]), float(ends[best[1]])


def _upper_ends(middles: Floats, counts: Floats, high: float) -> tuple[Floats, Floats, Floats]:
    """Return candidates from ``high`` down to above zero, with what each would cost.

    Returns:
        The candidates, the squared error of the elements above each, and the number of
        elements not above it.
    """
    if high <= 0.0:
        return np.zeros(1), np.zeros(1), np.array([counts.sum()])
    ends = high * np.arange(_CANDIDATES, 0, -1) / _CANDIDATES
    first = np.searchsorted(middles, ends, side="right")
    moments = [
        np.concatenate((np.cumsum((counts * middles**power)[::-1])[::-1], [0.0]))[first]
        for power in range(3)
    ]
    above = moments[2] - 2 * ends * moments[1] + ends**2 * moments[0]
    return ends, np.maximum(above, 0.0), counts.sum() - moments[0]


_MODES: dict[str, Callable[[Histogram], Range]] = {
    "max": whole,
    "kl_divergence": least_divergent,
    "mse": least_error,
}
