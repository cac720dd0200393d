# SPDX-License-Identifier: Apache-2.0
"""What is known of each value over the calibration set: extremes and a histogram.

The result depends only on which elements were seen, never on their order or on how the work
was divided. Bins are powers of two wide: bin b of width 2^e holds b * 2^e <= x < (b + 1) *
2^e. When a value outgrows its bins they are merged in pairs, which is exact as bins nest;
e is the smallest exponent at which the range, zero included, spans no more than `NUM_BINS`
bins. All counts are integers. Multiplying a float32 by a power of two
is exact in float64, so each element has one bin.

The extremes are those of all elements. The histogram takes every n-th element of a value, so
many that the whole set gives about `SAMPLES`; n is a prime that divides no axis, so that
rows, columns and channels are met evenly. docs/calibration.md has what that costs.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 4096
# of a value over the whole set: 20 lie beyond each end of the 99.999 % in the middle
SAMPLES = 1 << 22
# of a value in one image, whatever the size of the set
FEWEST, MOST = 1 << 12, 1 << 16
# elements of a value that wait to be counted together: counting has its cost by the call
_WAITING = 1 << 15
# bins no finer than the smallest scale that quantization uses
SMALLEST_EXPONENT = -40
# raise it with every change that gives other statistics from the same images
VERSION = 2

Counts = NDArray[np.int64]
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)


class Statistics:
    """Extremes and histograms of some values.

    Args:
        num_values: How many.
        samples: Elements of a value that its histogram takes of one image, at most.

    Bin b of value i lies at ``counts[i, b % NUM_BINS]``: no more than `NUM_BINS` bins are in
    use at a time, so none collide, and nothing moves when a range grows downward.

    Attributes:
        low, high: Extremes, float64, shape (values,); inf and -inf before any element.
        exponent: Of the bin widths, int64, shape (values,).
        counts: int64, shape (values, NUM_BINS), of all that was taken in.
        num_seen: Elements that the extremes are taken over, int64, shape (values,).
        num_images: How many images were observed.
    """

    def __init__(self, num_values: int, samples: int = MOST) -> None:
        self.samples = samples
        self.low = np.full(num_values, np.inf)
        self.high = np.full(num_values, -np.inf)
        self.exponent = np.full(num_values, SMALLEST_EXPONENT, np.int64)
        self._counts = np.zeros((num_values, NUM_BINS), np.int64)
        self._waiting = [np.empty(0, np.float32)] * num_values
        self._num_waiting = [0] * num_values
        self.num_seen = np.zeros(num_values, np.int64)
        self.num_images = 0

    def observe(self, index: int, array: NDArray[np.float32], bounds: Bounds = UNBOUNDED) -> bool:
        """Take in one image's elements of value ``index``.

        Args:
            index: Of the value.
            array: Any shape.
            bounds: What no element can exceed (a ReLU's 0, a ReLU6's 0 and 6). An end that
                has reached its bound stays there: it is looked for among the sampled
                elements only, which spares reading most of a large array.

        Returns:
            Whether what was looked at is finite; if not, nothing is taken in.
        """
        if not array.size:
            return True
        sample = self._sampled(array)
        with np.errstate(invalid="ignore"):
            low = float((sample if self.low[index] == bounds[0] else array).min())
            high = float((sample if self.high[index] == bounds[1] else array).max())
        return self.take_in(index, array, low, high, num_seen=array.size)

    def take_in(
        self, index: int, array: NDArray[np.float32], low: float, high: float, *, num_seen: int
    ) -> bool:
        """Take in what one image shows of value ``index``.

        Args:
            index: Of the value.
            array: Of its elements all, or an even share.
            low: The smallest of all; what is smaller changes nothing and is not in ``array``.
            high: The largest of all; likewise.
            num_seen: How many they are.

        Returns:
            Whether the extremes are finite; if not, nothing is taken in.
        """
        if not (math.isfinite(low) and math.isfinite(high)):
            return False
        if low < self.low[index] or high > self.high[index]:
            self._widen(index, low, high)
        self._count_later(index, self._sampled(array))
        self.num_seen[index] += num_seen
        return True

    @property
    def counts(self) -> Counts:
        """Return the counts of all that was taken in."""
        for index in range(len(self.low)):
            self._count(index)
        return self._counts

    @counts.setter
    def counts(self, counts: Counts) -> None:
        self._counts = counts

    def _count_later(self, index: int, sample: NDArray[np.float32]) -> None:
        """Keep a copy of ``sample`` until there is enough to count."""
        begin = self._num_waiting[index]
        if begin + sample.size > _WAITING:
            self._count(index)
            begin = 0
        if len(self._waiting[index]) < begin + sample.size:
            self._waiting[index] = np.empty(max(_WAITING, sample.size), np.float32)
        self._waiting[index][begin : begin + sample.size] = sample
        self._num_waiting[index] = begin + sample.size

    def _count(self, index: int) -> None:
        """Count what waits: bins nest, so those of now tell the same as those of then."""
        waiting = self._waiting[index][: self._num_waiting[index]]
        if waiting.size:
            slots = _slots_of(waiting, int(self.exponent[index]), float(self.low[index]))
            self._counts[index] += np.bincount(slots, minlength=NUM_BINS)
            self._num_waiting[index] = 0

    def _sampled(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        return array.reshape(-1)[:: stride(array.shape, self.samples)]

    def merge(self, other: "Statistics") -> None:
        """Take in what another one has seen, of the same values; ``other`` may change."""
        for index in range(len(self.low)):
            self._widen(index, other.low[index], other.high[index])
            other._coarsen(index, int(self.exponent[index]))
        self._counts += other.counts
        self.num_seen += other.num_seen
        self.num_images += other.num_images

    def histogram(self, index: int) -> "Histogram":
        """Return value ``index``'s histogram, from the bin of its smallest element on."""
        self._count(index)
        used = np.flatnonzero(self._counts[index])
        if not used.size:
            return Histogram(0, int(self.exponent[index]), np.zeros(1, np.int64))
        bins = self._bins(index, used)
        counts = np.zeros(int(bins.max() - bins.min()) + 1, np.int64)
        counts[bins - bins.min()] = self._counts[index, used]
        return Histogram(int(bins.min()), int(self.exponent[index]), counts)

    def _widen(self, index: int, low: float, high: float) -> None:
        low, high = min(low, self.low[index]), max(high, self.high[index])
        self._coarsen(index, exponent_for(low, high))
        self.low[index], self.high[index] = low, high

    def _coarsen(self, index: int, exponent: int) -> None:
        steps = exponent - int(self.exponent[index])
        if steps <= 0:
            return
        used = np.flatnonzero(self._counts[index])
        merged = np.zeros(NUM_BINS, np.int64)
        bins = self._bins(index, used) >> min(steps, 62)
        np.add.at(merged, bins & (NUM_BINS - 1), self._counts[index, used])
        self._counts[index], self.exponent[index] = merged, exponent

    def _bins(self, index: int, slots: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the numbers of the bins that lie at ``slots``."""
        first = np.floor(min(self.low[index], 0.0) * 2.0 ** -float(self.exponent[index]))
        return np.asarray(int(first) + (slots - int(first)) % NUM_BINS, np.int64)


def _slots_of(sample: NDArray[np.float32], exponent: int, low: float) -> NDArray[np.int64]:
    """Return where the bin of each element lies; none of them is smaller than ``low``."""
    if low >= 0.0:
        # bins from 0 on lie at their own numbers; what float32 cannot tell from 0 is in bin 0
        return np.multiply(sample, np.float32(2.0**-exponent)).astype(np.int64)
    # float64: in float32 a tiny negative element could round up to zero, into bin 0
    steps = np.multiply(sample, 2.0**-exponent, dtype=np.float64)
    bins: NDArray[np.int64] = np.floor(steps).astype(np.int64) & (NUM_BINS - 1)
    return bins


@dataclass(frozen=True)
class Histogram:
    """Bins of one width from ``first`` on; bin b starts at ``b * 2**exponent``."""

    first: int
    exponent: int
    counts: Counts

    @property
    def width(self) -> float:
        """Return the width of a bin."""
        return 2.0**self.exponent

    @property
    def edges(self) -> NDArray[np.float64]:
        """Return where the bins begin, and where the last one ends."""
        return np.asarray((self.first + np.arange(len(self.counts) + 1)) * self.width, np.float64)

    @property
    def middles(self) -> NDArray[np.float64]:
        """Return the middle of each bin."""
        edges = self.edges
        return np.asarray((edges[:-1] + edges[1:]) / 2, np.float64)

    def in_pairs(self) -> "Histogram":
        """Return the same with bins of twice the width."""
        first = self.first >> 1
        bins = ((self.first + np.arange(len(self.counts))) >> 1) - first
        counts = np.zeros(int(bins[-1]) + 1, np.int64)
        np.add.at(counts, bins, self.counts)
        return Histogram(first, self.exponent + 1, counts)


def exponent_for(low: float, high: float) -> int:
    """Return the smallest exponent whose bins span ``low``, zero and ``high``.

    It grows with the range: the exponent for two ranges together is never smaller than
    that for one of them.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    width = max((high - low) / NUM_BINS, 2.0 ** (SMALLEST_EXPONENT - 1))
    # frexp: width = m * 2^e with 0.5 <= m < 1, so 2^(e - 1) <= width
    exponent = max(math.frexp(width)[1] - 1, SMALLEST_EXPONENT)
    while math.floor(high / 2.0**exponent) - math.floor(low / 2.0**exponent) >= NUM_BINS:
        exponent += 1
    return exponent


def samples_per_image(num_images: int) -> int:
    """Return how many elements of a value to take of each image of a set."""
    return min(max(SAMPLES // max(num_images, 1), FEWEST), MOST)


@cache
def stride(shape: tuple[int, ...], samples: int) -> int:
    """Return n such that every n-th element of an array is at most ``samples`` of them."""
    size = math.prod(shape)
    if size <= samples:
        return 1
    step = -(-size // samples)
    while any(step % divisor == 0 for divisor in range(2, math.isqrt(step) + 1)) or any(
        axis % step == 0 for axis in shape
    ):
        step += 1
    return step
