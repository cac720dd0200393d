# SPDX-License-Identifier: Apache-2.0
"""A bounded queue that hands out its requests in batches, in the order they came."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any

from numpy.typing import NDArray

from vackit.errors import StreamClosedError

SampleFuture = Future[list[NDArray[Any]]]


class _Mark(Enum):
    """What may stand in the queue between requests."""

    END = 0  # the input is closed; stays in the queue for every worker to see
    FLUSH = 1  # what was put before is not to wait for more


@dataclass(slots=True)
class Request:
    """One submitted sample, its parameters, and the future of its outputs."""

    sample: Any
    params: Mapping[str, Any]
    future: SampleFuture = field(default_factory=Future)


class Batcher:
    """Between the threads that submit and the workers that execute.

    Thread-safe on both sides. One worker at a time collects, so a batch is a contiguous
    run of requests and at most one batch is ever half full.

    Args:
        max_batch: The most requests handed out together.
        max_delay_us: How long a batch that is not full waits for more after its first
            request; 0 takes only what is there, None waits until it is full or the input
            is closed.
        queue_size: How many requests may wait; `put` blocks while so many do.
    """

    def __init__(self, max_batch: int, max_delay_us: int | None, queue_size: int) -> None:
        self._max_batch = max_batch
        self._max_delay_s = None if max_delay_us is None else max_delay_us / 1e6
        self._queue: SimpleQueue[Request | _Mark] = SimpleQueue()
        self._slots = threading.Semaphore(queue_size)
        self._entrance = threading.Lock()  # between `put` and `close`
        self._collecting = threading.Lock()
        self._is_closed = False
        self._is_canceled = False
        self._num_put = self._num_taken = 0

    def put(self, request: Request) -> None:
        """Queue a request; blocks while the queue is full.

        Raises:
            StreamClosedError: The input is closed, or was closed during the wait.
        """
        self._slots.acquire()
        with self._entrance:
            if self._is_closed:
                self._slots.release()
                raise StreamClosedError("the stream is closed and takes no more samples")
            self._num_put += 1
            self._queue.put(request)

    @property
    def num_waiting(self) -> int:
        """Return about how many requests wait: other threads go on meanwhile."""
        return self._num_put - self._num_taken

    def get(self) -> list[Request]:
        """Wait for the next batch; empty once the input is closed and all is handed out."""
        with self._collecting:
            while (first := self._queue.get()) is _Mark.FLUSH:
                pass
            if isinstance(first, Request):
                return self._collect(first)
            self._queue.put(_Mark.END)
            return []

    def flush(self) -> None:
        """Hand out what waits even where the batch is not full."""
        self._queue.put(_Mark.FLUSH)

    def close(self, *, cancel: bool = False) -> None:
        """Take no more requests; with ``cancel`` also cancel those that wait."""
        with self._entrance:
            self._is_canceled |= cancel
            if self._is_closed:
                return
            self._is_closed = True
            self._queue.put(_Mark.END)
        self._slots.release()  # wakes one blocked `put`, which wakes the next

    def _collect(self, first: Request) -> list[Request]:
        batch = [self._take(first)]
        deadline = None if self._max_delay_s is None else time.monotonic() + self._max_delay_s
        while len(batch) < self._max_batch:
            request = self._next(deadline)
            if request is _Mark.END:
                self._queue.put(_Mark.END)
            if not isinstance(request, Request):
                break
            batch.append(self._take(request))
        return batch

    def _next(self, deadline: float | None) -> "Request | _Mark":
        if deadline is None:
            return self._queue.get()
        try:
            remaining = deadline - time.monotonic()
            return self._queue.get(timeout=remaining) if remaining > 0 else self._queue.get_nowait()
        except Empty:
            return _Mark.FLUSH

    def _take(self, request: Request) -> Request:
        self._slots.release()
        self._num_taken += 1
        if self._is_canceled:
            request.future.cancel()
        return request
