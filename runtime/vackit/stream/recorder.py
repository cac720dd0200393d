# SPDX-License-Identifier: Apache-2.0
"""Record what every operator does and when: for ``runstream --profile`` and ``--trace``.

One recorder at a time listens to the whole process, because the streams to be watched are
made deep inside a program that knows nothing of it. While none listens, a span costs one
look at a variable.
"""

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from vackit.errors import StreamError

# A trace beyond this many events no viewer opens; what comes later still counts in the profile
MAX_EVENTS = 1_000_000


@dataclass(frozen=True)
class OperatorProfile:
    """What one operator has done.

    Attributes:
        name: The operator.
        count: Executions.
        mean_ms: Mean time of one, in milliseconds.
        p95_ms: The time that 95 % of them did not exceed.
        total_ms: All together, over all threads.
        mean_depth: Mean number of samples that waited in the queue before each execution;
            None for operators that no queue stands before.
    """

    name: str
    count: int
    mean_ms: float
    p95_ms: float
    total_ms: float
    mean_depth: float | None


class Recorder:
    """Collects spans from any number of threads (appending to a list is atomic)."""

    def __init__(self) -> None:
        self._origin = time.perf_counter()
        self._durations: defaultdict[str, list[float]] = defaultdict(list)
        self._depths: defaultdict[str, list[int]] = defaultdict(list)
        self._events: list[tuple[str, float, float, int]] = []
        self._counters: list[tuple[str, float, int]] = []
        self._threads: dict[int, str] = {}

    def add(self, name: str, start: float, end: float) -> None:
        """Record one execution; times are `time.perf_counter`'s."""
        self._durations[name].append(end - start)
        if len(self._events) < MAX_EVENTS:
            thread = threading.current_thread()
            self._threads[threading.get_native_id()] = thread.name
            self._events.append((name, start, end, threading.get_native_id()))

    def add_depth(self, name: str, depth: int) -> None:
        """Record how many samples wait before operator ``name``."""
        self._depths[name].append(depth)
        if len(self._counters) < MAX_EVENTS:
            self._counters.append((name, time.perf_counter(), depth))

    def profile(self) -> list[OperatorProfile]:
        """Return one line per operator, in the order of their first execution."""
        return [
            _profile(name, sorted(times), self._depths.get(name, []))
            for name, times in list(self._durations.items())
        ]

    def chrome_trace(self) -> dict[str, Any]:
        """Return the spans in the Trace Event Format: JSON-ready, times in microseconds."""
        process = os.getpid()
        events: list[dict[str, Any]] = [
            {"name": "thread_name", "ph": "M", "pid": process, "tid": thread,
             "args": {"name": name}}
            for thread, name in self._threads.items()
        ]  # fmt: skip
        events += [
            {"name": name, "cat": "operator", "ph": "X", "pid": process, "tid": thread,
             "ts": self._us(start), "dur": round((end - start) * 1e6, 3)}
            for name, start, end, thread in self._events
        ]  # fmt: skip
        events += [
            {"name": f"waiting for {name}", "ph": "C", "pid": process, "ts": self._us(at),
             "args": {"samples": depth}}
            for name, at, depth in self._counters
        ]  # fmt: skip
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def _us(self, at: float) -> float:
        return round((at - self._origin) * 1e6, 3)


def _profile(name: str, times: list[float], depths: list[int]) -> OperatorProfile:
    total = sum(times)
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    depth = sum(depths) / len(depths) if depths else None
    count = len(times)
    return OperatorProfile(name, count, total / count * 1e3, p95 * 1e3, total * 1e3, depth)


_current: Recorder | None = None
_NOTHING: AbstractContextManager[None] = contextlib.nullcontext()


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Yield a recorder that listens to the process until the block ends.

    Raises:
        StreamError: Another one listens already.
    """
    global _current
    if _current is not None:
        raise StreamError("a recorder is listening already; there is one at a time")
    _current = Recorder()
    try:
        yield _current
    finally:
        _current = None


def current_recorder() -> Recorder | None:
    """Return the recorder that listens, if any."""
    return _current


def span(name: str) -> AbstractContextManager[None]:
    """Return a context that records its duration under ``name``, where a recorder listens."""
    return _NOTHING if _current is None else _span(_current, name)


@contextlib.contextmanager
def _span(recorder: Recorder, name: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        recorder.add(name, start, time.perf_counter())


def operator_name(operator: object) -> str:
    """Return what an operator is called in profiles: its ``name``, else its own or its class's."""
    name = getattr(operator, "name", None) or getattr(operator, "__name__", None)
    return name if isinstance(name, str) else type(operator).__name__
