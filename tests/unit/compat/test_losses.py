# SPDX-License-Identifier: Apache-2.0
"""Programs that wait for what a thread of theirs can no longer give."""

import threading
import time
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
    monkeypatch.setattr(losses, "interrupt_when_idle", watches.release)
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


def test_interrupt_when_idle_waits_while_something_computes(
    interrupts: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    # seconds of processor time at each look: it computes, computes, stands still
    looks = iter([0.0, 1.0, 1.0, 2.5, 2.5, 2.5])
    naps: list[float] = []
    monkeypatch.setattr(time, "process_time", lambda: next(looks))
    monkeypatch.setattr(time, "sleep", naps.append)
    losses.interrupt_when_idle(2.0)
    assert interrupts.is_set()
    assert naps == [2.0, 2.0, 2.0]
