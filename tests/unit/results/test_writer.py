# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest

from vackit.data.npz import write_npz
from vackit.errors import DataError
from vackit.results.reader import read_results
from vackit.results.writer import ResultsWriter

RUN = {"device": {"device": "onnxrt:0", "emulated": True}, "shape": (3, 4, 5)}


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "npz" / f"n{i}" / "a.npz" for i in range(3)]
    for value, path in enumerate(paths):
        write_npz(path, {"input_0": np.full((3, 4, 5), value, np.uint8)})
    return paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output"


def output(value: float) -> list[np.ndarray]:
    return [np.full((1, 7), value, np.float16)]


def listed(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def fill(writer: ResultsWriter) -> None:
    for index in writer.pending:
        writer.write(index, output(index))
    writer.finish()


def test_writer_writes_outputs_and_manifest(folder: Path, inputs: list[Path]) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    assert sorted(listed(folder)) == [
        *("output_000000.npz", "output_000001.npz", "output_000002.npz", "vackit_results.json")
    ]
    with np.load(folder / "output_000001.npz", allow_pickle=False) as loaded:
        assert loaded["output_0"].dtype == np.float16
        assert loaded["output_0"].tolist() == [[1.0] * 7]
        assert str(loaded["input_name"]) == str(inputs[1])
    manifest = json.loads((folder / "vackit_results.json").read_text())
    assert manifest["format_version"] == 1
    assert manifest["run"]["shape"] == [3, 4, 5]
    assert manifest["outputs"] == [{"name": "output_0", "dtype": "float16", "shape": [1, 7]}]
    assert [entry["input"] for entry in manifest["entries"]] == [str(path) for path in inputs]
    assert [entry["output"] for entry in manifest["entries"]] == sorted(listed(folder))[:3]


def test_finished_folder_suits_readers_that_pair_sorted_names(
    folder: Path, inputs: list[Path]
) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    pairs = list(zip(inputs, sorted(listed(folder)), strict=False))
    for path, name in pairs:
        with np.load(folder / name) as loaded:
            assert str(loaded["input_name"]) == str(path)


def test_writer_goes_on_with_an_interrupted_run(folder: Path, inputs: list[Path]) -> None:
    ResultsWriter(folder, inputs, RUN).write(1, output(1))
    assert (folder / "vackit_results.partial.json").exists()
    again = ResultsWriter(folder, inputs, RUN)
    assert again.pending == [0, 2]
    assert not again.is_complete
    fill(again)
    assert not (folder / "vackit_results.partial.json").exists()
    assert [entry.load()[0][0, 0] for entry in read_results(folder).entries] == [0, 1, 2]


def test_writer_makes_a_damaged_output_of_an_interrupted_run_again(
    folder: Path, inputs: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    writer = ResultsWriter(folder, inputs, RUN)
    writer.write(0, output(0))
    writer.write(1, output(1))
    damaged = folder / "output_000001.npz"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    assert ResultsWriter(folder, inputs, RUN).pending == [1, 2]
    assert "it is made again" in caplog.text


def test_writer_does_not_take_an_output_of_another_input(folder: Path, inputs: list[Path]) -> None:
    ResultsWriter(folder, inputs, RUN).write(0, output(0))
    (folder / "output_000000.npz").rename(folder / "output_000002.npz")
    assert ResultsWriter(folder, inputs, RUN).pending == [0, 1, 2]


def test_writer_says_that_everything_is_there(folder: Path, inputs: list[Path]) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = ResultsWriter(folder, inputs, RUN)
    assert again.is_complete
    assert again.pending == []
    again.finish()
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_writer_makes_a_lost_or_changed_output_again(
    folder: Path, inputs: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    (folder / "output_000000.npz").unlink()
    write_npz(folder / "output_000002.npz", {"output_0": np.ones((1, 7), np.float16)})
    again = ResultsWriter(folder, inputs, RUN)
    assert again.pending == [0, 2]
    assert "changed since it was written" in caplog.text
    fill(again)
    assert ResultsWriter(folder, inputs, RUN).is_complete


def test_writer_knows_inputs_by_content_not_by_time(folder: Path, inputs: list[Path]) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    write_npz(inputs[0], {"input_0": np.zeros((3, 4, 5), np.uint8)})
    assert ResultsWriter(folder, inputs, RUN).is_complete
    write_npz(inputs[0], {"input_0": np.ones((3, 4, 5), np.uint8)})
    with pytest.raises(DataError, match="holds results of another run"):
        ResultsWriter(folder, inputs, RUN)


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "partial"])
def test_writer_refuses_results_of_another_run(
    folder: Path, inputs: list[Path], finished: bool
) -> None:
    writer = ResultsWriter(folder, inputs, RUN)
    writer.write(0, output(0))
    if finished:
        fill(writer)
    with pytest.raises(DataError, match=r"holds results of another run.*\n.*--force"):
        ResultsWriter(folder, inputs, {"batch_size": 2})
    with pytest.raises(DataError, match="holds results of another run"):
        ResultsWriter(folder, inputs[:2], RUN)
    assert (folder / "output_000000.npz").exists()


def test_writer_refuses_outputs_without_manifest(folder: Path, inputs: list[Path]) -> None:
    write_npz(folder / "output_000000.npz", {"output_0": np.zeros((1, 7))})
    with pytest.raises(DataError, match="holds results of another run"):
        ResultsWriter(folder, inputs, RUN)


def test_writer_starts_anew_with_force_and_removes_results_only(
    folder: Path, inputs: list[Path]
) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    (folder / "notes.txt").write_text("mine")
    writer = ResultsWriter(folder, inputs[:1], {"batch_size": 2}, force=True)
    assert writer.pending == [0]
    fill(writer)
    assert sorted(listed(folder)) == ["notes.txt", "output_000000.npz", "vackit_results.json"]


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"format_version": 9}', '{"format_version": 1, "entries": [3], "run": {}}'],
    ids=["cut off", "no object", "version", "entries"],
)
def test_writer_does_not_take_a_damaged_manifest_for_its_own(
    folder: Path, inputs: list[Path], content: str
) -> None:
    fill(ResultsWriter(folder, inputs, RUN))
    (folder / "vackit_results.json").write_text(content)
    with pytest.raises(DataError, match="holds results of another run"):
        ResultsWriter(folder, inputs, RUN)


def test_writer_refuses_outputs_of_another_shape(folder: Path, inputs: list[Path]) -> None:
    writer = ResultsWriter(folder, inputs, RUN)
    writer.write(0, output(0))
    with pytest.raises(DataError, match=r"output 1 is output_0 float16 \(1, 8\), the others are"):
        writer.write(1, [np.zeros((1, 8), np.float16)])


def test_writer_does_not_finish_with_outputs_missing(folder: Path, inputs: list[Path]) -> None:
    writer = ResultsWriter(folder, inputs, RUN)
    writer.write(0, output(0))
    with pytest.raises(DataError, match=r"2 of 3 outputs are missing, the first for '.*n1/a\.npz"):
        writer.finish()
    assert not (folder / "vackit_results.json").exists()


def test_writer_checks_its_inputs_first(folder: Path, inputs: list[Path]) -> None:
    with pytest.raises(DataError, match=r"none\.npz: cannot be read: no such file"):
        ResultsWriter(folder, [*inputs, folder.parent / "none.npz"], RUN)
    with pytest.raises(DataError, match=r"n0/a\.npz' is named twice"):
        ResultsWriter(folder, [*inputs, inputs[0]], RUN)
    assert not folder.exists()


def test_writer_needs_a_folder(folder: Path, inputs: list[Path]) -> None:
    folder.write_text("file")
    with pytest.raises(DataError, match="is a file; results need a folder"):
        ResultsWriter(folder, inputs, RUN)


def test_writer_takes_outputs_whose_sizes_follow_the_inputs(
    folder: Path, inputs: list[Path]
) -> None:
    writer = ResultsWriter(folder, inputs, RUN, sizes_vary=True)
    for index, size in enumerate((4, 6, 4)):
        writer.write(index, [np.zeros((1, 2, size), np.float16)])
    writer.finish()
    manifest = json.loads((folder / "vackit_results.json").read_bytes())
    assert manifest["outputs"] == [{"name": "output_0", "dtype": "float16", "shape": [1, 2, None]}]
    assert ResultsWriter(folder, inputs, RUN, sizes_vary=True).is_complete


def test_writer_refuses_another_rank_where_sizes_vary(folder: Path, inputs: list[Path]) -> None:
    writer = ResultsWriter(folder, inputs, RUN, sizes_vary=True)
    writer.write(0, output(0))
    with pytest.raises(DataError, match=r"output 1 is output_0 float16 \(1, 7, 1\), the others"):
        writer.write(1, [output(1)[0][..., np.newaxis]])
