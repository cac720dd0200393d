# SPDX-License-Identifier: Apache-2.0
"""Put images of a flat folder into class folders, as links or copies; nothing is moved."""

import errno
import filecmp
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from image2npz.class_labels import read_synsets
from vackit.data.listing import IMAGE_SUFFIXES, natural_key
from vackit.data.names import name_parts
from vackit.errors import DataError
from vackit.files import temporary_folder


@dataclass(frozen=True)
class Report:
    """What was done; ``num_placed`` images were not there before."""

    num_images: int
    num_classes: int
    num_placed: int


def sort_into_classes(
    images: Path, labels: Path, target: Path, *, copy: bool = False, force: bool = False
) -> Report:
    """Make ``target/SYNSET/NAME`` for every image of the flat folder ``images``.

    All names are checked before the first link is made.

    Args:
        images: The folder; its subfolders are not searched.
        labels: As `image2npz.class_labels.read_synsets`.
        target: Outside of ``images``.
        copy: Copy instead of linking; links are absolute.
        force: Replace files that are something else.

    Raises:
        DataError: An image has no label or a label no image, or a file of the target is
            something else.
    """
    found = _flat_images(images)
    if images.resolve() in (target.resolve(), *target.resolve().parents):
        raise DataError(
            f"lies in the folder of the images, {images}",
            where=target,
            hint="choose a --target outside of it",
        )
    synsets = _join(found, labels)
    places = {path: target / synsets[path] / path.name for path in found}
    todo = [path for path, place in places.items() if not _is_there(path, place, copy)]
    taken = [place for path in todo if os.path.lexists(place := places[path])]
    if taken and not force:
        raise DataError(
            f"{len(taken)} files are something else than what would be put there, the first "
            f"is {taken[0].relative_to(target)}",
            where=target,
            hint="choose another --target, or add --force to replace them",
        )
    with temporary_folder(target) as scratch:
        for path in todo:
            _place(path.resolve(), places[path], scratch / "new", copy)
    return Report(len(found), len(set(synsets.values())), len(todo))


def _flat_images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        fact = "is not a folder" if folder.exists() else "no such folder"
        raise DataError(fact, where=folder)
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    ]
    if not found:
        folders = sum(path.is_dir() for path in folder.iterdir())
        inside = f"; its {folders} folders are not searched" if folders else ""
        raise DataError(f"holds no image{inside}", where=folder)
    return sorted(found, key=lambda path: natural_key(path.name))


def _join(found: list[Path], labels: Path) -> dict[Path, str]:
    """Return the synset of each image; names may leave out folders and the suffix."""
    stems = {path: name_parts(path.name)[-1] for path in found}
    by_stem: dict[str, str] = {}
    for name, synset in read_synsets(labels).items():
        stem = name_parts(name)[-1]
        if by_stem.setdefault(stem, synset) != synset:
            raise DataError(f"gives '{stem}' two classes", where=labels)
    images: dict[str, Path] = {}
    for path, stem in stems.items():
        if stem in images:
            raise DataError(f"{images[stem].name} and {path.name} have one label", where=labels)
        images[stem] = path
    if unlabeled := [path.name for stem, path in images.items() if stem not in by_stem]:
        raise DataError(f"has no label for {_some(unlabeled)}", where=labels)
    if missing := [stem for stem in by_stem if stem not in images]:
        raise DataError(
            f"labels {_some(missing)}, but {found[0].parent} has no such image", where=labels
        )
    return {path: by_stem[stem] for path, stem in stems.items()}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def _is_there(source: Path, place: Path, copy: bool) -> bool:
    if copy:
        is_copy = place.is_file() and not place.is_symlink()
        return is_copy and filecmp.cmp(source, place, shallow=True)
    return place.is_symlink() and place.readlink() == source.resolve()


def _place(source: Path, place: Path, temporary: Path, copy: bool) -> None:
    if copy:
        shutil.copy2(source, temporary)
    else:
        try:
            temporary.symlink_to(source)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            raise DataError(
                "the file system takes no links", where=place.parent.parent, hint="add --copy"
            ) from error
    place.parent.mkdir(exist_ok=True)
    temporary.replace(place)
