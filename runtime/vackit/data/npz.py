# SPDX-License-Identifier: Apache-2.0
"""Write and read npz files: zip archives of arrays, without pickle and within limits.

Writes are atomic and uncompressed, and equal arrays give equal bytes. Reads believe
nothing: names, sizes and headers are checked before memory is taken for the data.
"""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vackit.data.npz_reader import open_npz, read_entries
from vackit.errors import DataError
from vackit.files import atomic_file


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` by name, uncompressed, through a temporary name.

    Args:
        path: The file; its folder is made.
        arrays: Any shape and layout (written in C order), no object arrays.
    """
    with atomic_file(path, sync=False) as handle:
        _write(handle, arrays)


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> memoryview:
    """Return the content of an npz file; it depends on ``arrays`` and their order alone."""
    buffer = io.BytesIO()
    _write(buffer, arrays)
    return buffer.getbuffer()


def _write(handle: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            _write_array(archive, name, array)


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    if array.dtype.hasobject:
        raise ValueError(f"array '{name}' holds Python objects, which npz files must not")
    array = np.asarray(array, order="C")
    info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: the time of writing stays out
    info.file_size = array.nbytes  # lets zipfile choose the 64-bit form where needed
    npy: Any = np.lib.format  # untyped before numpy 2.4
    header = npy.header_data_from_array_1_0(array)
    with archive.open(info, "w") as entry:
        npy.write_array_header_1_0(entry, header)
        entry.write(array.reshape(-1).view(np.uint8).data)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array of an npz file.

    Returns:
        Arrays by name, C- or Fortran-contiguous, native byte order, owned by the caller.

    Raises:
        DataError: The file is missing, damaged, hostile (object arrays, sizes above the
            limits, paths for names) or holds something else than numbers and text.
    """
    with open_npz(path) as archive:
        return read_entries(archive, path)


def npz_fingerprint(path: Path) -> str:
    """Return a short text that says which arrays an npz holds, from its directory alone.

    Made of each array's name, size and CRC-32, so it costs one read of a few hundred
    bytes and stays the same when the file is copied or written again.

    Raises:
        DataError: As `read_npz`, for what shows without reading the arrays.
    """
    with open_npz(path) as archive:
        entries = sorted(archive.infolist(), key=lambda info: info.filename)
        return " ".join(
            f"{info.filename.removesuffix('.npy')}:{info.file_size}:{info.CRC:08x}"
            for info in entries
        )


def read_image_input(path: Path) -> NDArray[np.uint8]:
    """Return the image of an npz: RGB planes under ``input_0``, uint8, shape (3, H, W).

    Raises:
        DataError: As `read_npz`, or ``input_0`` is missing, of another dtype or shape.
    """
    image = read_inputs(path)[0]
    if image.dtype != np.uint8:
        raise DataError(f"'input_0' is {image.dtype}, expected uint8 pixels", where=path)
    if image.ndim != 3 or image.shape[0] != 3 or image.size == 0:
        hint = "make the file with image2npz" if image.shape[-1:] == (3,) else ""
        raise DataError(
            f"'input_0' has shape {image.shape}, expected (3, H, W)", where=path, hint=hint
        )
    return np.ascontiguousarray(image)


def read_inputs(path: Path) -> list[NDArray[Any]]:
    """Return ``input_0``, ``input_1``, ... of an npz, without gaps; other names are left.

    Raises:
        DataError: As `read_npz`, an input is missing, or one holds NaN or infinity.
    """
    return numbered_arrays(read_npz(path), "input", path)


def named_arrays(
    arrays: Mapping[str, NDArray[Any]], names: Sequence[str], path: Path
) -> list[NDArray[Any]]:
    """Return the arrays of these names, in their order; none where not all of them are there.

    Raises:
        DataError: One holds NaN or infinity.
    """
    found = [arrays[name] for name in names] if all(name in arrays for name in names) else []
    for name, array in zip(names, found, strict=False):
        _check_numbers(array, name, path)
    return found


def numbered_arrays(arrays: Mapping[str, NDArray[Any]], kind: str, path: Path) -> list[Any]:
    """Return the arrays named ``<kind>_0``, ``<kind>_1``, ... in the order of their numbers.

    Args:
        arrays: As `read_npz` returned them.
        kind: ``"input"`` or ``"output"``.
        path: Where they come from, for errors.

    Raises:
        DataError: There is none, a number is left out, or an array holds NaN or infinity.
    """
    pattern = re.compile(rf"{kind}_(0|[1-9][0-9]*)\Z")
    numbers = sorted(int(found[1]) for name in arrays if (found := pattern.match(name)))
    for expected in range(max(len(numbers), 1)):
        if numbers[expected : expected + 1] != [expected]:
            names = ", ".join(f"'{name}'" for name in arrays) or "none"
            raise DataError(f"no array named '{kind}_{expected}' (arrays: {names})", where=path)
    ordered = [arrays[f"{kind}_{number}"] for number in numbers]
    for number, array in enumerate(ordered):
        _check_numbers(array, f"{kind}_{number}", path)
    return ordered


def _check_numbers(array: NDArray[Any], name: str, path: Path) -> None:
    if array.dtype.kind not in "biuf":
        raise DataError(f"array '{name}' is {array.dtype}, expected numbers", where=path)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        raise DataError(
            f"array '{name}' holds NaN or infinity ({bad} of {array.size} values)", where=path
        )
