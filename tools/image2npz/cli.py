# SPDX-License-Identifier: Apache-2.0
"""The command ``image2npz``: a folder of images to npz files and a datalist."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vackit import console

if TYPE_CHECKING:
    from image2npz.convert import Report, Settings

_DESCRIPTION = """\
Decode every image below a folder to an npz (uint8 RGB planes, shape (3, H, W), under
'input_0'), keep the class folders, and list the npz files with their absolute paths in
natural order. Run again, it keeps what is done and adds what is missing."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = console.Parser(
        "image2npz",
        _DESCRIPTION,
        "image2npz --dataset_path val --target_path val_npz --text_path npz_datalist.txt",
    )
    needed = parser.add_argument_group("files")
    needed.add_argument(
        "--dataset_path", type=Path, required=True, metavar="DIR", help="folder with the images"
    )
    needed.add_argument(
        "--target_path", type=Path, required=True, metavar="DIR", help="folder for the npz files"
    )
    needed.add_argument(
        "--text_path", type=Path, required=True, metavar="FILE", help="the datalist to write"
    )
    parser.add_argument(
        "--suffix", help="take only this suffix, any case, e.g. JPEG (default: all image suffixes)"
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=int,
        metavar="N",
        help="processes that work side by side (default: one a processor)",
    )
    parser.add_argument(
        "--on_error",
        choices=("error", "skip"),
        default="error",
        help="images that cannot be read: stop before the datalist is written, or leave them "
        "out; they are named either way (default: error)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace npz files and a datalist of other images"
    )
    console.add_common(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return console.run_command(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    from image2npz.convert import Settings, UnreadableError, convert, default_jobs
    from vackit.errors import UsageError

    if args.jobs is not None and args.jobs < 1:
        raise UsageError(f"--jobs: {args.jobs} is less than 1")
    settings = Settings(
        dataset=args.dataset_path,
        target=args.target_path,
        datalist=args.text_path,
        suffix=args.suffix,
        jobs=args.jobs or default_jobs(),
        skip_unreadable=args.on_error == "skip",
        force=args.force,
    )
    try:
        report = convert(settings)
    except UnreadableError as error:
        for outcome in error.outcomes:
            console.note(f"{settings.dataset / outcome.pair.image}: {outcome.reason}")
        raise
    _print(report, settings, args.json)
    return 0


def _print(report: "Report", settings: "Settings", as_json: bool) -> None:
    from image2npz.record import Status

    written, kept = len(report.of(Status.WRITTEN)), len(report.of(Status.KEPT))
    unreadable = report.of(Status.UNREADABLE)
    for outcome in unreadable:
        console.warn(f"{settings.dataset / outcome.pair.image}: {outcome.reason}; left out")
    if as_json:
        console.print_json(
            {
                "datalist": str(settings.datalist.absolute()),
                "target_path": str(settings.target.absolute()),
                "num_images": len(report.outcomes),
                "num_written": written,
                "num_kept": kept,
                "num_skipped": len(unreadable),
                "skipped": [{"image": o.pair.image, "reason": o.reason} for o in unreadable],
            }
        )
        return
    skipped = f", {len(unreadable)} left out" if unreadable else ""
    done = "" if report.is_new else ": nothing to do"
    print(f"{settings.datalist}: {written} npz files written, {kept} kept{skipped}{done}")
