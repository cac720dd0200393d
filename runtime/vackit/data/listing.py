# SPDX-License-Identifier: Apache-2.0
"""Find the images below a folder, in natural order."""

import os
import re
from pathlib import Path

from vackit.errors import DataError

# What OpenCV decodes to 8-bit color, by the suffixes in use; compared in lower case
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".gif", ".jp2", ".avif"),
)

NaturalKey = tuple[tuple[tuple[tuple[int, int, str], ...], str], ...]

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(text: str) -> NaturalKey:
    """Return a sort key that orders numbers inside ``text`` by value, folder by folder.

    ``img2`` comes before ``img10``, and everything in ``a/`` stands together. Equal values
    written differently (``1``, ``01``) have one fixed order, so the order is total.
    """
    return tuple(
        (tuple(_piece_key(piece) for piece in _DIGITS.split(name) if piece), name)
        for name in text.split("/")
    )


def _piece_key(piece: str) -> tuple[int, int, str]:
    if piece[0] not in "0123456789":
        return (1, 0, piece)
    # by length, then as text: int() refuses more than 4300 digits
    digits = piece.lstrip("0")
    return (0, len(digits), digits)


def list_images(root: Path, suffix: str | None = None) -> list[Path]:
    """Return the files below ``root`` that a suffix calls images, in natural order.

    Folders are searched through links too, each real folder once on the way down, so a
    link that leads back up ends there. Names that start with a dot are left out.

    Args:
        root: The folder to search.
        suffix: Take only this suffix (``"JPEG"`` or ``".jpeg"``, any case) instead of
            all of `IMAGE_SUFFIXES`.

    Returns:
        ``root`` joined with each relative path, ordered by that path.

    Raises:
        DataError: ``root`` is no folder, or holds no such file.
    """
    if not root.is_dir():
        fact = "is not a folder" if root.exists() else "no such folder"
        raise DataError(fact, where=root)
    files = _walk(root)
    wanted = IMAGE_SUFFIXES if suffix is None else (f".{suffix.lower().lstrip('.')}",)
    found = [path for path in files if path.suffix.lower() in wanted]
    if not found:
        raise _nothing_found(root, suffix, files)
    return sorted(found, key=lambda path: natural_key(path.relative_to(root).as_posix()))


def _walk(root: Path) -> list[Path]:
    files: list[Path] = []
    pending: list[tuple[Path, frozenset[str]]] = [(root, frozenset())]
    while pending:
        folder, above = pending.pop()
        real = os.path.realpath(folder)
        if real in above:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    pending.append((folder / entry.name, above | {real}))
                else:
                    files.append(folder / entry.name)
    return files


def _nothing_found(root: Path, suffix: str | None, files: list[Path]) -> DataError:
    what = "an image suffix" if suffix is None else f".{suffix.lstrip('.')}"
    if not files:
        return DataError(f"has no files ending in {what}: it is empty", where=root)
    example = min(files, key=lambda path: natural_key(path.relative_to(root).as_posix()))
    return DataError(
        f"has no files ending in {what} ({len(files)} files seen, e.g. '{example.name}')",
        where=root,
    )
