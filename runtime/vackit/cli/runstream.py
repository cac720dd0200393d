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
comes first, unless --emulate is given. Options of runstream
stand before SCRIPT; everything after it is the program's own. An existing file wins over a
sample of the same name. The exit code is the program's. Nothing is printed on stderr that
the program did not print, unless -v or --profile is given."""
_EXAMPLE = "runstream sample_cls.py --help"
_WITH_VALUE = ("--device", "--ops", "--trace")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``runstream``."""
    own, program = _split(list(sys.argv[1:] if argv is None else argv))
    return run_command(_parser(), lambda args: _run(args, program), own)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "runstream", _DESCRIPTION, _EXAMPLE, usage="runstream [options] SCRIPT [arguments]"
    )
    add = parser.add_argument
    add("script", metavar="SCRIPT", nargs="?", help="a path, or the name of a sample")
    add(
        "--device", metavar="NAME[:N]",
        help="where the program's models run (default: VACKIT_DEVICE, else a card if one "
        "answers, else the emulator)",
    )  # fmt: skip
    add("--emulate", action="store_true", help="pass over an installed vaststreamx")
    add("--list", action="store_true", help="list the samples and leave")
    add(
        "--ops", metavar="FILE", action="append", default=[], type=Path,
        help="a Python file that registers custom operators; it runs first",
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
        i += 2 if argv[i] in _WITH_VALUE else 1
    return argv[: i + 1], argv[i + 1 :]


def _run(args: argparse.Namespace, arguments: list[str]) -> int:
    from vackit.cli.runstream_program import execute, quiet_libraries, search_path
    from vackit.cli.runstream_report import recorded

    if args.list:
        return _list()
    if args.script is None:
        _parser().error("the following arguments are required: SCRIPT")
    # what the library would say is kept back: the program's stderr is its own
    configure_logging(args.verbose, quiet=True)
    if not args.verbose:
        quiet_libraries()
    with (
        _found(args.script) as path,
        search_path(path, emulate=args.emulate),
        recorded(profile=args.profile, trace=args.trace),
    ):
        # on the program's search path: --emulate hides a card's module from the choice too
        _choose_device(args.device, args.verbose)
        for ops in args.ops:
            if code := execute(ops, [], args.verbose, name="vackit_ops"):
                return code
        return execute(path, arguments, args.verbose)


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
def _found(script: str) -> Iterator[Path]:
    from importlib import resources

    path = Path(script)
    if path.is_file():
        yield path
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
