# SPDX-License-Identifier: Apache-2.0
"""The command ``vamp_eval`` (``eval_imagenet`` is the same): accuracy of vamp's results."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vackit import console

_DESCRIPTION = """\
Compare the outputs that `vamp --datalist --path_output` wrote with the true classes and
print top-1 and top-5 accuracy in percent.

Each output is joined to its input by the manifest beside it; without one (results of a
card) by its number in the datalist. The true class comes from --label, or from the name of
the folder that the input lies in: a synset of ImageNet (n01440764) or a class index."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = console.Parser(
        "vamp_eval",
        _DESCRIPTION,
        "vamp_eval --result_path output --datalist npz_datalist.txt --label val_label.txt",
    )
    parser.add_argument(
        "--result_path", type=Path, required=True, metavar="DIR", help="folder with the outputs"
    )
    parser.add_argument(
        "--datalist",
        type=Path,
        metavar="FILE",
        help="the list that vamp was given (default: what the manifest of DIR records)",
    )
    parser.add_argument(
        "--label",
        type=Path,
        metavar="FILE",
        help="'NAME INDEX' lines, or the names of the classes, one a line, where the "
        "folders tell the class (default: the 1000 classes of ImageNet, by folder)",
    )
    console.add_common(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return console.run_command(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    from vamp_eval.cli.report import print_evaluation
    from vamp_eval.evaluate import evaluate_results

    evaluation = evaluate_results(args.result_path, args.datalist, args.label)
    print_evaluation(evaluation, args.json, result_path=str(args.result_path))
    return 0
