# SPDX-License-Identifier: Apache-2.0
"""Results that never reach a program, and the end of a program that waits for them for ever."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from vackit.errors import VackitError

GRACE_S = 3.0
"""How long nothing happens before a program that misses a result is interrupted."""
_IDLE = 0.01  # the share of a core below which nothing happens


@dataclass(frozen=True)
class Loss:
    """A result that never reached the program; ``is_told`` where it was printed already."""

    error: VackitError
    is_told: bool


losses: list[Loss] = []
"""Of all streams of the process, oldest first."""

ThreadHook = Callable[[threading.ExceptHookArgs], object]


def watch_threads() -> None:
    """Watch for threads that end in an error of a stream; twice is harmless.

    What such a thread should have taken, others may wait for: published programs take
    outputs in a thread of their own, which expects the end of the stream alone. So once
    the main thread waits for a thread after such an error, and the whole process stands
    still, it is interrupted.
    """
    if not isinstance(threading.excepthook, _Watch):
        threading.excepthook = _Watch(threading.excepthook)


class _Watch:
    """Notes the first error of a stream that ends a thread; then does what was done before."""

    def __init__(self, before: ThreadHook) -> None:
        self._before = before

    def __call__(self, args: threading.ExceptHookArgs, /) -> object:
        if isinstance(args.exc_value, VackitError) and not losses:
            losses.append(Loss(args.exc_value, is_told=True))
            threading.Thread(target=interrupt_when_stuck, name="vackit-watch", daemon=True).start()
        return self._before(args)


def interrupt_when_stuck(grace_s: float = GRACE_S) -> None:
    """Interrupt the main thread once it has waited for others that do nothing for ``grace_s``."""
    is_stuck = False
    while not is_stuck:
        before_s = time.process_time()
        time.sleep(grace_s)
        is_idle = time.process_time() - before_s < _IDLE * grace_s
        is_stuck = is_idle and _main_waits_for_a_thread()
    interrupt_main()


def _main_waits_for_a_thread() -> bool:
    """Tell whether the main thread is in a wait for another: events, queues, futures, joins.

    Other waits, for a process or the network say, may well come to an end.
    """
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return frame is not None and frame.f_code.co_filename == threading.__file__


def interrupt_main() -> None:
    """Send the signal of Ctrl-C to the main thread."""
    # a real signal: a main thread that waits for a lock would not notice a simulated one
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
