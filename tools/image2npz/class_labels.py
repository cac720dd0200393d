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


@functools.cache
def imagenet_synsets() -> tuple[str, ...]:
    """Return the synset of class 0, 1, ..., 999: sorted, as models count them."""
    folder = resources.files("image2npz").joinpath("data")
    return tuple(folder.joinpath("imagenet_synsets.txt").read_text("utf-8").split())


def read_synsets(path: Path) -> dict[str, str]:
    """Return the synset of each image named in a labels file, by its name or stem.

    Args:
        path: ``name synset`` or ``name index`` lines, indices from 0.

    Raises:
        DataError: The file cannot be read, a line is neither form, a number is no class, a
            name stands there twice with different classes, or the lines are bare numbers:
            those of the competition's ground truth count the classes in an order of its
            own, which is no model's and cannot be told from the numbers.
    """
    lines = [line.strip() for line in read_lines(path, "labels file")]
    if not lines:
        raise DataError("holds no label: the file is empty", where=path)
    if all(_NUMBER.match(line) for line in lines):
        raise DataError(
            "holds numbers without names; ILSVRC2012's ground truth counts the classes from 1 "
            "in an order of its own, which is not the sorted one that models use",
            where=path,
            hint="use a labels file of 'NAME INDEX' or 'NAME SYNSET' lines",
        )
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
    in_order = imagenet_synsets()
    if int(text) >= len(in_order):
        raise DataError(
            f"class {text} is none of ImageNet-1k: indices go from 0 to {len(in_order) - 1}",
            where=where,
        )
    return in_order[int(text)]
