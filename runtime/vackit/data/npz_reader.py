# SPDX-License-Identifier: Apache-2.0
"""The reading side of npz files, for files that may be damaged or hostile."""

import contextlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vackit.errors import DataError

# All arrays of one file together. The largest real input, a 268-megapixel image, has 0.8 GB
MAX_BYTES = 1 << 30
MAX_ARRAYS = 256
# A constant image packs about 1000:1; that is let through while it stays small
MAX_RATIO = 100
RATIO_FREE_BYTES = 64 << 20

_MAX_HEADER = 10_000
# Bit 0 of a zip entry's flags: encrypted (PKWARE APPNOTE 4.4.4)
_ENCRYPTED = 0x1
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(ValueError, TypeError, KeyError, SyntaxError, RuntimeError, OverflowError),
    tokenize.TokenError,
)


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an npz and check its directory; damage found while it is open is a `DataError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_directory(archive.infolist(), path)
            yield archive
    except DataError:
        raise
    except OSError as error:
        reason = (error.strerror or "the file is damaged").lower()
        raise DataError(f"cannot be read: {reason}", where=path) from error
    except _DAMAGE as error:
        raise DataError(_describe_damage(path), where=path) from error


def _describe_damage(path: Path) -> str:
    with path.open("rb") as handle:
        start = handle.read(6)
    if not start:
        return "is empty (0 bytes), expected an npz"
    if start == b"\x93NUMPY":
        return "is a single npy array, expected an npz"
    if start[:2] == b"PK":
        return "is a damaged or cut-off npz"
    return "is not an npz file"


def _check_directory(entries: list[zipfile.ZipInfo], path: Path) -> None:
    names = [info.filename for info in entries]
    if len(names) > MAX_ARRAYS:
        raise DataError(f"holds {len(names)} arrays; at most {MAX_ARRAYS} are read", where=path)
    for info in entries:
        _check_entry(info, path)
    if len(set(names)) != len(names):
        raise DataError("holds two arrays of the same name", where=path)
    size, packed = sum(i.file_size for i in entries), sum(i.compress_size for i in entries)
    if size > MAX_BYTES:
        raise DataError(f"unpacks to {size} bytes; at most {MAX_BYTES} are read", where=path)
    if size > RATIO_FREE_BYTES and size > MAX_RATIO * packed:
        raise DataError(f"unpacks from {packed} to {size} bytes: a zip bomb", where=path)


def _check_entry(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename
    if not name.endswith(".npy") or "/" in name or "\\" in name or name.startswith("."):
        raise DataError(f"holds '{name}', expected arrays (NAME.npy) only", where=path)
    if info.flag_bits & _ENCRYPTED:
        raise DataError(f"array '{name[:-4]}' is encrypted", where=path)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"array '{name[:-4]}' is packed by method {info.compress_type}; "
            "only stored and deflated arrays are read",
            where=path,
        )


def read_entries(archive: zipfile.ZipFile, path: Path) -> dict[str, NDArray[Any]]:
    """Return every array of an archive that `open_npz` opened."""
    arrays = {}
    for info in archive.infolist():
        with archive.open(info) as entry:
            name = info.filename.removesuffix(".npy")
            arrays[name] = _read_array(entry, name, info.file_size, path)
    return arrays


def _read_array(entry: IO[bytes], name: str, size: int, path: Path) -> NDArray[Any]:
    shape, fortran_order, dtype = _read_header(entry)
    if dtype.hasobject:
        raise DataError(f"array '{name}' holds pickled objects, which are never read", where=path)
    if dtype.kind not in "biufSU" or dtype.subdtype is not None or not dtype.itemsize:
        raise DataError(f"array '{name}' is {dtype}, expected numbers", where=path)
    # sizes are multiplied as Python integers: a hostile shape cannot overflow
    declared = dtype.itemsize
    for dim in shape:
        declared *= dim
    found = size - entry.tell()
    if declared != found or min(shape, default=0) < 0:
        raise DataError(
            f"array '{name}' declares {dtype} {shape}, {declared} bytes, but holds {found}",
            where=path,
        )
    data = bytearray(found)
    _read_exactly(entry, memoryview(data))
    array: NDArray[Any] = np.ndarray(shape, dtype, data, order="F" if fortran_order else "C")
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def _read_header(entry: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    npy: Any = np.lib.format  # untyped before numpy 2.4
    version = npy.read_magic(entry)
    header: tuple[tuple[int, ...], bool, np.dtype[Any]]
    if version == (1, 0):
        header = npy.read_array_header_1_0(entry, _MAX_HEADER)
    elif version in ((2, 0), (3, 0)):  # 3.0 differs in the names of fields, which are refused
        header = npy.read_array_header_2_0(entry, _MAX_HEADER)
    else:
        raise ValueError(f"npy format version {version}")
    return header


def _read_exactly(entry: IO[bytes], target: memoryview) -> None:
    position = 0
    while position < len(target):
        count = entry.readinto(target[position:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        position += count
    entry.read(1)  # at the end zipfile compares the CRC
