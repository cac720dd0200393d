# SPDX-License-Identifier: Apache-2.0
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from vackit.compiler.calibration.statistics import (
    FEWEST,
    MOST,
    NUM_BINS,
    SMALLEST_EXPONENT,
    Statistics,
    exponent_for,
    samples_per_image,
    stride,
)

Array = NDArray[np.float32]
arrays = hnp.arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.floats(-(2.0**100), 2.0**100, width=32) | st.floats(-8, 8, width=32),
)


def _observed(samples: list[Array]) -> Statistics:
    stats = Statistics(1)
    for sample in samples:
        assert stats.observe(0, sample)
    return stats


def _same(a: Statistics, b: Statistics) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("low", "high", "exponent", "counts", "num_seen")
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(arrays, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_statistics_do_not_depend_on_order_or_division(
    samples: list[Array], rng: random.Random
) -> None:
    whole = _observed(samples)
    shuffled = list(samples)
    rng.shuffle(shuffled)
    cut = rng.randint(0, len(samples))
    one, other = _observed(shuffled[:cut]), _observed(shuffled[cut:])
    one.merge(other)
    assert _same(whole, _observed(shuffled))
    assert _same(whole, one)


@settings(max_examples=50, deadline=None)
@given(st.lists(arrays, min_size=1, max_size=6))
def test_histogram_counts_every_element_in_its_bin(samples: list[Array]) -> None:
    stats = _observed(samples)
    histogram = stats.histogram(0)
    everything = np.concatenate(samples).astype(np.float64)
    assert histogram.counts.sum() == everything.size
    if everything.size:
        assert (stats.low[0], stats.high[0]) == (everything.min(), everything.max())
        bins = np.floor(everything / histogram.width).astype(np.int64)
        want = np.bincount(bins - bins.min(), minlength=len(histogram.counts))
        assert histogram.first == bins.min()
        np.testing.assert_array_equal(histogram.counts, want)


def test_histogram_of_nothing_is_one_empty_bin() -> None:
    histogram = Statistics(1).histogram(0)
    np.testing.assert_array_equal(histogram.counts, [0])
    np.testing.assert_array_equal(histogram.edges, [0, 2.0**SMALLEST_EXPONENT])


@pytest.mark.parametrize(
    "bad", [np.nan, np.inf, -np.inf], ids=["nan", "infinity", "minus-infinity"]
)
def test_observe_refuses_what_is_not_finite(bad: float) -> None:
    stats = Statistics(1)
    assert not stats.observe(0, np.array([0, bad, 1], np.float32))
    assert _same(stats, Statistics(1))


@pytest.mark.parametrize(
    ("low", "high", "want"),
    [
        (0.0, 0.0, SMALLEST_EXPONENT),
        (0.0, 1.0, -11),  # 1.0 itself needs the 4097th bin of width 2^-12
        (0.0, 0.999, -12),
        (-1.0, 0.999, -11),
        (5.0, 5.0, -9),  # zero belongs to the range
        (-3e38, 3e38, 117),
    ],
    ids=["zero", "one", "below-one", "both", "positive", "huge"],
)
def test_exponent_for_is_the_finest_that_spans_the_range(
    low: float, high: float, want: int
) -> None:
    assert exponent_for(low, high) == want


def test_statistics_coarsen_bins_around_zero() -> None:
    stats = _observed([np.array([-0.5, -0.001, 0.0, 0.4], np.float32)])
    assert stats.observe(0, np.array([1000.0], np.float32))
    histogram = stats.histogram(0)
    # 0.25 wide bins: the two below zero share one, the two from zero on share another
    assert histogram.width == 0.25
    assert (histogram.first, histogram.counts[0], histogram.counts[1]) == (-2, 1, 1)
    assert list(histogram.counts[2:4]) == [1, 1]
    assert histogram.counts[-1] == 1


@pytest.mark.parametrize(
    "shape",
    [(1, 24, 112, 112), (1, 96, 112, 112), (1, 144, 56, 56), (1, 1280, 7, 7), (1, 4097)],
    ids=str,
)
def test_stride_meets_every_column_row_and_channel(shape: tuple[int, ...]) -> None:
    step = stride(shape, FEWEST)
    taken = np.arange(0, np.prod(shape), step)
    assert FEWEST // 3 < len(taken) <= FEWEST
    for axis in range(1, len(shape)):
        hits = np.bincount(np.unravel_index(taken, shape)[axis], minlength=shape[axis])
        if shape[axis] <= 200:
            assert hits.min() > 0


def test_stride_leaves_small_arrays_whole() -> None:
    assert stride((1, FEWEST), FEWEST) == 1


def test_observe_spares_reading_behind_a_bound_that_was_reached() -> None:
    rng = np.random.default_rng(5)
    bounded, plain = Statistics(1, FEWEST), Statistics(1, FEWEST)
    for scale in (1, 9, 3):
        image = np.clip(scale * rng.standard_normal((1, 8, 60, 60)), 0, 6).astype(np.float32)
        assert bounded.observe(0, image, (0.0, 6.0))
        assert plain.observe(0, image)
    assert _same(bounded, plain)


def test_observe_looks_everywhere_until_a_bound_is_reached() -> None:
    stats = Statistics(1, FEWEST)
    image = np.ones((1, 100, 100), np.float32)
    image[0, 50, 51] = 5.0  # between two sampled elements
    assert stats.observe(0, image, (0.0, 6.0))
    assert (stats.low[0], stats.high[0]) == (1, 5)


def test_statistics_count_what_they_have_seen_and_sampled() -> None:
    big = np.random.default_rng(0).standard_normal((1, 3, 100, 100)).astype(np.float32)
    stats = Statistics(1, FEWEST)
    assert stats.observe(0, big)
    assert stats.num_seen[0] == big.size
    assert 0 < stats.counts.sum() <= FEWEST <= NUM_BINS
    assert (stats.low[0], stats.high[0]) == (big.min(), big.max())


def test_statistics_merge_in_any_order() -> None:
    rng = np.random.default_rng(1)
    samples = [(10.0**k * rng.standard_normal(50)).astype(np.float32) for k in range(4)]
    merged = []
    for order in itertools.permutations(range(4)):
        total = Statistics(1)
        for position in order:
            total.merge(_observed([samples[position]]))
        merged.append(total)
    assert all(_same(merged[0], other) for other in merged)


@pytest.mark.parametrize(
    ("num_images", "want"),
    [(0, MOST), (1, MOST), (100, 41943), (1000, 4194), (50_000, FEWEST)],
    ids=str,
)
def test_samples_per_image_fall_with_the_number_of_images(num_images: int, want: int) -> None:
    assert samples_per_image(num_images) == want
