# SPDX-License-Identifier: Apache-2.0
"""``runstream``: run a Python program with the SDK importable and a device chosen."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from vackit.console import Parser, add_common, configure_logging, note, run_command
from vackit.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_DESCRIPTION = """\
Run a Python program, or one of the samples that come with vackit, on a device.

The program may import `vaststreamx`, the published interface, or `vaststream` and
`vacl_stream`, that of 2023, though nothing of that name is installed; an installed one
comes first, unless --emulate is given. Programs that it starts find them too. Options of
runstream stand before SCRIPT; everything after it is the program's own. An existing file
wins over a sample of the same name. The exit code is the program's. Nothing is printed on
stderr that the program did not print, unless -v or --profile is given."""
_EXAMPLE = "runstream sample_cls.py --help"
_WITH_VALUE = ("--device", "--ops", "--trace")
_MODULE = "-m"


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``runstream``."""
    own, program = _split(list(sys.argv[1:] if argv is None else argv))
    code = run_command(_parser(), lambda args: _run(args, program), own)
    if "vackit.compat.losses" in sys.modules:
        from vackit.cli.runstream_program import end_stuck_threads

        end_stuck_threads(code)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "runstream", _DESCRIPTION, _EXAMPLE,
        usage="runstream [options] SCRIPT [arguments]\n"
        "       runstream [options] -m MODULE [arguments]",
    )  # fmt: skip
    add = parser.add_argument
    add("script", metavar="SCRIPT", nargs="?", help="a path, or the name of a sample")
    add(
        "--device", metavar="NAME[:N]",
        help="where the program's models run (default: VACKIT_DEVICE, else a card if one "
        "answers, else the emulator)",
    )  # fmt: skip
    add("--emulate", action="store_true", help="pass over an installed vaststreamx")
    add("--list", action="store_true", help="list the samples and leave")
    add(_MODULE, dest="module", metavar="MODULE", help="run a module, as python -m does")
    add(
        "--ops", metavar="FILE", action="append", default=[], type=Path,
        help="a Python file that registers custom operators; it runs first",
    )  # fmt: skip
    add(
        "--path", action="store_true",
        help="print the folder that lets python find the modules through PYTHONPATH",
    )  # fmt: skip
    add("--profile", action="store_true", help="print a table of all operators at the end")
    add("--trace", metavar="FILE", type=Path, help="write a Chrome trace (JSON) at the end")
    add_common(parser, json_output=False)
    return parser


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return runstream's own part of the command line, SCRIPT included, and the program's."""
    i = 0
    while i < len(argv) and argv[i].startswith("-"):
        if argv[i] == "--":
            i += 1
            break
        if argv[i] == _MODULE:  # as with python, the module ends the options
            return argv[: i + 2], argv[i + 2 :]
        i += 2 if argv[i] in _WITH_VALUE else 1
    return argv[: i + 1], argv[i + 1 :]


def _run(args: argparse.Namespace, arguments: list[str]) -> int:
    from vackit.cli.runstream_modules import modules_folder
    from vackit.compat.surroundings import quiet_libraries

    if args.list:
        return _list()
    if args.path:
        print(modules_folder())
        return 0
    if args.script is None and args.module is None:
        _parser().error("the following arguments are required: SCRIPT")
    # what the library would say is kept back: the program's stderr is its own
    configure_logging(args.verbose, quiet=True)
    if not args.verbose:
        quiet_libraries()
    return _run_program(args, arguments)


def _run_program(args: argparse.Namespace, arguments: list[str]) -> int:
    from vackit.cli.runstream_modules import set_search_path
    from vackit.cli.runstream_program import execute, execute_module
    from vackit.cli.runstream_report import recorded
    from vackit.compat.former.restore import restore_names

    restore_names()
    with _found(args) as path, recorded(profile=args.profile, trace=args.trace):
        set_search_path(path.resolve().parent if path else Path(), emulate=args.emulate)
        # on the program's search path: --emulate hides a card's module from the choice too
        _choose_device(args.device, args.verbose)
        for ops in args.ops:
            if code := execute(ops, [str(ops)], args.verbose, name="vackit_ops"):
                return code
        _hand_on(args.ops)
        if path is None:
            return execute_module(args.module, arguments, args.verbose)
        return execute(path, [args.script, *arguments], args.verbose)


def _hand_on(ops: Sequence[Path]) -> None:
    """Let processes that the program starts find its custom operators."""
    from vackit.compat.vaststreamx.custom_ops.files import set_files

    if ops:
        set_files(ops)


def _list() -> int:
    import ast

    for name, sample in _samples().items():
        doc = ast.get_docstring(ast.parse(sample.read_text(encoding="utf-8"))) or ""
        print(f"{name}  {doc.partition(chr(10))[0]}")
    return 0


def _choose_device(spec: str | None, verbose: int) -> None:
    from vackit.devices.registry import DEVICE_VARIABLE, get_device

    if spec is None and not verbose:
        return
    device = get_device(spec)
    if spec is not None:
        os.environ[DEVICE_VARIABLE] = device.spec
    if verbose:
        note(f"device: {device.label}")


@contextlib.contextmanager
def _found(args: argparse.Namespace) -> Iterator[Path | None]:
    """Yield the program's file; None where a module is to run."""
    from importlib import resources

    script = args.script
    if script is None:
        yield None
        return
    if Path(script).is_file():
        yield Path(script)
        return
    samples = _samples()
    if script not in samples:
        close = get_close_matches(script, samples, n=1)
        raise UsageError(
            f"'{script}' is neither a file nor a sample; samples: {', '.join(samples)}",
            hint=f"did you mean '{close[0]}'?" if close else "",
        )
    with resources.as_file(samples[script]) as sample:
        yield sample


def _samples() -> "dict[str, Traversable]":
    from importlib import resources

    entries = resources.files("vackit.samples").iterdir()
    samples = {entry.name: entry for entry in entries if entry.name.endswith(".py")}
    return {name: samples[name] for name in sorted(samples) if not name.startswith("_")}
