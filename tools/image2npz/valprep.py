# SPDX-License-Identifier: Apache-2.0
"""The command ``valprep``: a flat folder of images to one folder a class."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vackit import console

_DESCRIPTION = """\
Sort a flat folder of images, such as ILSVRC2012's validation images, into one folder a
class. The class folders hold links to the images, or copies with --copy; the images stay
where they are.

The labels file has 'NAME SYNSET' or 'NAME INDEX' lines, with the index of the class from 0
among the 1000 synsets of ImageNet-1k in sorted order, as models count them. The bare numbers
of ILSVRC2012_validation_ground_truth.txt are refused: they count the classes in an order of
their own."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = console.Parser(
        "valprep", _DESCRIPTION, "valprep --images ILSVRC2012_img_val --labels val.txt --target val"
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="the flat folder of images"
    )
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="FILE", help="the class of each image"
    )
    parser.add_argument(
        "--target", type=Path, required=True, metavar="DIR", help="where the class folders go"
    )
    parser.add_argument("--copy", action="store_true", help="copy the images, instead of linking")
    parser.add_argument(
        "--force", action="store_true", help="replace files of the target that are something else"
    )
    console.add_common(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return console.run_command(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    from image2npz.sort_classes import sort_into_classes

    report = sort_into_classes(
        args.images, args.labels, args.target, copy=args.copy, force=args.force
    )
    if args.json:
        console.print_json(
            {
                "target": str(args.target.absolute()),
                "num_images": report.num_images,
                "num_classes": report.num_classes,
                "num_placed": report.num_placed,
                "copied": args.copy,
            }
        )
        return 0
    verb = "copied" if args.copy else "linked"
    done = "" if report.num_placed else ": nothing to do"
    print(
        f"{args.target}: {report.num_images} images in {report.num_classes} class folders, "
        f"{report.num_placed} newly {verb}{done}"
    )
    return 0
