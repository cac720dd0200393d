# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vamp_eval.wilson import wilson_interval


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score, no correction)
        (81, 263, 25.53, 36.62),
        (15, 148, 6.24, 16.05),
        (0, 20, 0.0, 16.11),
        (1, 29, 0.61, 17.18),
    ],
    ids=["81/263", "15/148", "0/20", "1/29"],
)
def test_wilson_interval_is_the_published_one(
    count: int, total: int, low: float, high: float
) -> None:
    # the table gives four decimals of a share
    assert wilson_interval(count, total) == pytest.approx((low, high), abs=0.006)


@given(st.integers(1, 60_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_stays_in_range(pair: tuple[int, int]) -> None:
    count, total = pair
    low, high = wilson_interval(count, total)
    assert 0 <= low <= 100 * count / total <= high <= 100
    assert low < high
