# SPDX-License-Identifier: Apache-2.0
"""Decide which npz each image becomes, before anything is decoded."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from vackit.data.listing import IMAGE_SUFFIXES, list_images
from vackit.errors import DataError, UsageError


@dataclass(frozen=True)
class Pair:
    """An image and its npz: paths relative to the two folders, with forward slashes."""

    image: str
    npz: str


def plan_pairs(dataset: Path, suffix: str | None) -> list[Pair]:
    """Return an image and its npz for every image below ``dataset``, in natural order.

    Folders are kept: ``n01440764/a.JPEG`` becomes ``n01440764/a.npz``.

    Raises:
        UsageError: ``suffix`` is none of an image.
        DataError: There is no image, two images would become the same npz, or a name
            cannot stand in a datalist.
    """
    if suffix is not None and f".{suffix.lower().lstrip('.')}" not in IMAGE_SUFFIXES:
        known = ", ".join(known.lstrip(".") for known in IMAGE_SUFFIXES)
        raise UsageError(f"--suffix: '{suffix}' is not the suffix of an image; known: {known}")
    pairs = []
    for path in list_images(dataset, suffix):
        relative = path.relative_to(dataset)
        pairs.append(Pair(relative.as_posix(), relative.with_suffix(".npz").as_posix()))
    _check_names(dataset, pairs)
    _check_collisions(dataset, pairs)
    return pairs


def _check_names(dataset: Path, pairs: list[Pair]) -> None:
    for pair in pairs:
        # surrogates stand for bytes that are no UTF-8
        if not pair.image.isprintable() or any("\ud800" <= c <= "\udfff" for c in pair.image):
            raise DataError(
                f"the file name {pair.image!a} cannot stand in a datalist: it holds "
                "characters that are not printable",
                where=dataset,
                hint="rename the file",
            )


def _check_collisions(dataset: Path, pairs: list[Pair]) -> None:
    by_npz: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        by_npz[pair.npz].append(pair.image)
    clashes = [images for images in by_npz.values() if len(images) > 1]
    if clashes:
        more = f" (and {len(clashes) - 1} more such cases)" if len(clashes) > 1 else ""
        raise DataError(
            f"{' and '.join(clashes[0])} would become the same npz{more}",
            where=dataset,
            hint="rename one of them, or choose one kind with --suffix",
        )
