# SPDX-License-Identifier: Apache-2.0
import errno
from pathlib import Path

import pytest

from image2npz.sort_classes import Report, sort_into_classes
from vackit.errors import DataError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "flat"
    folder.mkdir()
    for number in range(1, 4):
        (folder / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(bytes([number]))
    return folder


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "val.txt"
    path.write_text("".join(f"ILSVRC2012_val_{n:08d}.JPEG {n // 2}\n" for n in (3, 1, 2)))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


EXPECTED = {
    "n01440764/ILSVRC2012_val_00000001.JPEG": b"\1",
    "n01443537/ILSVRC2012_val_00000002.JPEG": b"\2",
    "n01443537/ILSVRC2012_val_00000003.JPEG": b"\3",
}


def test_sort_into_classes_links_and_moves_nothing(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    before = tree(images)
    assert sort_into_classes(images, labels, tmp_path / "val") == Report(3, 2, 3)
    assert tree(tmp_path / "val") == EXPECTED
    link = tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.JPEG"
    assert link.readlink() == images / link.name
    assert tree(images) == before
    assert sorted(p.name for p in (tmp_path / "val").iterdir()) == ["n01440764", "n01443537"]


def test_sort_into_classes_copies_when_told(images: Path, labels: Path, tmp_path: Path) -> None:
    sort_into_classes(images, labels, tmp_path / "val", copy=True)
    assert tree(tmp_path / "val") == EXPECTED
    assert not any(path.is_symlink() for path in (tmp_path / "val").rglob("*"))
    assert sort_into_classes(images, labels, tmp_path / "val", copy=True).num_placed == 0


def test_sort_into_classes_links_are_absolute(
    images: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sort_into_classes(Path("flat"), Path("val.txt"), Path("val"))
    assert all(p.readlink().is_absolute() for p in Path("val").rglob("*.JPEG"))


def test_sort_into_classes_twice_changes_nothing(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    sort_into_classes(images, labels, tmp_path / "val")
    assert sort_into_classes(images, labels, tmp_path / "val") == Report(3, 2, 0)


def test_sort_into_classes_completes_what_is_there(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    sort_into_classes(images, labels, tmp_path / "val")
    (tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.JPEG").unlink()
    assert sort_into_classes(images, labels, tmp_path / "val").num_placed == 1
    assert tree(tmp_path / "val") == EXPECTED


def test_sort_into_classes_replaces_other_files_only_with_force(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.JPEG"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"1 files are something else .* n01440764/.*\n.*--force"):
        sort_into_classes(images, labels, tmp_path / "val")
    assert mine.read_bytes() == b"mine"
    sort_into_classes(images, labels, tmp_path / "val", force=True)
    assert tree(tmp_path / "val") == EXPECTED


def test_sort_into_classes_names_images_without_label(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    (images / "extra.JPEG").touch()
    with pytest.raises(DataError, match=r"val\.txt: has no label for extra\.JPEG"):
        sort_into_classes(images, labels, tmp_path / "val")
    assert not (tmp_path / "val").exists()


def test_sort_into_classes_names_labels_without_image(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    (images / "ILSVRC2012_val_00000002.JPEG").unlink()
    with pytest.raises(DataError, match=r"labels ILSVRC2012_val_00000002, but .*flat has no such"):
        sort_into_classes(images, labels, tmp_path / "val")


def test_sort_into_classes_counts_what_it_does_not_name(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    for number in range(12):
        (images / f"extra{number}.JPEG").touch()
    with pytest.raises(DataError, match=r"extra9\.JPEG and 2 more"):
        sort_into_classes(images, labels, tmp_path / "val")


def test_sort_into_classes_refuses_labels_that_contradict(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    labels.write_text(labels.read_text() + "val/ILSVRC2012_val_00000001.jpg 7\n")
    with pytest.raises(DataError, match="gives 'ILSVRC2012_val_00000001' two classes"):
        sort_into_classes(images, labels, tmp_path / "val")


def test_sort_into_classes_refuses_two_images_of_one_label(
    images: Path, labels: Path, tmp_path: Path
) -> None:
    (images / "ILSVRC2012_val_00000001.png").touch()
    with pytest.raises(DataError, match=r"_00000001\.JPEG and .*_00000001\.png have one label"):
        sort_into_classes(images, labels, tmp_path / "val")


@pytest.mark.parametrize("inside", [".", "val"], ids=["same", "below"])
def test_sort_into_classes_refuses_a_target_among_the_images(
    images: Path, labels: Path, inside: str
) -> None:
    with pytest.raises(DataError, match="lies in the folder of the images"):
        sort_into_classes(images, labels, images / inside)


def test_sort_into_classes_needs_a_flat_folder_of_images(labels: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        sort_into_classes(tmp_path / "none", labels, tmp_path / "val")
    with pytest.raises(DataError, match="is not a folder"):
        sort_into_classes(labels, labels, tmp_path / "val")
    (tmp_path / "deep" / "n1").mkdir(parents=True)
    (tmp_path / "deep" / "n1" / "a.jpg").touch()
    with pytest.raises(DataError, match="holds no image; its 1 folders are not searched"):
        sort_into_classes(tmp_path / "deep", labels, tmp_path / "val")


def test_sort_into_classes_says_where_links_are_not_possible(
    images: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(DataError, match=r"the file system takes no links\n.*--copy"):
        sort_into_classes(images, labels, tmp_path / "val")
    monkeypatch.undo()
    assert sort_into_classes(images, labels, tmp_path / "val", copy=True).num_placed == 3


def test_sort_into_classes_sorts_the_shared_images(shared: Path, tmp_path: Path) -> None:
    source = shared / "imagenet" / "val"
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in source.rglob("*.JPEG"):
        (flat / path.name).symlink_to(path)
    report = sort_into_classes(flat, shared / "imagenet" / "val_label.txt", tmp_path / "val")
    assert report.num_images == 487
    placed = sorted(p.relative_to(tmp_path / "val") for p in (tmp_path / "val").rglob("*.JPEG"))
    assert placed == sorted(path.relative_to(source) for path in source.rglob("*.JPEG"))
