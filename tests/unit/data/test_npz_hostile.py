# SPDX-License-Identifier: Apache-2.0
"""npz files that are damaged or made to do harm: a clear error, and no memory taken."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vackit.data import npz_reader
from vackit.data.npz import npz_bytes, read_npz
from vackit.errors import DataError


def npy(header: str, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + body


def archive(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in entries.items():
            target.writestr(name, data)
    return path


def header(descr: str = "'<f4'", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def test_read_npz_never_unpickles(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(DataError, match="array 'a' holds pickled objects, which are never read"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("shape", "declared"),
    [
        ("(1099511627776,)", "4398046511104 bytes"),
        ("(4294967296, 4294967296)", "73786976294838206464 bytes"),
        ("(3,)", "12 bytes"),
        ("(-1, -2)", "8 bytes"),
    ],
    ids=["terabytes", "overflow", "one too many", "negative"],
)
def test_read_npz_believes_no_declared_size(tmp_path: Path, shape: str, declared: str) -> None:
    path = archive(tmp_path / "a.npz", {"a.npy": npy(header(shape=shape), bytes(8))})
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=f"array 'a' declares float32 .*, {declared}, but"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_read_npz_refuses_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(100 << 20, np.uint8))
    with pytest.raises(DataError, match=r"unpacks from .* a zip bomb"):
        read_npz(path)


def test_read_npz_takes_a_small_array_however_well_it_packs(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1 << 20, np.uint8))
    assert read_npz(tmp_path / "a.npz")["a"].shape == (1 << 20,)


def test_read_npz_limits_the_size_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz_reader, "MAX_BYTES", 100)
    np.savez(tmp_path / "a.npz", a=np.zeros(100, np.uint8))
    with pytest.raises(DataError, match="unpacks to 228 bytes; at most 100 are read"):
        read_npz(tmp_path / "a.npz")


def test_read_npz_limits_the_number_of_arrays(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {f"a{i}.npy": b"" for i in range(300)})
    with pytest.raises(DataError, match="holds 300 arrays; at most 256 are read"):
        read_npz(path)


@pytest.mark.parametrize(
    "name", ["../a.npy", "/etc/a.npy", "x\\a.npy", "a.txt", ".npy"], ids=lambda name: name
)
def test_read_npz_refuses_names_that_are_no_arrays(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.npz", {name: npy(header(), bytes(8))})
    with pytest.raises(DataError, match=r"expected arrays \(NAME\.npy\) only"):
        read_npz(path)


def test_read_npz_refuses_two_arrays_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as target:
        target.writestr("a.npy", npy(header(), bytes(8)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            target.writestr("a.npy", npy(header(), bytes(8)))
    with pytest.raises(DataError, match="holds two arrays of the same name"):
        read_npz(tmp_path / "a.npz")


def test_read_npz_refuses_other_packings(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"a.npy": npy(header(), bytes(8))}, zipfile.ZIP_LZMA)
    with pytest.raises(DataError, match="array 'a' is packed by method 14; only stored and"):
        read_npz(path)


def test_read_npz_refuses_encryption(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"a.npy": npy(header(), bytes(8))})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="array 'a' is encrypted"):
        read_npz(path)


@pytest.mark.parametrize(
    ("descr", "message"),
    [
        ("[('x', '<f4'), ('y', '<f4')]", "expected numbers"),
        ("'<c8'", "array 'a' is complex64, expected numbers"),
        ("'<M8[s]'", "expected numbers"),
        ("'<U0'", "expected numbers"),
        ("'nonsense'", "is a damaged or cut-off npz"),
        ("1 + 1", "is a damaged or cut-off npz"),
    ],
    ids=["structured", "complex", "dates", "no size", "unknown", "expression"],
)
def test_read_npz_reads_numbers_and_text_only(tmp_path: Path, descr: str, message: str) -> None:
    path = archive(tmp_path / "a.npz", {"a.npy": npy(header(descr), bytes(8))})
    with pytest.raises(DataError, match=message):
        read_npz(path)


@pytest.mark.parametrize("version", [b"\x02\x00", b"\x03\x00"], ids=["2.0", "3.0"])
def test_read_npz_reads_later_npy_versions(tmp_path: Path, version: bytes) -> None:
    body = np.array([1, 2], np.float32).tobytes()
    path = archive(tmp_path / "a.npz", {"a.npy": npy(header(), body, version)})
    assert read_npz(path)["a"].tolist() == [1.0, 2.0]


def test_read_npz_refuses_unknown_npy_versions(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"a.npy": npy(header(), bytes(8), b"\x09\x00")})
    with pytest.raises(DataError, match="is a damaged or cut-off npz"):
        read_npz(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\), expected an npz"),
        (b"text", "is not an npz file"),
        (b"PK\x03\x04", "is a damaged or cut-off npz"),
    ],
    ids=["empty", "text", "start only"],
)
def test_read_npz_says_what_a_file_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "a.npz")


def test_read_npz_says_that_a_file_is_a_single_array(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="is a single npy array, expected an npz"):
        read_npz(tmp_path / "a.npz")


def test_read_npz_of_a_missing_file_or_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: no such file"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(DataError, match="cannot be read: is a directory"):
        read_npz(tmp_path)


def test_read_npz_notices_a_changed_bit(tmp_path: Path) -> None:
    data = bytearray(npz_bytes({"a": np.zeros(1000, np.uint8)}))
    data[600] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match="is a damaged or cut-off npz"):
        read_npz(tmp_path / "a.npz")


GOOD = bytes(npz_bytes({"input_0": np.arange(40, dtype=np.float32), "x": np.array("name")}))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
@example(30, 0, len(GOOD))
def test_read_npz_of_any_damage_is_a_data_error_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int, length: int
) -> None:
    data = bytearray(GOOD)
    data[position] = value
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    path.write_bytes(data[:length])
    try:
        arrays = read_npz(path)
    except DataError:
        return
    assert length == len(GOOD)
    assert [array.size for array in arrays.values()] == [40, 1]
