# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vackit.data.npz import (
    npz_bytes,
    npz_fingerprint,
    read_image_input,
    read_inputs,
    read_npz,
    write_npz,
)
from vackit.errors import DataError


def test_write_npz_is_read_by_numpy(tmp_path: Path) -> None:
    image = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    write_npz(tmp_path / "n1" / "a.npz", {"input_0": image, "input_name": np.array("/x/ä.npz")})
    with np.load(tmp_path / "n1" / "a.npz", allow_pickle=False) as loaded:
        assert np.array_equal(loaded["input_0"], image)
        assert str(loaded["input_name"]) == "/x/ä.npz"


def test_write_npz_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", {"input_0": np.zeros(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_npz_bytes_are_the_same_every_time_and_in_the_file(tmp_path: Path) -> None:
    arrays = {"input_0": np.arange(6, dtype=np.float16)}
    write_npz(tmp_path / "a.npz", arrays)
    assert npz_bytes(arrays) == npz_bytes(arrays) == (tmp_path / "a.npz").read_bytes()


def test_write_npz_refuses_objects(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="array 'a' holds Python objects"):
        write_npz(tmp_path / "a.npz", {"a": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


numbers = hnp.arrays(
    st.sampled_from(["u1", "<i4", ">i4", "<f2", "<f4", "<f8", "?"]),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)


@given(numbers, st.booleans())
def test_read_npz_returns_what_numpy_saved(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, fortran_order: bool
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    given_array = np.asfortranarray(array) if fortran_order else array
    np.savez_compressed(path, a=given_array)
    read = read_npz(path)["a"]
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.shape == given_array.shape
    assert read.tobytes() == given_array.astype(read.dtype).tobytes()
    assert read.flags.writeable


def test_npz_fingerprint_tells_content_not_time_or_packing(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", {"input_0": np.zeros(3)})
    np.savez_compressed(tmp_path / "b.npz", input_0=np.zeros(3))
    write_npz(tmp_path / "c.npz", {"input_0": np.ones(3)})
    a, b, c = (npz_fingerprint(tmp_path / f"{name}.npz") for name in "abc")
    assert a == b != c


def test_read_image_input_returns_planes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", input_0=np.full((3, 4, 5), 9, np.uint8))
    image = read_image_input(tmp_path / "a.npz")
    assert image.shape == (3, 4, 5)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 5), np.float32), "'input_0' is float32, expected uint8 pixels"),
        (np.zeros((4, 5, 3), np.uint8), r"'input_0' has shape \(4, 5, 3\), expected \(3, H, W\)"),
        (np.zeros((1, 3, 4, 5), np.uint8), r"has shape \(1, 3, 4, 5\), expected"),
        (np.zeros((3, 0, 5), np.uint8), r"has shape \(3, 0, 5\), expected"),
    ],
    ids=["float", "interleaved", "batched", "empty"],
)
def test_read_image_input_refuses_other_arrays(
    tmp_path: Path, array: np.ndarray, message: str
) -> None:
    np.savez(tmp_path / "a.npz", input_0=array)
    with pytest.raises(DataError, match=message):
        read_image_input(tmp_path / "a.npz")


def test_read_inputs_returns_them_by_number(tmp_path: Path) -> None:
    arrays = {f"input_{i}": np.array([i]) for i in (10, 2, 1, 0, 3, 4, 5, 6, 7, 8, 9)}
    write_npz(tmp_path / "a.npz", {"other": np.array([99]), **arrays})
    assert [int(array[0]) for array in read_inputs(tmp_path / "a.npz")] == list(range(11))


def test_read_inputs_names_the_missing_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.zeros(1))
    with pytest.raises(DataError, match=r"no array named 'input_0' \(arrays: 'data'\)"):
        read_inputs(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", input_0=np.zeros(1), input_2=np.zeros(1))
    with pytest.raises(DataError, match="no array named 'input_1'"):
        read_inputs(tmp_path / "b.npz")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_read_inputs_refuses_what_is_not_finite(tmp_path: Path, value: float) -> None:
    np.savez(tmp_path / "a.npz", input_0=np.array([1.0, value], np.float16))
    with pytest.raises(DataError, match=r"'input_0' holds NaN or infinity \(1 of 2 values\)"):
        read_inputs(tmp_path / "a.npz")


def test_read_inputs_refuses_text(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", input_0=np.array(["cat"]))
    with pytest.raises(DataError, match="array 'input_0' is <U3, expected numbers"):
        read_inputs(tmp_path / "a.npz")
