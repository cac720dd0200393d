# SPDX-License-Identifier: Apache-2.0
"""Train or validate the embedded default.

``python -m vackit.selftest.training.train train --output DIR`` reads the settings YAML and
scikit-learn's digits, and writes ``DIR/checkpoint.npz``; ``validate`` reads a checkpoint and
counts its right answers on the images held out.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vackit import console
from vackit.selftest.training import require_extra
from vackit.selftest.training.settings import (
    default_settings_path,
    load_settings,
    settings_sha256,
)

NAME = "python -m vackit.selftest.training.train"
CHECKPOINT = "digits_run/checkpoint.npz"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return console.run_command(_parser(), lambda args: int(args.body(args)), argv)


def _parser() -> console.Parser:
    parser = console.Parser(
        NAME,
        "Train or validate the small ShuffleNetV2 of the embedded default.",
        example=f"{NAME} train --output digits_run",
    )
    commands = parser.add_subparsers(title="subcommands", required=True, metavar="SUBCOMMAND")

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        prog = f"{NAME} {name}"
        sub: argparse.ArgumentParser = commands.add_parser(
            name, prog=prog, description=text, help=text, example=f"{prog} {example}"
        )
        add_config(sub)
        return sub

    sub = command("train", "train from scratch, write a checkpoint", "--output digits_run")
    sub.set_defaults(body=_train)
    sub.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for checkpoint.npz"
    )
    sub.add_argument("--force", action="store_true", help="replace a checkpoint")
    console.add_common(sub)
    sub = command(
        "validate", "count right answers on the held-out images", f"--checkpoint {CHECKPOINT}"
    )
    sub.set_defaults(body=_validate)
    add_checkpoint(sub)
    console.add_common(sub)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument(
        "--config",
        type=Path,
        default=default_settings_path(),
        metavar="YAML",
        help="settings (default: those of the embedded default)",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add ``--checkpoint``."""
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="NPZ", help="what `train` wrote"
    )


def _train(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    require_extra()
    from vackit.selftest.training import checkpoint, dataset, loop

    path = args.output / "checkpoint.npz"
    checkpoint.refuse_existing(path, force=args.force)
    split = dataset.split_digits(settings)
    console.note(f"training on {len(split.train)} digits for {settings.epochs} epochs, one thread")
    model = loop.train(settings, split.train)
    checkpoint.save(path, model)
    report = {"checkpoint": str(path), "settings_sha256": settings_sha256(args.config)}
    correct = loop.count_correct(
        loop.predict(model, split.heldout, settings.input_size), split.heldout
    )
    return _report(args, report, correct, len(split.heldout))


def _validate(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    require_extra()
    from vackit.selftest.training import checkpoint, dataset, loop

    model = loop.build_model(settings)
    checkpoint.load(args.checkpoint, model)
    heldout = dataset.split_digits(settings).heldout
    correct = loop.count_correct(loop.predict(model, heldout, settings.input_size), heldout)
    return _report(args, {"checkpoint": str(args.checkpoint)}, correct, len(heldout))


def _report(args: argparse.Namespace, report: dict[str, Any], correct: int, n: int) -> int:
    top1 = 100 * correct / n
    if args.json:
        console.print_json({**report, "n": n, "top1": top1, "top1_count": correct})
    else:
        print(f"{report['checkpoint']}: top-1 {top1:.3f} % ({correct}/{n} held-out images)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
