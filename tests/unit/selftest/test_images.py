# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.errors import DataError
from vackit.selftest.digits import DigitSet
from vackit.selftest.images import write_images


def _digits() -> DigitSet:
    images = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8)
    return DigitSet(images, np.array([7, 0], np.uint8), np.array([3, 1234], np.uint16))


def test_write_images_puts_each_digit_into_its_class_folder(tmp_path: Path) -> None:
    part = _digits()
    assert write_images(part, tmp_path) == 2
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert found == ["0/digit_1234.png", "7/digit_0003.png"]
    image = cv2.imread(str(tmp_path / "7" / "digit_0003.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image, part.images[0])


def test_write_images_leaves_the_same_file_as_it_is(tmp_path: Path) -> None:
    write_images(_digits(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert write_images(_digits(), tmp_path) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")} == before


def test_write_images_mends_a_damaged_file(tmp_path: Path) -> None:
    write_images(_digits(), tmp_path)
    (tmp_path / "7" / "digit_0003.png").write_bytes(b"half a fi")
    assert write_images(_digits(), tmp_path) == 1


def test_write_images_refuses_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cat.png").touch()
    with pytest.raises(DataError, match=r"cat\.png: is none of the embedded digits"):
        write_images(_digits(), tmp_path)
