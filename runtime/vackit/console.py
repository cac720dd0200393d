# SPDX-License-Identifier: Apache-2.0
"""What every command shares: its parser, how it reports, its progress and its exit codes.

Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
Results go to stdout, everything else to stderr.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from vackit._version import __version__
from vackit.errors import VackitError

T = TypeVar("T")

# Entry-point group in which other distributions offer devices
DEVICE_PLUGINS = "vackit.devices"

# Debian's package for each shared library that OpenCV's wheels expect from the system
_SYSTEM_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libSM.so.6": "libsm6",
    "libXext.so.6": "libxext6",
    "libxcb.so.1": "libxcb1",
}


class Parser(argparse.ArgumentParser):
    """An argument parser in the house's style.

    Long flags are written with underscores, and their hyphen twins mean the same; no
    abbreviations. `description` leads with what the command does, `example` with one
    command that works as typed.
    """

    def __init__(self, prog: str, description: str, example: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=prog, description=description, allow_abbrev=False, **kwargs)
        self.example = example

    def format_help(self) -> str:
        """Return the help text, the example first."""
        lead = f"example:\n  {self.example}\n\n" if self.example else ""
        return lead + super().format_help()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, taking ``--a-b`` for ``--a_b``."""
        given = sys.argv[1:] if args is None else args
        return super().parse_known_args([_underscored(arg) for arg in given], namespace)

    def error(self, message: str) -> Any:
        """Print the message the way all errors look and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n  hint: {self.prog} --help\n")


def _underscored(arg: str) -> str:
    if not arg.startswith("--") or arg == "--":
        return arg
    name, equals, value = arg[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


class VersionAction(argparse.Action):
    """``--version``: vackit, Python, onnxruntime, OpenCV and the device plug-ins."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the versions and leave; OpenCV is imported, so its absence shows here."""
        import platform
        from importlib import metadata

        import cv2
        import onnxruntime

        print(f"{parser.prog} {__version__}")
        print(f"python {platform.python_version()}")
        print(f"onnxruntime {onnxruntime.__version__}")
        print(f"opencv {cv2.__version__}")
        plugins = sorted(point.name for point in metadata.entry_points(group=DEVICE_PLUGINS))
        print(f"device plug-ins {', '.join(plugins) or 'none'}")
        parser.exit()


def whole_number(low: int) -> Callable[[str], int]:
    """Return an argparse type that takes a whole number from ``low``."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < low:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {low}")
        return int(text)

    return parse


def add_common(parser: argparse.ArgumentParser, *, json_output: bool = True) -> None:
    """Add the flags that every command has: ``--json -v --version``."""
    group = parser.add_argument_group("common")
    if json_output:
        group.add_argument("--json", action="store_true", help="print the result as JSON")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="say more (-vv: debug messages)"
    )
    group.add_argument("--version", action=VersionAction, help="print versions and leave")


def run_command(
    parser: argparse.ArgumentParser,
    body: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse ``argv`` and run ``body``; turn what it raises into a message and an exit code."""
    verbose = 0
    try:
        args = parser.parse_args(argv)
        verbose = getattr(args, "verbose", 0)
        configure_logging(verbose)
        code = body(args)
        sys.stdout.flush()
    except BaseException as error:
        return report_failure(error, verbose)
    return code


def report_failure(error: BaseException, verbose: int = 0) -> int:
    """Print what stopped a command on stderr; return its exit code.

    User errors print as they are (their chain with ``-v``), the system's own (no space,
    no permission) by file name; anything else is a defect and shows its traceback.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        _err("interrupted")
        return 130
    if isinstance(error, BrokenPipeError):
        # the reader of stdout has gone (`| head`): not a failure, but nothing more to say
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if isinstance(error, VackitError):
        _err(str(error))
        if verbose and error.__cause__ is not None:
            traceback.print_exception(error, file=sys.stderr)
        return error.exit_code
    if isinstance(error, ImportError) and (message := _missing_library(error)):
        _err(message)
        return 1
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        _err(f"{where}{error.strerror[:1].lower()}{error.strerror[1:]}")
        if verbose:
            traceback.print_exception(error, file=sys.stderr)
        return 1
    if isinstance(error, MemoryError):
        _err("out of memory\n  hint: use a smaller batch or fewer processes")
        return 1
    traceback.print_exception(error, file=sys.stderr)
    _err(f"this is a defect in vackit {__version__}: report it with the lines above")
    return 1


def _missing_library(error: ImportError) -> str:
    for library, package in _SYSTEM_LIBRARIES.items():
        if library in str(error):
            return (
                f"OpenCV needs {library}, a system library that is not installed\n"
                f"  hint: apt-get install -y {package}"
            )
    return ""


def configure_logging(verbose: int = 0, *, quiet: bool = False) -> None:
    """Send the library's log to stderr: warnings, with ``-v`` info, with ``-vv`` debug.

    ``quiet`` keeps even warnings back (runstream: a program's stderr is its own).
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LowercaseLevel("%(levelname)s: %(message)s"))
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(verbose, 2)]
    if quiet and not verbose:
        level = logging.CRITICAL
    for package in ("vackit", "image2npz", "vamp_eval"):
        logger = logging.getLogger(package)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


class _LowercaseLevel(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.levelname = record.levelname.lower()
        return super().format(record)


def note(message: str) -> None:
    """Say something about the run on stderr (which device was taken, what was skipped)."""
    _err(message)


def warn(message: str) -> None:
    """Say on stderr what a user should look at though the work goes on."""
    _err(f"warning: {message}")


def print_json(data: Any) -> None:
    """Print ``data`` as JSON on stdout; NaN and infinity are refused, not written."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` behind a progress bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, desc=what, total=total, file=sys.stderr, leave=False)


def _err(message: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(message, file=sys.stderr, flush=True)
