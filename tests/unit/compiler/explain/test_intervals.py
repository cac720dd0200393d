# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from vackit.compiler.explain.intervals import Interval, difference, middle, rate


def test_rate_is_the_wilson_interval() -> None:
    found = rate(8, 10)
    # by hand: center 0.8 of 10 with z = 1.96, as in any table of Wilson's interval
    assert (found.value, *found.to_json()) == pytest.approx((80, 49.016, 94.332), abs=2e-3)
    assert rate(0, 10).low == 0
    assert rate(10, 10).high == pytest.approx(100)


def test_difference_is_nothing_certain_where_as_many_gain_as_lose() -> None:
    found = difference(5, 5, 100)
    assert found.value == 0
    assert found.low == pytest.approx(-found.high)
    assert not found.is_certain


def test_difference_counts_only_what_changes() -> None:
    # (12 - 2) / 102 +- z sqrt((15 / 102 - (10 / 102)^2) / 102)
    found = difference(12, 2, 100)
    assert (found.value, *found.to_json()) == pytest.approx((10, 2.61, 17.0), abs=0.01)
    assert found.is_certain
    assert difference(2, 12, 100).high < 0


def test_middle_covers_the_median_in_19_of_20_samples() -> None:
    rng = np.random.default_rng(1)
    found = [middle(rng.normal(size=31).tolist()) for _ in range(400)]
    covered = sum(interval.low <= 0 <= interval.high for interval in found)
    assert covered >= 375  # 95 % of 400 is 380, two deviations are 9; order statistics are wider


def test_middle_of_one_value_is_that_value() -> None:
    assert middle([3.0]) == Interval(3.0, 3.0, 3.0)
