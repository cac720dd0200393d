# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.errors import EvaluationError
from vamp_eval.labels import load_class_names, load_synsets, true_classes


@pytest.fixture
def label(tmp_path: Path) -> Path:
    return tmp_path / "label.txt"


def test_shipped_classes_are_imagenet_in_order() -> None:
    synsets, names = load_synsets(), load_class_names()
    assert len(synsets) == len(names) == 1000
    assert list(synsets) == sorted(set(synsets))
    assert (synsets[0], names[0]) == ("n01440764", "tench, Tinca tinca")
    assert (synsets[134], synsets[517]) == ("n02012849", "n03126707")
    assert [index for index, name in enumerate(names) if name == "crane"] == [134, 517]


def test_shipped_classes_are_the_shared_ones(shared: Path) -> None:
    folder = shared / "imagenet"
    assert list(load_synsets()) == (folder / "synsets.txt").read_text().split()
    assert list(load_class_names()) == (folder / "classes.txt").read_text().splitlines()


def test_true_classes_come_from_synset_folders() -> None:
    names = ["/d/n01443537/a.npz", "n03126707/b.JPEG", "C:\\d\\n01440764\\c.npz"]
    assert true_classes(names, 1000, None, "here") == [1, 517, 0]


def test_true_classes_come_from_integer_folders() -> None:
    assert true_classes(["/d/7/a.npz", "/d/007/b.npz"], 10, None, "here") == [7, 7]


def test_true_classes_of_another_folder_are_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"folder of '/d/cats/a\.npz' is no class.*\n.*--lab"):
        true_classes(["/d/cats/a.npz"], 10, None, "here")
    with pytest.raises(EvaluationError, match="is a synset, but none of the classes"):
        true_classes(["/d/n00000001/a.npz"], 1000, None, "here")


def test_true_classes_beyond_the_model_are_an_error() -> None:
    with pytest.raises(
        EvaluationError, match=r"class of '/d/n03126707/a\.npz' is 517, but the model has 9 classe"
    ):
        true_classes(["/d/n03126707/a.npz"], 9, None, "here")


def test_true_classes_come_from_a_truth_file(label: Path) -> None:
    label.write_text("b.JPEG 3\na.JPEG 8\nunused.JPEG 1\n")
    assert true_classes(["/d/n1/a.npz", "/d/n1/b.npz"], 9, label, "here") == [8, 3]


def test_true_classes_without_label_are_an_error(label: Path) -> None:
    label.write_text("b.JPEG 3\nc.JPEG 3\n")
    with pytest.raises(EvaluationError, match=r"'/d/a\.npz' has none .*every name needs one label"):
        true_classes(["/d/a.npz"], 9, label, "here")


def test_true_classes_warn_where_file_and_folders_disagree(
    label: Path, caplog: pytest.LogCaptureFixture
) -> None:
    label.write_text("a.JPEG 490\nb.JPEG 0\n")
    names = ["/d/n01751748/a.npz", "/d/n01440764/b.npz"]
    assert true_classes(names, 1000, label, "here") == [490, 0]
    assert "1 of 2 labels differ from the class folders" in caplog.text
    assert "n01751748 is class 65 of ImageNet, the file says 490" in caplog.text


def test_true_classes_do_not_warn_about_other_classes(
    label: Path, caplog: pytest.LogCaptureFixture
) -> None:
    label.write_text("a.JPEG 3\nb.JPEG 0\n")
    true_classes(["/d/n01751748/a.npz", "/d/n01440764/b.npz"], 9, label, "here")
    assert caplog.text == ""


def test_true_classes_follow_the_synsets_of_a_class_list(label: Path) -> None:
    label.write_text("n03126707 crane\nn02012849 crane\n")
    names = ["/d/n02012849/a.npz", "/d/n03126707/b.npz"]
    assert true_classes(names, 2, label, "here") == [1, 0]


def test_true_classes_must_be_in_the_class_list(label: Path) -> None:
    label.write_text("cat\ndog\n")
    assert true_classes(["/d/1/a.npz"], 2, label, "here") == [1]
    with pytest.raises(EvaluationError, match=r"is 2, but .*label\.txt has 2 classes"):
        true_classes(["/d/2/a.npz"], None, label, "here")
