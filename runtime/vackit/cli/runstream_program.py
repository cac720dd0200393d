# SPDX-License-Identifier: Apache-2.0
"""Run a file as ``python FILE`` would, or a module as ``python -m MODULE``."""

import os
import runpy
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from vackit.console import report_failure
from vackit.errors import VackitError

if TYPE_CHECKING:
    from vackit.compat.losses import Loss

_GRACE_S = 3.0
_LOOK_S = 0.5


def execute(path: Path, argv: list[str], verbose: int, name: str = "__main__") -> int:
    """Run the file; return its exit code.

    The module, ``sys.argv`` and the search path stay when it ends: threads that the program
    has started may go on.

    Args:
        path: The file.
        argv: What it finds in ``sys.argv``.
        verbose: Show where an interrupt or an error came from.
        name: Of the module that it becomes.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 - as python does: links stay
    module = ModuleType(name)
    module.__dict__.update(__file__=absolute, __builtins__=__builtins__, __cached__=None)
    sys.argv = argv
    sys.modules[name] = module

    def body() -> None:
        # the user's own program, named on the command line: running it is the command
        exec(compile(path.read_bytes(), absolute, "exec", dont_inherit=True), module.__dict__)

    return _ended(body, verbose)


def execute_module(module: str, arguments: list[str], verbose: int) -> int:
    """Run a module, or the ``__main__`` of a package; return its exit code."""
    sys.argv = ["-m", *arguments]

    def body() -> None:
        runpy.run_module(module, run_name="__main__", alter_sys=True)

    return _ended(body, verbose)


def _ended(body: Callable[[], None], verbose: int) -> int:
    """Run a program; say what ended it, and return its exit code."""
    try:
        body()
        code = 0
    except SystemExit as error:
        code = _exit_code(error)
    except VackitError as error:
        if verbose:
            _show(error)
        code = report_failure(error)
    except KeyboardInterrupt as error:
        if verbose:
            _show(error)
        losses = _losses()  # one of them may be what the program waited for in vain
        code = report_failure(losses[0].error if losses else error, verbose)
    except BaseException as error:
        _show(error)
        code = 1
    if not code:
        code = _report_losses(verbose)
    if code:
        _wake_readers()
    else:
        # not here: threads may wait for the end of this one
        threading.Thread(target=_watch_readers, name="vackit-end", daemon=True).start()
    return code


def end_stuck_threads(code: int) -> None:
    """End the process where threads of a failed program wait for results that are lost.

    Nothing wakes them, and the interpreter would wait for them for ever; those that do go on
    have a few seconds to end.
    """
    if not code or not _losses():
        return
    threads = _threads()
    deadline = time.monotonic() + _GRACE_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    if any(thread.is_alive() for thread in threads):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _losses() -> "list[Loss]":
    """Return the results that never reached the program."""
    compat = sys.modules.get("vackit.compat.losses")
    return [] if compat is None else list(compat.losses)


def _report_losses(verbose: int) -> int:
    untold = [loss.error for loss in _losses() if not loss.is_told]
    return report_failure(untold[0], verbose) if untold else 0


def _wake_readers() -> None:
    """End the program's threads that wait for outputs which will not come any more."""
    compat = sys.modules.get("vackit.compat.vaststreamx.stream")
    if compat is not None:
        compat.close_all()


def _watch_readers() -> None:
    """End the program's threads once all that are left wait for outputs that cannot come.

    Nothing brings any more when no other thread is left and no stream has anything to do;
    then the streams that the program has not closed are closed for it.
    """
    compat = sys.modules.get("vackit.compat.vaststreamx.stream")
    was_idle = False
    while compat is not None and (threads := _threads()):
        is_idle = compat.all_wait(threads)
        if is_idle and was_idle:
            compat.close_all()
        was_idle = is_idle
        threads[0].join(_LOOK_S)


def _threads() -> list[threading.Thread]:
    """Return the program's threads that Python waits for at its end."""
    main = threading.main_thread()
    return [each for each in threading.enumerate() if each is not main and not each.daemon]


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    trace: TracebackType | None = error.__traceback__
    for _ in range(2):  # the first frames are runstream's own
        trace = trace.tb_next if trace is not None else None
    sys.excepthook(type(error), error.with_traceback(trace), trace)
