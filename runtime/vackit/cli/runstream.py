# SPDX-License-Identifier: Apache-2.0
"""``runstream``: run a Python program with the SDK importable and a device chosen."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from vackit.console import Parser, add_common, configure_logging, note, report_failure, run_command
from vackit.errors import UsageError, VackitError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_DESCRIPTION = """\
Run a Python program, or one of the samples that come with vackit, on a device.

Options of runstream stand before SCRIPT; everything after it is the program's own. An
existing file wins over a sample of the same name. The exit code is the program's."""
_EXAMPLE = "runstream sample_cls.py --help"
_WITH_VALUE = ("--device",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``runstream``."""
    own, program = _split(list(sys.argv[1:] if argv is None else argv))
    return run_command(_parser(), lambda args: _run(args, program), own)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "runstream", _DESCRIPTION, _EXAMPLE, usage="runstream [options] SCRIPT [arguments]"
    )
    parser.add_argument("script", metavar="SCRIPT", help="a path, or the name of a sample")
    parser.add_argument(
        "--device", metavar="NAME[:N]",
        help="where the program's models run (default: VACKIT_DEVICE, else a card if one "
        "answers, else the emulator)",
    )  # fmt: skip
    add_common(parser, json_output=False)
    return parser


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return runstream's own part of the command line, SCRIPT included, and the program's."""
    i = 0
    while i < len(argv) and argv[i].startswith("-"):
        if argv[i] == "--":
            i += 1
            break
        i += 2 if argv[i] in _WITH_VALUE else 1
    return argv[: i + 1], argv[i + 1 :]


def _run(args: argparse.Namespace, arguments: list[str]) -> int:
    from importlib import resources

    from vackit.devices.registry import DEVICE_VARIABLE, get_device

    # what the library would say is kept back: the program's stderr is its own
    configure_logging(args.verbose, quiet=True)
    if args.device is not None or args.verbose:
        device = get_device(args.device)
        if args.device is not None:
            os.environ[DEVICE_VARIABLE] = device.spec
        if args.verbose:
            note(f"device: {device.label}")
    path = Path(args.script)
    if path.is_file():
        return _execute(path, arguments, args.verbose)
    with resources.as_file(_sample(args.script)) as sample:
        return _execute(sample, arguments, args.verbose)


def _sample(name: str) -> "Traversable":
    from importlib import resources

    folder = resources.files("vackit.samples")
    names = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.name.endswith(".py") and not entry.name.startswith("_")
    )
    if name in names:
        return folder / name
    close = get_close_matches(name, names, n=1)
    raise UsageError(
        f"'{name}' is neither a file nor a sample; samples: {', '.join(names)}",
        hint=f"did you mean '{close[0]}'?" if close else "",
    )


def _execute(path: Path, arguments: list[str], verbose: int) -> int:
    """Run the file as ``python FILE`` would; return the exit code."""
    module = ModuleType("__main__")
    module.__dict__.update(__file__=str(path), __builtins__=__builtins__)
    with _as_main(module, path, arguments):
        try:
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
        except SystemExit as error:
            return _exit_code(error)
        except VackitError as error:
            return report_failure(error, verbose)
        except KeyboardInterrupt as error:
            if verbose:
                _show(error)
            return report_failure(error)
        except BaseException as error:
            _show(error)
            return 1
    return 0


@contextlib.contextmanager
def _as_main(module: ModuleType, path: Path, arguments: list[str]) -> Iterator[None]:
    argv, main_module, search_path = sys.argv, sys.modules["__main__"], sys.path
    sys.argv = [str(path), *arguments]
    sys.path = [str(path.absolute().parent), *search_path]
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.argv, sys.modules["__main__"], sys.path = argv, main_module, search_path


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
