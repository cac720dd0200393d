# SPDX-License-Identifier: Apache-2.0
"""What a calibration set lacks, as far as the statistics and the files show it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vackit.compiler.calibration.collect import State
from vackit.tensors import TensorSpec

# a mean growth above this over the last quarter of the images calls for more of them:
# measured on four classifiers it is 0.0 to 1.7 % at 100 images (docs/calibration.md)
TOLERATED_GROWTH = 0.03
# fewer say little of classes that they do not show, whatever the ranges do
FEWEST_IMAGES = 20
ADVISABLE_IMAGES = 100
FEWEST_QUARTERED = 4


def growth(state: State) -> float:
    """Return by how much the last quarter of the images widened the ranges, 0 to 1, mean."""
    widths = np.maximum(state.total.high, 0) - np.minimum(state.total.low, 0)
    if np.isfinite(state.early_low).all():
        early = np.maximum(state.early_high, 0) - np.minimum(state.early_low, 0)
    else:
        early = np.zeros_like(widths)
    moving = widths > 0
    return float(np.mean(1 - early[moving] / widths[moving])) if moving.any() else 0.0


def too_few_images(state: State) -> str | None:
    """Return what to say of the number of images; None where it will do."""
    count, grown = state.total.num_images, growth(state)
    if count >= FEWEST_IMAGES and grown <= TOLERATED_GROWTH:
        return None
    noun = "image" if count == 1 else "images"
    # fewer have no last quarter
    widened = (
        f": the last quarter of them still widened the ranges by {grown * 100:.1f} % on average"
        if grown > TOLERATED_GROWTH and count >= FEWEST_QUARTERED
        else ""
    )
    return (
        f"{count} calibration {noun} may be too few{widened}; "
        f"{max(ADVISABLE_IMAGES, 2 * count)} or more, spread over the classes, are advisable "
        "(dataset.sampler.get_data_num)"
    )


def missing_classes(root: Path, paths: Sequence[Path], outputs: Sequence[TensorSpec]) -> str | None:
    """Return which share of the classes the images show; None where all, or not known.

    Images lie in class folders where each is in a folder of ``root``'s and there are at
    least two of these; a model tells classes where its one output is (batch, classes).
    """
    folders = {path.relative_to(root).parts[0] for path in paths if path.parent != root}
    in_folders = len(folders) > 1 and all(path.parent != root for path in paths)
    shape = outputs[0].shape if len(outputs) == 1 else ()
    classes = shape[1] if len(shape) == 2 else None
    if not in_folders or not classes or len(folders) >= classes:
        return None
    return (
        f"the calibration images show {len(folders)} of the {classes} classes that the model "
        "tells; more classes, evenly spread, make the ranges safer"
    )


def constant_values(names: Sequence[str], state: State) -> list[str]:
    """Return the values that had the same element everywhere."""
    total = state.total
    return [name for name, a, b in zip(names, total.low, total.high, strict=True) if a == b]
