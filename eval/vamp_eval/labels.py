# SPDX-License-Identifier: Apache-2.0
"""The true class of each image: from a label file by name, or from its class folder."""

import functools
import logging
import re
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path, PurePosixPath

from vackit.data.labels import SYNSET, ClassList, TruthTable, read_labels
from vackit.data.names import join_names
from vackit.errors import EvaluationError

_log = logging.getLogger(__name__)

_INTEGER = re.compile(r"[0-9]{1,9}\Z")


def load_synsets() -> tuple[str, ...]:
    """Return the 1000 synsets of ImageNet-1k in class order."""
    return _lines("imagenet_synsets.txt")


def load_class_names() -> tuple[str, ...]:
    """Return the 1000 class names of ImageNet-1k in class order; two are called crane."""
    return _lines("imagenet_classes.txt")


@functools.cache
def _lines(name: str) -> tuple[str, ...]:
    text = resources.files("vamp_eval").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def true_classes(
    names: Sequence[str], num_classes: int | None, label: Path | None, where: str
) -> list[int]:
    """Return the true class index of each image.

    Args:
        names: Paths of the images or of their npz files.
        num_classes: Number of classes of the model, ``None`` where it is not known.
        label: A label file: ``name index`` lines, or a class list; without one, or with a
            class list, the truth is each image's folder.
        where: Where the names come from, for errors.

    Raises:
        DataError: The label file cannot be read.
        EvaluationError: An image has no label or two, its folder is no class, or a class
            is none of the model's.
    """
    labels = None if label is None else read_labels(label)
    if isinstance(labels, TruthTable):
        truth = _from_table(names, labels, where)
        _compare_with_folders(names, truth, num_classes, labels)
    else:
        truth = _from_folders(names, labels, where)
        if labels is not None:
            _check_range(names, truth, len(labels.names), str(labels.path))
    if num_classes is not None:
        _check_range(names, truth, num_classes, "the model")
    return truth


def _from_table(names: Sequence[str], table: TruthTable, where: str) -> list[int]:
    keys = join_names(
        names, list(table.indices), where=where, what="label", pool_name=str(table.path)
    )
    return [table.indices[key] for key in keys]


def _from_folders(names: Sequence[str], classes: ClassList | None, where: str) -> list[int]:
    synsets = (classes.synsets if classes is not None else ()) or load_synsets()
    index_of = {synset: index for index, synset in enumerate(synsets)}
    return [_folder_class(name, index_of, where) for name in names]


def _folder_class(name: str, index_of: dict[str, int], where: str) -> int:
    folder = PurePosixPath(name.replace("\\", "/")).parent.name
    if folder in index_of:
        return index_of[folder]
    if _INTEGER.match(folder):
        return int(folder)
    what = "a synset, but none of the classes" if SYNSET.match(folder) else "no class"
    raise EvaluationError(
        f"the folder of '{name}' is {what}; expected a known synset or a class index",
        where=where,
        hint="add --label with a file of 'name index' lines",
    )


def _check_range(names: Sequence[str], truth: Sequence[int], size: int, whose: str) -> None:
    for name, index in zip(names, truth, strict=True):
        if index >= size:
            raise EvaluationError(
                f"the true class of '{name}' is {index}, but {whose} has {size} classes",
                hint="add --label with a file of 'name index' lines for these classes",
            )


def _compare_with_folders(
    names: Sequence[str], truth: Sequence[int], num_classes: int | None, table: TruthTable
) -> None:
    """Warn where a label file contradicts the synset folders: likely another class order."""
    synsets = load_synsets()
    if num_classes not in (None, len(synsets)) or max(truth, default=0) < 9:
        return
    index_of = {synset: index for index, synset in enumerate(synsets)}
    folders = [PurePosixPath(name.replace("\\", "/")).parent.name for name in names]
    pairs = [
        (folder, index) for folder, index in zip(folders, truth, strict=True) if folder in index_of
    ]
    differing = [pair for pair in pairs if index_of[pair[0]] != pair[1]]
    if differing:
        folder, index = Counter(differing).most_common(1)[0][0]
        _log.warning(
            "%s: %d of %d labels differ from the class folders, e.g. %s is class %d of ImageNet, "
            "the file says %d; the file is used",
            *(table.path, len(differing), len(pairs), folder, index_of[folder], index),
        )
