# SPDX-License-Identifier: Apache-2.0
"""A folder of results: resumed, complete, or in another run's way."""

import json
from pathlib import Path

import pytest

from vackit.errors import DataError
from vackit.samples._folder_result import SIDECAR, FolderResult, result_names

RUN = {"batch_size": 1, "emulated": True}
NAMES = [Path("a.txt"), Path("deep/b.txt")]


def write_all(folder: Path) -> None:
    result = FolderResult(folder, RUN, NAMES)
    for index in result.pending:
        result.write(index, f"result {index}".encode())
    result.finish()


def test_a_complete_folder_has_nothing_pending(tmp_path: Path) -> None:
    write_all(tmp_path)
    before = (tmp_path / SIDECAR).read_bytes()
    again = FolderResult(tmp_path, RUN, NAMES)
    again.finish()
    assert again.pending == []
    assert (tmp_path / SIDECAR).read_bytes() == before
    assert json.loads(before)["run"] == RUN
    assert list(json.loads(before)["files"]) == ["a.txt", "deep/b.txt"]


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    first = FolderResult(tmp_path, RUN, NAMES)
    first.write(0, b"done")
    assert FolderResult(tmp_path, RUN, NAMES).pending == [1]


def test_a_file_that_has_gone_is_made_again(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "deep/b.txt").unlink()
    assert FolderResult(tmp_path, RUN, NAMES).pending == [1]


def test_a_file_that_was_changed_is_only_replaced_when_forced(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "a.txt").write_text("notes of mine")
    with pytest.raises(DataError, match=r"a\.txt: has been changed since it was written"):
        FolderResult(tmp_path, RUN, NAMES)
    assert FolderResult(tmp_path, RUN, NAMES, force=True).pending == [0]


def test_another_run_is_only_replaced_when_forced(tmp_path: Path) -> None:
    write_all(tmp_path)
    other = {**RUN, "batch_size": 2}
    with pytest.raises(DataError, match=r"a\.txt: holds results of another run"):
        FolderResult(tmp_path, other, NAMES)
    assert FolderResult(tmp_path, other, NAMES, force=True).pending == [0, 1]


@pytest.mark.parametrize("sidecar", [None, "[1]", "{"], ids=["none", "a list", "damaged"])
def test_files_of_unknown_origin_are_not_replaced(tmp_path: Path, sidecar: str | None) -> None:
    (tmp_path / "a.txt").write_text("notes of mine")
    if sidecar is not None:
        (tmp_path / SIDECAR).write_text(sidecar)
    with pytest.raises(DataError, match="holds results of another run"):
        FolderResult(tmp_path, RUN, NAMES)
    assert (tmp_path / "a.txt").read_text() == "notes of mine"


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine")
    write_all(tmp_path)
    assert (tmp_path / "notes.md").read_text() == "mine"


def test_two_inputs_never_share_a_result(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    names = result_names(tmp_path / "x", [tmp_path / "x/a.jpg", tmp_path / "x/a.png"], ".txt")
    with pytest.raises(DataError, match=r"a\.txt: two inputs share this result"):
        FolderResult(tmp_path / "out", RUN, names)


def test_results_keep_the_folders_of_their_inputs(tmp_path: Path) -> None:
    inputs = [tmp_path / "a.b.jpg", tmp_path / "deep/c.PNG"]
    assert result_names(tmp_path, inputs, ".txt") == [Path("a.b.txt"), Path("deep/c.txt")]
    assert result_names(inputs[1], inputs[1:], ".png") == [Path("c.png")]
