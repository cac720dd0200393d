# SPDX-License-Identifier: Apache-2.0
import errno
from pathlib import Path

import pytest

from vackit import files


def test_write_atomic_makes_folders_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    files.write_atomic(path, b"one")
    files.write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_write_atomic_gives_the_mode_of_an_ordinary_file(tmp_path: Path) -> None:
    files.write_atomic(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_write_atomic_keeps_the_old_file_when_the_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.txt"
    path.write_bytes(b"old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_sha256_of_file_and_bytes_agree(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    # the published test vector of FIPS 180-2 for "abc"
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256_file(tmp_path / "x") == known
    assert files.sha256_bytes(b"abc") == known


def test_temporary_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with files.temporary_folder(tmp_path / "new") as folder:
        assert folder.parent == tmp_path / "new"
        (folder / "x").write_bytes(b"")
    assert list((tmp_path / "new").iterdir()) == []


def test_json_bytes_keeps_unicode_and_ends_with_a_newline() -> None:
    assert files.json_bytes({"名": 1}) == '{\n  "名": 1\n}\n'.encode()


def test_a_full_disk_is_told_by_the_name_of_what_was_written(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space") as caught, files.atomic_file(tmp_path / "a"):
        raise full
    assert caught.value.filename == str(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space") as caught, files.temporary_folder(tmp_path):
        raise full
    assert caught.value.filename == str(tmp_path)


def test_an_error_that_names_its_file_keeps_it(tmp_path: Path) -> None:
    raises = pytest.raises(FileNotFoundError, match="missing")
    with raises as caught, files.atomic_file(tmp_path / "a"):
        (tmp_path / "missing").read_bytes()
    assert caught.value.filename == str(tmp_path / "missing")
