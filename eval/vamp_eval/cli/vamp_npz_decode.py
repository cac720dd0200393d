# SPDX-License-Identifier: Apache-2.0
"""The command ``vamp_npz_decode``: vamp's outputs as the text that eval_topk reads."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vackit import console

_DESCRIPTION = """\
Write the best classes of each image, one line each, in the order of the datalist. Each
output is joined to its input by the manifest beside it; without one (results of a card) by
its number in the datalist."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = console.Parser(
        "vamp_npz_decode",
        _DESCRIPTION,
        "vamp_npz_decode npz_datalist.txt output result.txt imagenet.txt",
    )
    parser.add_argument("npz_txt", type=Path, help="the datalist that vamp was given")
    parser.add_argument("npz_dir", type=Path, help="the folder with vamp's outputs")
    parser.add_argument("result_txt", type=Path, help="the text to write")
    parser.add_argument("label_txt", type=Path, help="the names of the classes, one a line")
    parser.add_argument(
        "--topk", type=int, default=5, metavar="K", help="lines an image (default: 5)"
    )
    parser.add_argument("--force", action="store_true", help="replace another result.txt")
    console.add_common(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return console.run_command(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    from vackit.errors import UsageError
    from vamp_eval.decode import decode

    if args.topk < 1:
        raise UsageError(f"--topk: {args.topk} is less than 1")
    decoded = decode(
        args.npz_txt, args.npz_dir, args.result_txt, args.label_txt, k=args.topk, force=args.force
    )
    if args.json:
        console.print_json(
            {
                "result_txt": str(args.result_txt),
                "num_images": decoded.num_images,
                "num_lines": decoded.num_lines,
                "is_new": decoded.is_new,
                "emulated": decoded.emulated,
            }
        )
    else:
        fact = "written" if decoded.is_new else "stands there already"
        print(f"{args.result_txt}: {decoded.num_lines} lines of {decoded.num_images} images {fact}")
    return 0
