# SPDX-License-Identifier: Apache-2.0
"""Read label files: what class each image shows, and what the classes are called.

Two kinds are told apart by their content:

- *truth*: ``name index`` lines (``ILSVRC2012_val_00000001.JPEG 65``); the name of an image
  with or without folders and suffix, and a class index from 0;
- *class list*: one class a line, in class order: a name (``tench, Tinca tinca``), a synset
  with a name (``n01440764 tench``) or a bare synset.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from vackit.data.datalist import read_lines
from vackit.errors import DataError

SYNSET = re.compile(r"n[0-9]{8}\Z")

_TRUTH = re.compile(r"(\S.*?)\s+([0-9]{1,9})\Z")
_SYNSET_LINE = re.compile(r"(n[0-9]{8})(?:[\s,:]+(\S.*))?\Z")
_FILE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{2,5}\Z")


@dataclass(frozen=True)
class TruthTable:
    """The true class index of images by name."""

    path: Path
    indices: dict[str, int]


@dataclass(frozen=True)
class ClassList:
    """The classes in order; ``synsets`` is empty where the file does not give them."""

    path: Path
    names: tuple[str, ...]
    synsets: tuple[str, ...] = ()


def read_labels(path: Path) -> TruthTable | ClassList:
    """Read a label file of either kind.

    Raises:
        DataError: The file cannot be read or is empty, a line is empty, or a truth file has
            a line of another form or one image with two classes.
    """
    lines = [line.strip() for line in read_lines(path, "label file")]
    if not lines:
        raise DataError("holds no label: the file is empty", where=path)
    for number, line in enumerate(lines, 1):
        if not line:
            raise DataError("an empty line between labels", where=f"{path}:{number}")
    if _is_truth(lines):
        return TruthTable(path, _truth(lines, path))
    return _class_list(lines, path)


def read_class_list(path: Path) -> ClassList:
    """Read a class list.

    Raises:
        DataError: As `read_labels`, or the file is a truth file.
    """
    labels = read_labels(path)
    if isinstance(labels, TruthTable):
        raise DataError(
            "holds 'name index' lines, expected the names of the classes, one a line", where=path
        )
    return labels


def _is_truth(lines: list[str]) -> bool:
    """Tell the kinds apart: most lines are ``name index``, and no name stands there twice.

    A class may end in a number too (``class 7``, ``Acura TL Sedan 2012``): such names
    repeat, or have spaces and no file suffix.
    """
    names = [found[1] for line in lines if (found := _TRUTH.match(line))]
    names = [name for name in names if " " not in name or _FILE_SUFFIX.search(name)]
    return 2 * len(names) > len(lines) and 2 * len(set(names)) > len(names)


def _truth(lines: list[str], path: Path) -> dict[str, int]:
    indices: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        found = _TRUTH.match(line)
        if found is None:
            raise DataError(
                f"'{line}' is not a name and a class index from 0", where=f"{path}:{number}"
            )
        name, index = found[1], int(found[2])
        if indices.setdefault(name, index) != index:
            raise DataError(
                f"'{name}' has class {index} here and {indices[name]} before",
                where=f"{path}:{number}",
            )
    return indices


def _class_list(lines: list[str], path: Path) -> ClassList:
    found = [_SYNSET_LINE.match(line) for line in lines]
    matches = [match for match in found if match is not None]
    if len(matches) < len(lines):
        return ClassList(path, tuple(lines))
    synsets = tuple(match[1] for match in matches)
    if len(set(synsets)) < len(synsets):
        twice = next(synset for synset in synsets if synsets.count(synset) > 1)
        raise DataError(f"synset {twice} stands there twice", where=path)
    return ClassList(path, tuple(match[2] or match[1] for match in matches), synsets)
