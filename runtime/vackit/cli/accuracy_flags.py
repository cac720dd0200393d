# SPDX-License-Identifier: Apache-2.0
"""The flags about accuracy that ``vamc build`` and ``vamc explain`` have, and what they mean."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vackit import console
from vackit.errors import EvaluationError, UsageError

if TYPE_CHECKING:
    from vackit.compiler.explain.budget import AccuracyWish


def add_accuracy_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--accuracy_drop`` and what it is measured on."""
    group = parser.add_argument_group("accuracy")
    group.add_argument(
        "--accuracy_drop",
        type=_points,
        metavar="POINTS",
        help="lose no more than this in int8 (0.5): patch the build as far as it needs, or leave "
        "with exit code 1 and write nothing",
    )
    group.add_argument(
        "--eval_images",
        type=Path,
        metavar="DIR",
        help="measure top-1 on these images (default: agreement with float32 on those of the "
        "calibration)",
    )
    group.add_argument(
        "--eval_label",
        type=Path,
        metavar="FILE",
        help="`NAME class_index` lines, or a class list; default: the folders' names",
    )


def _points(text: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if not 0 <= points <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of points from 0 to 100")
    return points


def accuracy_wish(args: argparse.Namespace) -> "AccuracyWish | None":
    """Return what the flags say; None where int8 may lose whatever it does.

    Raises:
        UsageError: A flag is given without the one that it belongs to.
    """
    from vackit.compiler.explain.budget import AccuracyWish

    if args.accuracy_drop is None:
        given = [flag for flag in ("eval_images", "eval_label") if getattr(args, flag) is not None]
        if given:
            raise UsageError(f"--{given[0]} says on what --accuracy_drop is measured; give both")
        return None
    if args.eval_label is not None and args.eval_images is None:
        raise UsageError("--eval_label labels the images of --eval_images; give both")
    where = str(args.eval_images)
    return AccuracyWish(
        args.accuracy_drop,
        args.eval_images,
        lambda paths, num_classes: true_labels(
            paths, num_classes, args.eval_label, where, flag="--eval_label"
        ),
    )


def accuracy_rows(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return a build's loss and the patch that it took, as rows of its report."""
    if found is None:
        return []
    points, (low, high) = found["drop_points"], found["drop_interval_95"]
    verb = "gained" if points < 0 else "lost"
    what = f"{abs(points):.2f} points of {found['measure']} {verb} on {found['num_images']} images"
    budget = f"(95 %: {low:.1f} to {high:.1f} lost), {found['budget_points']:g} were allowed"
    rows = [("accuracy", f"{what} {budget}")]
    if found["yaml"]:
        tried = f"found by {found['num_tried']} builds"
        rows.append(("patch", f"{tried}; the same as this in the build YAML:"))
        rows += [("", line) for line in found["yaml"].splitlines()]
    return rows


def true_labels(
    paths: Sequence[str],
    num_classes: int | None,
    label: Path | None,
    where: str,
    *,
    flag: str = "--label",
) -> dict[str, int]:
    """Return the true class of each image; none where no file was given and no folder says it.

    Args:
        paths: Of the images.
        num_classes: Of the model, if it is known.
        label: A file that says the classes.
        where: What to name in errors.
        flag: The one that takes such a file.
    """
    from vamp_eval.labels import true_classes

    try:
        truth = true_classes(paths, num_classes, label, where)
    except EvaluationError as error:
        if label is not None:
            hint = error.hint.replace("--label", flag)
            raise EvaluationError(error.message, where=error.where, hint=hint) from error
        console.note(f"no labels: agreement with float32 is counted instead ({error.message})")
        return {}
    return dict(zip(paths, truth, strict=True))
