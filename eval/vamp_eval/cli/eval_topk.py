# SPDX-License-Identifier: Apache-2.0
"""The command ``eval_topk``: accuracy of a text of predictions."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vackit import console

_DESCRIPTION = """\
Read the lines that `runstream sample_cls.py` or `vamp_npz_decode` wrote

  PATH: Relay top-0 id: 281, prob: 0.30834961, class name: tabby, tabby cat

and print top-1 and top-5 accuracy in percent. Classes are compared by id, never by name
(two classes of ImageNet are called crane). The true class comes from --label, or from the
name of the folder that the image lies in: a synset of ImageNet or a class index."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = console.Parser("eval_topk", _DESCRIPTION, "eval_topk output/result.txt")
    parser.add_argument("result_txt", type=Path, metavar="RESULT.txt", help="the predictions")
    parser.add_argument(
        "--label",
        type=Path,
        metavar="FILE",
        help="'NAME INDEX' lines, or the names of the classes, one a line, where the "
        "folders tell the class (default: the 1000 classes of ImageNet, by folder)",
    )
    parser.add_argument(
        "--fail_below",
        type=float,
        metavar="PERCENT",
        help="exit with 1 where top-1 is below this",
    )
    console.add_common(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return console.run_command(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    from vackit.errors import UsageError
    from vamp_eval.cli.report import print_evaluation
    from vamp_eval.evaluate import evaluate_text

    limit: float | None = args.fail_below
    if limit is not None and not 0 <= limit <= 100:
        raise UsageError(f"--fail_below: {limit} is not a percentage from 0 to 100")
    evaluation = evaluate_text(args.result_txt, args.label)
    print_evaluation(evaluation, args.json, result_txt=str(args.result_txt))
    if limit is not None and evaluation.accuracy.top1 < limit:
        console.note(f"top-1 is {evaluation.accuracy.top1:.3f}, below the limit of {limit}")
        return 1
    return 0
