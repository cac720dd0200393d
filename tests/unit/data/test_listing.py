# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vackit.data.listing import list_images, natural_key
from vackit.errors import DataError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(root: Path, suffix: str | None = None) -> list[str]:
    return [path.relative_to(root).as_posix() for path in list_images(root, suffix)]


def test_natural_key_orders_numbers_by_value() -> None:
    given_names = ["img10.jpg", "img2.jpg", "img1.jpg", "a.jpg"]
    assert sorted(given_names, key=natural_key) == ["a.jpg", "img1.jpg", "img2.jpg", "img10.jpg"]


def test_natural_key_keeps_folders_together() -> None:
    given_names = ["a-1/1", "a/2", "a/10", "a-1/0"]
    assert sorted(given_names, key=natural_key) == ["a/2", "a/10", "a-1/0", "a-1/1"]


def test_natural_key_takes_numbers_of_any_length() -> None:
    long = "1" * 5000  # int() refuses more than 4300 digits
    assert sorted([f"{long}0", long], key=natural_key) == [long, f"{long}0"]


@given(st.lists(st.text(alphabet="a01/.é", max_size=8), unique=True))
def test_natural_key_is_total(texts: list[str]) -> None:
    keys = [natural_key(text) for text in texts]
    assert len(set(keys)) == len(texts)
    assert all((a < b) != (b < a) for a in keys for b in keys if a != b)


def test_list_images_takes_all_image_suffixes_in_any_case(tmp_path: Path) -> None:
    touch(tmp_path, "n1/b.JPEG", "n1/a.png", "n0/c.Bmp", "n0/readme.txt", "n0/d.npz")
    assert names(tmp_path) == ["n0/c.Bmp", "n1/a.png", "n1/b.JPEG"]


@pytest.mark.parametrize("suffix", ["JPEG", ".jpeg", "jpeg"])
def test_list_images_narrows_to_one_suffix(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, "a.JPEG", "b.jpeg", "c.jpg")
    assert names(tmp_path, suffix) == ["a.JPEG", "b.jpeg"]


def test_list_images_leaves_out_hidden_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "._a.jpg", ".cache/b.jpg")
    assert names(tmp_path) == ["a.jpg"]


def test_list_images_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    found = names(tmp_path)
    assert "real/a.jpg" in found
    assert "linked/a.jpg" in found
    assert len(found) < 10


def test_list_images_of_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no files ending in an image suffix: it is empty"):
        list_images(tmp_path)


def test_list_images_without_match_says_what_is_there(tmp_path: Path) -> None:
    touch(tmp_path, "x.png", "y.png")
    with pytest.raises(DataError, match=r"no files ending in \.JPEG \(2 files seen, e\.g\. 'x"):
        list_images(tmp_path, "JPEG")


def test_list_images_needs_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(DataError, match="is not a folder"):
        list_images(tmp_path / "file")
    with pytest.raises(DataError, match="no such folder"):
        list_images(tmp_path / "none")
