# SPDX-License-Identifier: Apache-2.0
"""Programs that wait for what a thread of theirs can no longer give."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Queue
from typing import Any

import pytest

from vackit.compat import losses
from vackit.errors import DataError, VackitError

TIMEOUT_S = 60


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the errors that the hook before has got."""
    errors: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_value))
    monkeypatch.setattr(losses, "losses", [])
    losses.watch_threads()
    return errors


@pytest.fixture
def interrupts(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    happened = threading.Event()
    monkeypatch.setattr(losses, "interrupt_main", happened.set)
    return happened


def end_thread(error: Exception) -> None:
    def work() -> None:
        raise error

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_watch_threads_once_is_enough(told: list[Any]) -> None:
    hook = threading.excepthook
    losses.watch_threads()
    assert threading.excepthook is hook


def test_the_first_error_of_a_stream_starts_the_watch(
    told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    watches = threading.Semaphore(0)
    monkeypatch.setattr(losses, "interrupt_when_stuck", watches.release)
    errors: list[VackitError] = [DataError("too small"), DataError("too large")]
    for error in errors:
        end_thread(error)
    assert watches.acquire(timeout=TIMEOUT_S)
    assert told == errors
    assert losses.losses == [losses.Loss(errors[0], is_told=True)]
    assert not watches.acquire(blocking=False)


def test_an_error_of_the_programs_own_is_its_own(told: list[Any]) -> None:
    error = KeyError(3)
    end_thread(error)
    assert (told, losses.losses) == ([error], [])


def watch(
    monkeypatch: pytest.MonkeyPatch, spent_s: list[float], main_waits: list[bool]
) -> list[float]:
    """Run the watch on processor times at each look; return how long it slept."""
    naps: list[float] = []
    looks, waits = iter(spent_s), iter(main_waits)
    monkeypatch.setattr(time, "process_time", lambda: next(looks))
    monkeypatch.setattr(time, "sleep", naps.append)
    monkeypatch.setattr(losses, "_main_waits_for_a_thread", lambda: next(waits))
    losses.interrupt_when_stuck(2.0)
    return naps


def test_interrupt_when_stuck_waits_while_something_computes(
    interrupts: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    # it computes, computes, stands still
    naps = watch(monkeypatch, [0.0, 1.0, 1.0, 2.5, 2.5, 2.5], [True])
    assert interrupts.is_set()
    assert naps == [2.0, 2.0, 2.0]


def test_interrupt_when_stuck_waits_while_main_waits_for_something_else(
    interrupts: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps = watch(monkeypatch, [0.0] * 4, [False, True])
    assert interrupts.is_set()
    assert naps == [2.0, 2.0]


WAITS: dict[str, Callable[[threading.Event], object]] = {
    "event": lambda done: done.wait(),
    "queue": lambda done: fed_at(done).get(),
    "future": lambda done: resolved_at(done).result(),
}


def after(done: threading.Event, act: Callable[[int], None]) -> None:
    def work() -> None:
        done.wait()
        act(0)

    threading.Thread(target=work).start()


def fed_at(done: threading.Event) -> "Queue[int]":
    queue: Queue[int] = Queue()
    after(done, queue.put)
    return queue


def resolved_at(done: threading.Event) -> "Future[int]":
    future: Future[int] = Future()
    after(done, future.set_result)
    return future


@pytest.mark.parametrize("wait", WAITS.values(), ids=list(WAITS))
def test_main_is_seen_to_wait_for_a_thread(wait: Callable[[threading.Event], object]) -> None:
    assert not losses._main_waits_for_a_thread()
    done = threading.Event()

    def look() -> None:
        while not losses._main_waits_for_a_thread():
            pass
        done.set()

    threading.Thread(target=look).start()
    wait(done)
