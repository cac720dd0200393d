# SPDX-License-Identifier: Apache-2.0
import pytest
from tests.explain_networks import feeds

from vackit.compiler.explain import timing
from vackit.compiler.explain.timing import Latency, measure_latencies
from vackit.compiler.explain.twins import Twins


def test_latencies_are_measured_in_as_many_rounds(
    twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "ENOUGH_S", 0.0)
    first, second = measure_latencies([twins.integer, twins.floating], feeds(1)[0][1], "x")
    assert len(first.rounds_ms) == len(second.rounds_ms) == timing.FEWEST_ROUNDS
    assert first.median_ms > 0


def test_change_compares_what_ran_in_the_same_round() -> None:
    # a machine that slows down: both take twice as long at the end
    before = Latency(tuple(1.0 + i / 20 for i in range(21)))
    after = Latency(tuple(1.1 * ms for ms in before.rounds_ms))
    change = after.change_from(before)
    assert (change.value, change.low, change.high) == pytest.approx((10, 10, 10))
