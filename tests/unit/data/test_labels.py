# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.data.labels import ClassList, TruthTable, read_class_list, read_labels
from vackit.errors import DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.txt"


def test_read_labels_reads_names_and_indices(path: Path) -> None:
    path.write_text("ILSVRC2012_val_00000001.JPEG 65\nn1/b\t970\nmy photo.jpg 0\n")
    labels = read_labels(path)
    assert isinstance(labels, TruthTable)
    assert labels.indices == {"ILSVRC2012_val_00000001.JPEG": 65, "n1/b": 970, "my photo.jpg": 0}


def test_read_labels_reads_class_names(path: Path) -> None:
    path.write_text("tench, Tinca tinca\ngoldfish\ncrane\ncrane")
    labels = read_labels(path)
    assert isinstance(labels, ClassList)
    assert labels.names == ("tench, Tinca tinca", "goldfish", "crane", "crane")
    assert labels.synsets == ()


def test_read_labels_reads_synsets_with_and_without_names(path: Path) -> None:
    path.write_text("n01440764 tench, Tinca tinca\nn01443537\n")
    labels = read_labels(path)
    assert isinstance(labels, ClassList)
    assert labels.synsets == ("n01440764", "n01443537")
    assert labels.names == ("tench, Tinca tinca", "n01443537")


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1", "2"],
        ["class 0", "class 1", "class 2"],
        ["Acura TL Sedan 2012", "BMW M3 Coupe 2012", "Audi S4 Sedan 2007"],
        ["Boeing 747", "Airbus A380", "DC-3"],
    ],
    ids=["digits", "numbered", "cars", "planes"],
)
def test_read_labels_takes_classes_that_end_in_numbers_for_classes(
    path: Path, names: list[str]
) -> None:
    path.write_text("\n".join(names))
    labels = read_labels(path)
    assert isinstance(labels, ClassList)
    assert list(labels.names) == names


def test_read_labels_takes_the_same_line_twice(path: Path) -> None:
    path.write_text("a.jpg 1\na.jpg 1\nb.jpg 2\n")
    labels = read_labels(path)
    assert isinstance(labels, TruthTable)
    assert labels.indices == {"a.jpg": 1, "b.jpg": 2}


def test_read_labels_of_one_image_with_two_classes_is_an_error(path: Path) -> None:
    path.write_text("a.jpg 1\nb.jpg 2\na.jpg 3\n")
    with pytest.raises(DataError, match=r"labels\.txt:3: 'a\.jpg' has class 3 here and 1 before"):
        read_labels(path)


@pytest.mark.parametrize("line", ["b.jpg", "b.jpg x", "b.jpg -1"], ids=["none", "text", "minus"])
def test_read_labels_names_the_line_without_index(path: Path, line: str) -> None:
    path.write_text(f"a.jpg 1\n{line}\nc.jpg 2\nd.jpg 3\n")
    with pytest.raises(DataError, match=rf"txt:2: '{line}' is not a name and a class index from"):
        read_labels(path)


def test_read_labels_of_an_empty_line_is_an_error(path: Path) -> None:
    path.write_text("tench\n\ngoldfish\n")
    with pytest.raises(DataError, match=r"labels\.txt:2: an empty line between labels"):
        read_labels(path)


def test_read_labels_of_an_empty_file_is_an_error(path: Path) -> None:
    path.touch()
    with pytest.raises(DataError, match="holds no label: the file is empty"):
        read_labels(path)


def test_read_labels_of_a_missing_file_is_an_error(path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the label file: no such file"):
        read_labels(path)


def test_read_labels_of_a_repeated_synset_is_an_error(path: Path) -> None:
    path.write_text("n01440764 tench\nn01440764 goldfish\n")
    with pytest.raises(DataError, match="synset n01440764 stands there twice"):
        read_labels(path)


def test_read_class_list_refuses_a_truth_file(path: Path) -> None:
    path.write_text("a.jpg 1\nb.jpg 2\n")
    with pytest.raises(DataError, match="holds 'name index' lines, expected the names of"):
        read_class_list(path)


def test_read_labels_knows_the_shared_files(shared: Path) -> None:
    kinds = {
        name: type(read_labels(shared / "imagenet" / name))
        for name in ("val_label.txt", "classes.txt", "synsets.txt", "coarse9_names.txt")
    }
    assert kinds["val_label.txt"] is TruthTable
    assert {kinds[name] for name in kinds if name != "val_label.txt"} == {ClassList}
