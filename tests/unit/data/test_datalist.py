# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.data.datalist import read_datalist, write_datalist
from vackit.errors import DataError


def test_datalist_is_read_as_it_was_written(tmp_path: Path) -> None:
    paths = [tmp_path / "n1" / "a b.npz", tmp_path / "ä.npz"]
    write_datalist(tmp_path / "list.txt", paths)
    entries = read_datalist(tmp_path / "list.txt")
    assert [(entry.path, entry.line) for entry in entries] == [(paths[0], 1), (paths[1], 2)]


def test_write_datalist_makes_paths_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_datalist(Path("list.txt"), [Path("a.npz")])
    assert Path("list.txt").read_text() == f"{tmp_path}/a.npz\n"


def test_read_datalist_takes_relative_lines_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "list.txt").write_text("npz/a.npz\n")
    monkeypatch.chdir(tmp_path)
    assert read_datalist(Path("data/list.txt"))[0].path == tmp_path / "data" / "npz" / "a.npz"


def test_read_datalist_takes_windows_line_ends_and_no_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf/a.npz\r\n/b.npz")
    assert [str(e.path) for e in read_datalist(tmp_path / "list.txt")] == ["/a.npz", "/b.npz"]


def test_read_datalist_ignores_empty_lines_at_the_end_only(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("/a.npz\n\n \n")
    assert len(read_datalist(tmp_path / "list.txt")) == 1
    (tmp_path / "list.txt").write_text("/a.npz\n\n/b.npz\n")
    with pytest.raises(DataError, match=r"list\.txt:2: an empty line between others"):
        read_datalist(tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no file: the datalist is empty"),
        (b"\n \n", "names no file: the datalist is empty"),
        (b"\xff\xfe/\0a", "not a datalist: it is not UTF-8 text"),
        (b"/a\0b\n", "not a datalist: it holds binary data"),
    ],
    ids=["empty", "blank", "UTF-16", "zeros"],
)
def test_read_datalist_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_datalist(tmp_path / "list.txt")


def test_read_datalist_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the datalist: no such file"):
        read_datalist(tmp_path / "none.txt")
    with pytest.raises(DataError, match="cannot read the datalist: is a directory"):
        read_datalist(tmp_path)
