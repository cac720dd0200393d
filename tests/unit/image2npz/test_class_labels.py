# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from image2npz.class_labels import read_synsets, synsets_by_id
from vackit.errors import DataError
from vamp_eval.labels import load_synsets

STEMS = [f"ILSVRC2012_val_{n:08d}" for n in range(1, 21)]
# The first twenty validation images: the competition's ground truth, and the class index
# that the widely used `name index` list gives them
GROUND_TRUTH = [
    *(490, 361, 171, 822, 297, 482, 13, 704, 599, 164),
    *(649, 11, 73, 286, 554, 6, 648, 399, 749, 545),
]
INDICES = [
    *(65, 970, 230, 809, 516, 57, 334, 415, 674, 332),
    *(109, 286, 370, 757, 595, 147, 108, 23, 478, 517),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.txt"


def test_synsets_by_id_are_imagenets_in_another_order() -> None:
    assert sorted(synsets_by_id()) == list(load_synsets())
    assert list(synsets_by_id()) != list(load_synsets())


def test_read_synsets_translates_the_ground_truth(path: Path) -> None:
    path.write_text("".join(f"{number}\n" for number in GROUND_TRUTH))
    labels = read_synsets(path, STEMS)
    assert labels == {s: load_synsets()[i] for s, i in zip(STEMS, INDICES, strict=True)}


def test_read_synsets_reads_indices_and_synsets(path: Path) -> None:
    path.write_text("a.JPEG 65\nn1/b n01440764\n")
    assert read_synsets(path, []) == {"a.JPEG": "n01751748", "n1/b": "n01440764"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no label: the file is empty"),
        ("a.JPEG 1000\n", r"txt:1: class 1000 is none of ImageNet-1k: indices go from 0 to 999"),
        ("a.JPEG 1\nb.JPEG\n", r"txt:2: 'b\.JPEG' is neither 'NAME SYNSET' nor 'NAME INDEX'"),
        ("a 1\na 2\n", r"txt:2: 'a' is n01484850 here and n01443537 before"),
        ("490\n0\n", r"txt:2: 0 is no ILSVRC2012_ID \(1 to 1000\).*\n.*NAME INDEX"),
        ("490\n1001\n", r"txt:2: 1001 is no ILSVRC2012_ID"),
    ],
    ids=["empty", "index", "form", "twice", "zero", "above"],
)
def test_read_synsets_says_what_is_wrong(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_synsets(path, STEMS)


def test_read_synsets_joins_the_ground_truth_by_number_only(path: Path) -> None:
    path.write_text("490\n361\n")
    with pytest.raises(DataError, match="'cat' is not called ILSVRC2012_val_NNNNNNNN"):
        read_synsets(path, ["ILSVRC2012_val_00000001", "cat"])
