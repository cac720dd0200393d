# SPDX-License-Identifier: Apache-2.0
"""Read which synset each validation image shows. Reads label files."""

import functools
import re
from importlib import resources
from pathlib import Path

from vackit.data.datalist import read_lines
from vackit.data.labels import SYNSET
from vackit.errors import DataError

_NAMED = re.compile(r"(\S.*?)\s+(n[0-9]{8}|[0-9]{1,9})\Z")
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_VAL_NAME = re.compile(r"ILSVRC2012_val_([0-9]{8})\Z")


@functools.cache
def synsets_by_id() -> tuple[str, ...]:
    """Return the synset of ILSVRC2012_ID 1, 2, ..., 1000.

    The competition numbers the classes in an order of its own; sorted, the same synsets are
    in the order in which models count them.
    """
    folder = resources.files("image2npz").joinpath("data")
    return tuple(folder.joinpath("ilsvrc2012_synsets_by_id.txt").read_text("utf-8").split())


def read_synsets(path: Path, stems: list[str]) -> dict[str, str]:
    """Return the synset of each image named in a labels file, by its name or stem.

    Args:
        path: ``name synset`` or ``name index`` lines, or the competition's ground truth,
            one number a line.
        stems: The images' names without suffix; the ground truth names none itself.

    Raises:
        DataError: The file cannot be read, a line is neither form, a number is no class, a
            name stands there twice with different classes, or an image of the ground truth
            is not called ``ILSVRC2012_val_NNNNNNNN``.
    """
    lines = [line.strip() for line in read_lines(path, "labels file")]
    if not lines:
        raise DataError("holds no label: the file is empty", where=path)
    if all(_NUMBER.match(line) for line in lines):
        return _ground_truth(lines, path, stems)
    labels: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        found = _NAMED.match(line)
        where = f"{path}:{number}"
        if found is None:
            raise DataError(f"'{line}' is neither 'NAME SYNSET' nor 'NAME INDEX'", where=where)
        synset = _synset(found[2], where)
        if labels.setdefault(found[1], synset) != synset:
            raise DataError(
                f"'{found[1]}' is {synset} here and {labels[found[1]]} before", where=where
            )
    return labels


def _synset(text: str, where: str) -> str:
    if SYNSET.match(text):
        return text
    in_order = sorted(synsets_by_id())
    if int(text) >= len(in_order):
        raise DataError(
            f"class {text} is none of ImageNet-1k: indices go from 0 to {len(in_order) - 1}",
            where=where,
        )
    return in_order[int(text)]


def _ground_truth(lines: list[str], path: Path, stems: list[str]) -> dict[str, str]:
    """Translate the competition's numbers; line N belongs to the image with number N."""
    for number, line in enumerate(lines, 1):
        if not 1 <= int(line) <= len(synsets_by_id()):
            raise DataError(
                f"{line} is no ILSVRC2012_ID (1 to {len(synsets_by_id())}): numbers without "
                "names are read as the competition's ground truth",
                where=f"{path}:{number}",
                hint="write 'NAME INDEX' lines for indices from 0",
            )
    for stem in stems:
        if not _VAL_NAME.match(stem):
            raise DataError(
                f"names no images, and '{stem}' is not called ILSVRC2012_val_NNNNNNNN, so no "
                "line belongs to it",
                where=path,
                hint="use a labels file of 'NAME INDEX' lines",
            )
    by_id = synsets_by_id()
    return {f"ILSVRC2012_val_{n:08d}": by_id[int(line) - 1] for n, line in enumerate(lines, 1)}
