# SPDX-License-Identifier: Apache-2.0
"""The end of a program of 2023: which callbacks are still waited for."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import pytest

from vackit.compat.vacl_stream.callback import Callback
from vackit.compat.vacl_stream.delivery import Delivery, Results

TIMEOUT_S = 0.2
COMPUTED_S = 2 * TIMEOUT_S


def delivery(function: Callable[[int], None]) -> Delivery:
    callback = Callback(lambda *a: function(a[0].contents.input_id), 0, {})
    return Delivery(callback, "mod", window=8)


def results() -> Results:
    done: Future[list[np.ndarray]] = Future()
    done.set_result([np.zeros(1, np.float32)])
    return [done]


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="the system does not tell of threads"
)
def test_join_waits_for_callbacks_that_compute(caplog: pytest.LogCaptureFixture) -> None:
    got = []

    def compute(input_id: int) -> None:
        end = time.thread_time() + COMPUTED_S
        while time.thread_time() < end:
            sum(range(1000))
        got.append(input_id)

    running = delivery(compute)
    for input_id in range(2):
        running.submit(input_id, results)
    running.close()
    running.join(TIMEOUT_S)
    assert got == [0, 1]
    assert not caplog.records


def test_join_leaves_a_callback_that_waits_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    event, got = threading.Event(), []

    def wait(input_id: int) -> None:
        event.wait()
        got.append(input_id)

    running = delivery(wait)
    running.submit(3, results)
    running.close()
    running.join(TIMEOUT_S)
    (message,) = caplog.messages
    fact = "mod: the callback of input 3 has waited for 0.2 s while the program ends"
    assert message == f"{fact}; what comes after it is not delivered"
    event.set()
    running.join(60)
    assert got == [3]
