# SPDX-License-Identifier: Apache-2.0
"""How far rates that were counted on some images may be from the truth, at 95 %."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z_95 = 1.959964


@dataclass(frozen=True)
class Interval:
    """A rate or a difference, in percent or points, and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Tell whether it is another number than zero."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> list[float]:
        """Return both ends."""
        return [round(self.low, 3), round(self.high, 3)]


def rate(count: int, of: int) -> Interval:
    """Return ``count`` of ``of`` in percent, with the Wilson score interval.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    p, z2 = count / of, Z_95**2
    center = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return Interval(100 * p, 100 * max(center - half, 0.0), 100 * min(center + half, 1.0))


def difference(gained: int, lost: int, of: int) -> Interval:
    """Return by how many points a rate differs from another one of the same images.

    Args:
        gained: Images that only the first has right.
        lost: Images that only the second has right.
        of: All images.

    Source: Agresti and Min 2005, doi:10.1002/sim.1781: half an image added to each of the
        four cells.
    """
    total = of + 2
    apart = (gained - lost) / total
    half = Z_95 * math.sqrt(max((gained + lost + 1) / total - apart**2, 0.0) / total)
    value = 100 * (gained - lost) / of
    return Interval(value, 100 * (apart - half), 100 * (apart + half))


def middle(values: Sequence[float]) -> Interval:
    """Return the median with the interval that its order statistics give.

    Source: the number of values below the median is binomial with p = 1/2.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    half = Z_95 * math.sqrt(ordered.size) / 2
    first = max(math.floor(ordered.size / 2 - half) - 1, 0)
    last = min(math.ceil(ordered.size / 2 + half), ordered.size - 1)
    return Interval(float(np.median(ordered)), float(ordered[first]), float(ordered[last]))
