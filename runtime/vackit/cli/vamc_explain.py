# SPDX-License-Identifier: Apache-2.0
"""``vamc explain``: which nodes of an int8 artifact lose accuracy, why, and what mends it."""

import argparse
from pathlib import Path

from vackit import console
from vackit.cli.accuracy_flags import true_labels

HELP = "show which nodes of an int8 artifact lose accuracy, why, and what mends it"
EXAMPLE = "vamc explain deploy_weights/timm_mobilenetv2_int8/mod --images val --limit 200"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``vamc explain``."""
    parser.add_argument("prefix", metavar="PREFIX", help="an int8 artifact's prefix")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="DIR",
        help="images to measure on, other ones than those it was calibrated with; folders "
        "named after synsets tell their classes",
    )
    parser.add_argument(
        "--label", type=Path, metavar="FILE", help="`NAME class_index` lines, or a class list"
    )
    parser.add_argument(
        "--limit",
        type=console.whole_number(1),
        metavar="N",
        help="take N of the images, evenly spread (default: 100)",
        default=100,
    )
    parser.add_argument(
        "--cures",
        type=console.whole_number(0),
        metavar="N",
        default=3,
        help="try patches on the N worst nodes (default: 3; 0: none, which is fast)",
    )
    parser.add_argument(
        "--rows",
        type=console.whole_number(1),
        metavar="N",
        default=15,
        help="print the N worst nodes (default: 15); --json and --html have them all",
    )
    parser.add_argument("--all", action="store_true", help="print every node")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report with plots")
    parser.add_argument(
        "--custom_func",
        type=Path,
        metavar="FILE.py",
        help="the Python file of the artifact's CustomFunc; giving it allows it to run",
    )


def run(args: argparse.Namespace) -> int:
    """Explain, then print a table or JSON, and write the page that was asked for."""
    from vackit.compiler.explain.explain import Wish, explain
    from vackit.compiler.explain.images import open_images
    from vackit.compiler.explain.scores import num_classes
    from vackit.compiler.explain.table import table
    from vackit.compiler.explain.twins import open_twins

    artifact, twins = open_twins(args.prefix)
    images = open_images(
        artifact.manifest, args.images, args.limit, where=twins.where, custom_func=args.custom_func
    )
    paths, classes = [str(path) for path in images.paths], num_classes(artifact.manifest.outputs)
    labels = true_labels(paths, classes, args.label, str(args.images))
    found = explain(artifact.manifest, twins, images, labels, Wish(args.cures))
    if args.html is not None:
        from vackit.compiler.explain.page import page
        from vackit.files import write_atomic

        write_atomic(args.html, page(found).encode())
        console.note(f"{args.html}: written")
    if args.json:
        console.print_json(found.to_json())
    else:
        print(table(found, None if args.all else args.rows))
    return 0
