# SPDX-License-Identifier: Apache-2.0
"""Results to callbacks, on a thread of their own, in the order of submission.

A program of this interface learns of a result by its callback alone. Where a sample fails,
or the callback that should have stored it, the program would wait for it for ever: so once
nothing else is under way and nothing new comes, the main thread is interrupted, and
`losses` says why.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from numpy.typing import NDArray

from vackit.compat.losses import GRACE_S, Loss, interrupt_main, losses
from vackit.compat.vacl_stream.callback import Callback
from vackit.compat.vacl_stream.outputs import OFFERED, as_outputs
from vackit.errors import StreamError, VackitError

_MOVES = 0.01  # the share of a core below which a callback waits rather than computes

logger = logging.getLogger(__name__)

Results = Sequence["Future[list[NDArray[Any]]]"]


@dataclass(frozen=True)
class _Item:
    input_id: int
    results: Results
    has_slot: bool


class Delivery:
    """The thread that calls one stream's callback. Thread-safe.

    Args:
        callback: What to call.
        place: Named where an output exceeds float16.
        window: Inputs that may be under way; `submit` blocks beyond it.
    """

    def __init__(
        self,
        callback: Callback,
        place: str,
        window: int,
    ) -> None:
        self._callback = callback
        self._place = place
        self._slots = threading.Semaphore(window)
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._call: _Item | None = None  # the one whose callback is running
        self._clock: int | None = None  # of the thread
        self._thread = threading.Thread(target=self._work, name="vackit-callbacks", daemon=True)
        self._thread.start()

    def submit(self, input_id: int, start: Callable[[], Results]) -> None:
        """Start an input's samples, and call back when their results are there.

        Blocks while the window is full; a callback that submits does not wait for itself.
        """
        has_slot = threading.current_thread() is not self._thread
        if has_slot:
            self._slots.acquire()
        try:
            self._queue.put(_Item(input_id, start(), has_slot))
        except BaseException:
            if has_slot:
                self._slots.release()
            raise

    def close(self) -> None:
        """End the thread after what was submitted; does not wait for it."""
        self._queue.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread, unless one callback stands still for ``timeout_s``.

        However long the model takes, and a callback that computes, what was submitted is
        delivered: a program may end without a wait for its last results. A callback that
        waits itself may wait for what has ended already.
        """
        if threading.current_thread() is self._thread:
            return
        while self._thread.is_alive():
            call, spent_s = self._call, self._cpu_seconds()
            self._thread.join(timeout_s)
            is_still = self._cpu_seconds() - spent_s < _MOVES * timeout_s
            if call is not None and call is self._call and is_still:
                logger.warning(
                    "%s: the callback of input %d has waited for %g s while the program ends; "
                    "what comes after it is not delivered",
                    self._place, call.input_id, timeout_s,
                )  # fmt: skip
                return

    def _cpu_seconds(self) -> float:
        """Return what the thread has computed so far; 0 where the system does not tell."""
        with contextlib.suppress(OSError):  # the thread has ended
            return 0.0 if self._clock is None else time.clock_gettime(self._clock)
        return 0.0

    def _work(self) -> None:
        self._clock = _own_clock()
        is_missed = False
        while True:
            try:
                item = self._queue.get(timeout=GRACE_S if is_missed else None)
            except Empty:
                is_missed = False
                interrupt_main()
                continue
            if item is None:
                return
            is_missed |= not self._deliver(item)

    def _deliver(self, item: _Item) -> bool:
        """Call back; tell whether the program has got the result."""
        try:
            samples = [as_outputs(future.result(), self._place) for future in item.results]
        except CancelledError:
            return True  # the stream was ended by the program itself
        except Exception as error:
            _lose(_explained(error, item.input_id, self._place))
            return False
        finally:
            if item.has_slot:
                self._slots.release()
        with OFFERED.offered(samples) as addresses:
            self._call = item
            raised = self._callback(item.input_id, addresses)
            self._call = None
        if raised is not None:
            fact = f"the callback raised {type(raised).__name__} for input {item.input_id}"
            losses.append(Loss(StreamError(f"{fact}; its result is lost"), is_told=True))
        return raised is None


def _own_clock() -> int | None:
    """Return the clock of what the calling thread computes; None where there is none."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.pthread_getcpuclockid(threading.get_ident())
    return None


def _lose(error: VackitError) -> None:
    losses.append(Loss(error, is_told=False))
    logger.error("%s", error)


def _explained(error: Exception, input_id: int, place: str) -> VackitError:
    if isinstance(error, VackitError):
        return error
    lost = StreamError(f"input {input_id} failed: {error!r}", where=place)
    lost.__cause__ = error
    return lost
