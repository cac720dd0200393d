# SPDX-License-Identifier: Apache-2.0
"""Latency summaries."""

import pytest

from vackit.bench.percentiles import percentile, summarize


@pytest.mark.parametrize(
    ("percent", "wanted"),
    [(1, 1), (50, 10), (51, 11), (90, 18), (95, 19), (99, 20), (100, 20)],
)
def test_percentile_is_the_nearest_rank(percent: int, wanted: int) -> None:
    assert percentile(range(1, 21), percent) == wanted


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7], 1) == percentile([7], 99) == 7


def test_summarize_takes_latencies_in_any_order() -> None:
    summary = summarize([30, 10, 20, 60])
    assert summary.average_ns == 30
    assert (summary.min_ns, summary.max_ns) == (10, 60)
    assert summary.percentiles == {50: 20, 90: 60, 95: 60, 99: 60}
