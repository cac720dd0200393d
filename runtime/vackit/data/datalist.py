# SPDX-License-Identifier: Apache-2.0
"""The datalist: a text file with the path of one npz a line.

The position of a line is the index of its output (``output_000000.npz`` is the first), so
an empty line between two others is an error, not something to skip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vackit.errors import DataError
from vackit.files import write_atomic


@dataclass(frozen=True)
class DatalistEntry:
    """One line of a datalist: the file it names and its number, from 1."""

    path: Path
    line: int


def read_datalist(path: Path) -> list[DatalistEntry]:
    """Read a datalist; relative lines are taken from the datalist's own folder.

    Whether the files exist is for their reader to say.

    Raises:
        DataError: The datalist cannot be read, is no text or empty, or has an empty line
            between others.
    """
    lines = [line.strip() for line in read_lines(path, "datalist")]
    if not lines:
        raise DataError("names no file: the datalist is empty", where=path)
    for number, line in enumerate(lines, 1):
        if not line:
            raise DataError(
                "an empty line between others; a line's position is its output's number",
                where=f"{path}:{number}",
                hint="delete the empty line",
            )
    folder = path.absolute().parent
    return [DatalistEntry(folder / line, number) for number, line in enumerate(lines, 1)]


def write_datalist(path: Path, entries: Sequence[Path]) -> None:
    """Write a datalist of absolute paths, atomically."""
    write_atomic(path, datalist_text(entries).encode())


def datalist_text(entries: Sequence[Path]) -> str:
    """Return what `write_datalist` writes."""
    return "".join(f"{entry.absolute()}\n" for entry in entries)


def read_lines(path: Path, what: str) -> list[str]:
    """Return the lines of a UTF-8 text file, without those that end it empty.

    Args:
        path: The file; a byte order mark and Windows line ends are taken off.
        what: What the file is, for errors (``"datalist"``).

    Raises:
        DataError: It cannot be read or is no text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot read the {what}: {reason}", where=path) from error
    except UnicodeDecodeError as error:
        raise DataError(f"not a {what}: it is not UTF-8 text", where=path) from error
    if "\0" in text:
        raise DataError(f"not a {what}: it holds binary data", where=path)
    lines = text.replace("\r\n", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
