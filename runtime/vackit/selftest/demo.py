# SPDX-License-Identifier: Apache-2.0
"""The whole workflow on the embedded default, command by command.

``python -m vackit.selftest.demo`` reads the packaged model and digits, writes everything
into ``demo_output/`` (or ``--output DIR``) and ends with a table.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vackit import console
from vackit.selftest.runner import CommandRunner

EXAMPLE = "python -m vackit.selftest.demo"
DESCRIPTION = """\
Walk the whole road on a small trained model and real handwritten digits: image files to npz,
ONNX to compiled artifacts (float32 and int8), speed, accuracy; each command is printed before
it runs. A second run takes up what the first has left."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit code, or that of the command that stopped it."""
    parser = console.Parser(EXAMPLE, DESCRIPTION, example=EXAMPLE)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder for everything that the demo writes (default: demo_output)",
    )
    parser.add_argument(
        "--force", action="store_true", help="let the commands replace what differs there"
    )
    console.add_common(parser)
    return console.run_command(parser, _body, argv)


def _body(args: argparse.Namespace) -> int:
    from vackit.selftest.road import Road
    from vackit.selftest.table import format_table

    start = time.monotonic()
    # with --json stdout holds nothing else
    runner = CommandRunner(console.note if args.json else _say)
    report = Road(args.output, runner, force=args.force).walk()
    report["seconds"] = round(time.monotonic() - start, 1)
    if args.json:
        console.print_json(report)
    else:
        print(f"\n{format_table(report)}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
