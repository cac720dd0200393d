# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vackit.compiler.calibration.modes import choose_range, least_error, percentile
from vackit.compiler.calibration.statistics import Histogram, Statistics
from vackit.compiler.quantize import activation_scale, quantize_activation

MODES = ("max", "percentile", "kl_divergence", "mse")
Array = NDArray[np.float32]


def _statistics(values: Array) -> Statistics:
    stats = Statistics(1, samples=1 << 30)
    assert stats.observe(0, values)
    return stats


def _range(mode: str, values: Array, share: float | None = None) -> tuple[float, float]:
    stats = _statistics(values)
    low, high = float(stats.low[0]), float(stats.high[0])
    return choose_range(mode, low, high, stats.histogram(0), share)


def _error(values: Array, low: float, high: float) -> float:
    to = activation_scale(low, high)
    got = (quantize_activation(values, to).astype(np.float64) - to.zero_point) * to.scale
    return float(np.mean((got - values) ** 2))


def _heavy_tailed(size: int = 200_000) -> Array:
    return np.random.default_rng(3).standard_t(3, size).astype(np.float32)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None)
@example(elements=[4.249709265047308e-11])
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
def test_choose_range_stays_within_the_extremes(mode: str, elements: list[float]) -> None:
    values = np.array(elements, np.float32)
    low, high = _range(mode, values)
    assert values.min() <= low <= max(values.min(), 0)
    assert min(values.max(), 0) <= high <= values.max()
    assert low <= high


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [0.0, 3.5, -2.0], ids=str)
def test_choose_range_keeps_a_constant(mode: str, value: float) -> None:
    assert _range(mode, np.full(100, value, np.float32)) == (value, value)


def test_choose_range_of_max_is_exact_although_bins_are_not() -> None:
    values = _heavy_tailed()
    assert _range("max", values) == (values.min(), values.max())


def test_modes_differ_on_heavy_tails() -> None:
    values = _heavy_tailed()
    widths = {mode: np.subtract(*_range(mode, values)[::-1]) for mode in MODES}
    assert len(set(widths.values())) == 4
    assert max(widths, key=lambda mode: widths[mode]) == "max"


@pytest.mark.parametrize("keep", [0.9, 0.99, 0.999, 0.99999], ids=str)
def test_percentile_leaves_out_at_most_half_the_rest_at_each_end(keep: float) -> None:
    values = _heavy_tailed()
    low, high = _range("percentile", values, keep)
    allowed = (1 - keep) / 2 * values.size + 1e-6  # float64 rounding of the share
    assert np.count_nonzero(values < low) <= allowed
    assert np.count_nonzero(values > high) <= allowed
    # one bin further in it would be too many
    width = _statistics(values).histogram(0).width
    assert np.count_nonzero(values > high - width) > allowed - 1


def test_percentile_defaults_to_the_published_share() -> None:
    values = _heavy_tailed(1_000_000)
    assert _range("percentile", values) == _range("percentile", values, 0.99999)


def test_percentile_of_few_elements_leaves_none_out() -> None:
    values = _heavy_tailed(50_000)
    assert _range("percentile", values, 0.99999) == (values.min(), values.max())


def test_percentile_cuts_on_bin_edges() -> None:
    histogram = Histogram(0, 0, np.array([1, 8, 1]))
    assert percentile(histogram, 0.9) == (0.0, 3.0)  # half an element may go: none does
    assert percentile(histogram, 0.8) == (1.0, 2.0)


@pytest.mark.parametrize("kind", ["normal", "heavy", "relu", "uniform", "outlier", "negative"])
def test_least_error_is_near_the_best_of_many_ranges(kind: str) -> None:
    rng = np.random.default_rng(1)
    made: dict[str, NDArray[Any]] = {
        "normal": rng.standard_normal(100_000),
        "heavy": _heavy_tailed(),
        "relu": np.maximum(rng.standard_t(4, 100_000), 0),
        "uniform": rng.uniform(-1, 3, 100_000),
        "outlier": np.append(rng.standard_normal(100_000), 1000.0),
        "negative": -np.abs(rng.standard_normal(100_000)),
    }
    values = made[kind].astype(np.float32)
    got = _error(values, *least_error(_statistics(values).histogram(0)))
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    best = min(
        _error(values, low * a, high * b)
        for a in np.linspace(0.05, 1, 24)
        for b in np.linspace(0.05, 1, 24)
    )
    # 3 %: rounding zero to a whole step moves the true optimum a little
    assert got <= best * 1.03


def test_histogram_in_pairs_keeps_the_elements() -> None:
    pairs = Histogram(-3, 0, np.array([1, 2, 3, 4])).in_pairs()
    assert (pairs.first, pairs.exponent, list(pairs.counts)) == (-2, 1, [1, 5, 4])
    np.testing.assert_array_equal(pairs.middles, [-3, -1, 1])


def test_least_error_keeps_the_mass_at_the_end_of_a_relu6() -> None:
    values = np.clip(np.random.default_rng(2).normal(4, 3, 100_000), 0, 6).astype(np.float32)
    # 27 in a hundred lie at 6; a step is 0.024
    assert _range("mse", values)[1] > 5.97


def test_kl_divergence_leaves_out_a_lone_outlier() -> None:
    values = np.append(np.random.default_rng(3).standard_normal(500_000), 40.0)
    low, high = _range("kl_divergence", values.astype(np.float32))
    assert high < 20
    assert low < -2


def test_kl_divergence_keeps_a_uniform_range() -> None:
    values = np.random.default_rng(4).uniform(-1, 1, 500_000).astype(np.float32)
    low, high = _range("kl_divergence", values)
    # no end gives up more than a fiftieth
    assert low < -0.98
    assert high > 0.98


def test_kl_divergence_errs_less_than_max_on_heavy_tails() -> None:
    values = _heavy_tailed(1_000_000)
    assert _error(values, *_range("kl_divergence", values)) < _error(values, *_range("max", values))


@pytest.mark.parametrize("bound", [1.0, 6.0, 1.5], ids=str)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["up", "down"])
def test_kl_divergence_keeps_a_bound_that_most_of_the_mass_lies_at(
    bound: float, sign: float
) -> None:
    # a hard sigmoid that switches: at the bound and at zero lie four in ten each
    values = np.clip(np.random.default_rng(5).normal(0.5, 2, 300_000), 0, 1) * bound * sign
    low, high = _range("kl_divergence", values.astype(np.float32))
    # a step is a 255th
    assert max(-low, high) > 0.98 * bound


def test_kl_divergence_does_not_flee_from_a_spike_into_the_tail() -> None:
    # a SiLU's sigmoid of images with an even background: no 256 levels tell the spike well
    values = 1 / (1 + np.exp(-np.random.default_rng(0).standard_normal(300_000)))
    values[:240_000] = 0.731
    assert _range("kl_divergence", values.astype(np.float32))[1] > 0.731
