# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from image2npz.class_labels import imagenet_synsets, read_synsets
from vackit.errors import DataError
from vamp_eval.labels import load_synsets


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.txt"


def test_imagenet_synsets_are_those_of_the_evaluation() -> None:
    assert imagenet_synsets() == tuple(load_synsets())


def test_read_synsets_reads_indices_and_synsets(path: Path) -> None:
    path.write_text("a.JPEG 65\nn1/b n01440764\n")
    assert read_synsets(path) == {"a.JPEG": "n01751748", "n1/b": "n01440764"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no label: the file is empty"),
        ("a.JPEG 1000\n", r"txt:1: class 1000 is none of ImageNet-1k: indices go from 0 to 999"),
        ("a.JPEG 1\nb.JPEG\n", r"txt:2: 'b\.JPEG' is neither 'NAME SYNSET' nor 'NAME INDEX'"),
        ("a 1\na 2\n", r"txt:2: 'a' is n01484850 here and n01443537 before"),
        ("490\n361\n", r"numbers without names.*\n.*'NAME INDEX' or 'NAME SYNSET'"),
    ],
    ids=["empty", "index", "form", "twice", "ground-truth"],
)
def test_read_synsets_says_what_is_wrong(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_synsets(path)
