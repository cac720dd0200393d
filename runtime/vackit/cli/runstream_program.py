# SPDX-License-Identifier: Apache-2.0
"""Run a file as ``python FILE`` would, with the published modules on the search path."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from vackit.console import report_failure
from vackit.errors import VackitError

if TYPE_CHECKING:
    from vackit.compat.vacl_stream.delivery import Loss

# what OpenCV and the FFmpeg in it would print of their own
_QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}


def quiet_libraries() -> None:
    """Keep libraries that the program may import from printing; what is set already stays."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def search_path(script: Path, *, emulate: bool) -> Iterator[None]:
    """Let imports find what stands beside ``script``, and the published modules.

    These come last, behind an installed module of the same name; with ``emulate`` they
    come before it.
    """
    from vackit.compat import shims

    published, before = list(shims.__path__), sys.path
    installed = [*published, *before] if emulate else [*before, *published]
    sys.path = [str(script.absolute().parent), *installed]
    try:
        yield
    finally:
        sys.path = before


def execute(path: Path, arguments: list[str], verbose: int, name: str = "__main__") -> int:
    """Run the file; return its exit code.

    Args:
        path: The file.
        arguments: Its own.
        verbose: Show where an interrupt or an error came from.
        name: Of the module that it becomes.
    """
    module = ModuleType(name)
    module.__dict__.update(__file__=str(path), __builtins__=__builtins__)
    with _as_module(module, path, arguments):
        try:
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
            code = 0
        except SystemExit as error:
            code = _exit_code(error)
        except VackitError as error:
            code = report_failure(error, verbose)
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
    return code


@contextlib.contextmanager
def _as_module(module: ModuleType, path: Path, arguments: list[str]) -> Iterator[None]:
    argv, before = sys.argv, sys.modules.get(module.__name__)
    sys.argv = [str(path), *arguments]
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.argv = argv
        if before is not None:
            sys.modules[module.__name__] = before


def _losses() -> "list[Loss]":
    """Return the results that never reached a program of the 2023 interface."""
    delivery = sys.modules.get("vackit.compat.vacl_stream.delivery")
    return [] if delivery is None else list(delivery.losses)


def _report_losses(verbose: int) -> int:
    untold = [loss.error for loss in _losses() if not loss.is_told]
    return report_failure(untold[0], verbose) if untold else 0


def _wake_readers() -> None:
    """End the program's threads that wait for outputs which will not come any more."""
    compat = sys.modules.get("vackit.compat.vaststreamx.stream")
    if compat is not None:
        compat.close_all()


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    trace: TracebackType | None = error.__traceback__
    if trace is not None:
        trace = trace.tb_next  # the first frame is runstream's own
    sys.excepthook(type(error), error.with_traceback(trace), trace)
