# SPDX-License-Identifier: Apache-2.0
"""The ``kl_divergence`` mode: the range whose quantized distribution tells least apart."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.calibration.statistics import Histogram

Floats = NDArray[np.float64]

_STEPS = 255
# ends tried on a side: first over the whole side, then around the best of them
_COARSE = 32
_FINE = 8
# what Q holds where it holds nothing, relative to a bin's average
_FLOOR = 1e-6


def least_divergent(histogram: Histogram) -> tuple[float, float]:
    """Return the range [a, b] with the smallest divergence KL(P || Q).

    P is the distribution over the bins inside the range, with what lies outside added to
    the bins at its ends, where quantization saturates it. Q is what 256 levels keep of the
    bins inside: each level's mass, spread evenly over those of its bins that hold anything.
    Q knows nothing of what lies outside, so saturating much of it costs much.

    Three things differ from the source. Q is not scaled up to P's mass: else a range costs
    nothing whose few elements all lie in one bin, and all others outside. Both ends are
    searched, in turn and twice, as uint8 activations are asymmetric. And a bin's mass is the
    magnitude of its elements, count times abs(x), not their number: by number, the many small
    elements make the search give up the few large ones that a network decides by
    (docs/calibration.md has the measurements). The bins are the source's 2048.

    Source:
        Migacz 2017, "8-bit inference with TensorRT", GPU Technology Conference S7310.
    """
    edges = histogram.edges
    lowest, highest = min(float(edges[0]), 0.0), max(float(edges[-1]), 0.0)
    divergence = _Divergence(histogram)
    low, high = lowest, highest
    for _ in range(2 if lowest < 0 < highest else 1):
        high = _best_end(highest, partial(divergence, low))
        low = -_best_end(-lowest, partial(divergence.mirrored, -high))
    return low, high


class _Divergence:
    """KL(P || Q) of one histogram for one range after another."""

    def __init__(self, histogram: Histogram) -> None:
        histogram = histogram.in_pairs()
        self._middles = histogram.middles
        magnitude = histogram.counts * np.abs(self._middles)
        self._mass = magnitude / max(magnitude.sum(), np.finfo(np.float64).tiny)

    def __call__(self, low: float, high: float) -> float:
        # the outermost bins' middles may be the ends themselves: they lie inside
        begin = np.searchsorted(self._middles, low, side="left")
        end = np.searchsorted(self._middles, high, side="right")
        inside = self._mass[begin:end]
        if not inside.any():
            return np.inf
        p = inside.copy()
        p[0] += self._mass[:begin].sum()
        p[-1] += self._mass[end:].sum()
        q = _through_levels(inside, self._middles[begin:end], low, high)
        held = p > 0
        p, q = p[held], np.maximum(q[held], _FLOOR / len(inside))
        return float(np.sum(p * np.log(p / q)))

    def mirrored(self, low: float, high: float) -> float:
        """Return the divergence for the range [-high, -low]."""
        return self(-high, -low)


def _through_levels(mass: Floats, middles: Floats, low: float, high: float) -> Floats:
    levels = np.rint((middles - low) * (_STEPS / (high - low))).astype(np.int64)
    held = np.bincount(levels, mass)
    bins = np.bincount(levels, mass > 0)
    return np.where(mass > 0, (held / np.maximum(bins, 1))[levels], 0.0)


def _best_end(limit: float, cost: Callable[[float], float]) -> float:
    """Return the end in (0, limit] that costs least, the widest of equals; 0 for no limit."""
    if limit <= 0:
        return 0.0
    best = _cheapest(limit * np.arange(_COARSE, 0, -1) / _COARSE, cost)
    around = best + limit / _COARSE * np.arange(_FINE - 1, -_FINE, -1) / _FINE
    return _cheapest(around[(around > 0) & (around <= limit)], cost)


def _cheapest(ends: Floats, cost: Callable[[float], float]) -> float:
    return float(ends[int(np.argmin([cost(float(end)) for end in ends]))])
