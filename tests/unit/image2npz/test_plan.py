# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from image2npz.plan import Pair, plan_pairs
from vackit.errors import DataError, UsageError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_plan_pairs_keeps_folders_and_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "n2/img10.JPEG", "n2/img2.png", "n1/a.b.jpg")
    assert plan_pairs(tmp_path, None) == [
        Pair("n1/a.b.jpg", "n1/a.b.npz"),
        Pair("n2/img2.png", "n2/img2.npz"),
        Pair("n2/img10.JPEG", "n2/img10.npz"),
    ]


def test_plan_pairs_narrows_to_a_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.PNG")
    assert plan_pairs(tmp_path, "png") == [Pair("a.PNG", "a.npz")]


def test_plan_pairs_refuses_two_images_of_one_npz(tmp_path: Path) -> None:
    touch(tmp_path, "n1/a.jpg", "n1/a.png", "b.jpg", "b.bmp", "n2/a.jpg")
    with pytest.raises(DataError, match=r"b\.bmp and b\.jpg would become .*\(and 1 more such"):
        plan_pairs(tmp_path, None)


def test_plan_pairs_names_both_images(tmp_path: Path) -> None:
    touch(tmp_path, "n1/a.jpg", "n1/a.png")
    with pytest.raises(DataError, match=r"n1/a\.jpg and n1/a\.png would become the same npz\n"):
        plan_pairs(tmp_path, None)


def test_plan_pairs_refuses_a_suffix_that_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--suffix: 'npz' is not the suffix of an image; known: "):
        plan_pairs(tmp_path, "npz")


@pytest.mark.parametrize("name", [b"a\nb.jpg", b"a\xff.jpg"], ids=["line end", "no UTF-8"])
def test_plan_pairs_refuses_names_that_break_a_datalist(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    with pytest.raises(DataError, match="cannot stand in a datalist"):
        plan_pairs(tmp_path, None)


def test_plan_pairs_takes_names_in_any_script(tmp_path: Path) -> None:
    touch(tmp_path, "日本 ä.jpg")
    assert plan_pairs(tmp_path, None) == [Pair("日本 ä.jpg", "日本 ä.npz")]
