# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.data.npz import write_npz
from vackit.errors import DataError, EvaluationError
from vackit.results.reader import Results, read_results
from vackit.results.writer import ResultsWriter


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "npz" / f"n{i}" / "a.npz" for i in range(12)]
    for value, path in enumerate(paths):
        write_npz(path, {"input_0": np.full((3, 4, 5), value, np.uint8)})
    return paths


@pytest.fixture
def datalist(tmp_path: Path, inputs: list[Path]) -> Path:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{entry}\n" for entry in inputs))
    return path


@pytest.fixture
def folder(tmp_path: Path, inputs: list[Path]) -> Path:
    """Return a finished folder: the output of input i holds i."""
    writer = ResultsWriter(tmp_path / "output", inputs, {"emulated": True})
    for index in writer.pending:
        writer.write(index, [np.full((1, 5), index, np.float16)])
    writer.finish()
    return tmp_path / "output"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a folder as a card's vamp leaves it: no manifest, no names."""
    for index in range(12):
        path = tmp_path / "card" / f"output_{index:06d}.npz"
        write_npz(path, {"output_0": np.full((1, 5), index, np.float16)})
    return tmp_path / "card"


def values(results: Results) -> dict[str, float]:
    return {Path(e.input).parent.name: float(e.load()[0][0, 0]) for e in results.entries}


EXPECTED = {f"n{i}": float(i) for i in range(12)}


def test_read_results_joins_by_the_manifest(folder: Path) -> None:
    results = read_results(folder)
    assert values(results) == EXPECTED
    assert results.emulated is True
    assert results.run == {"emulated": True}


def test_read_results_follows_the_datalist_by_name_not_by_order(
    folder: Path, datalist: Path, inputs: list[Path]
) -> None:
    datalist.write_text("".join(f"{path}\n" for path in reversed(inputs)))
    results = read_results(folder, datalist)
    assert [entry.input for entry in results.entries] == [str(p) for p in reversed(inputs)]
    assert values(results) == EXPECTED


def test_read_results_follows_a_datalist_of_moved_inputs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "moved.txt").write_text("".join(f"/elsewhere/n{i}/a.npz\n" for i in range(12)))
    results = read_results(folder, tmp_path / "moved.txt")
    assert values(results) == EXPECTED
    assert results.entries[0].input == "/elsewhere/n0/a.npz"


def test_read_results_refuses_a_datalist_of_other_inputs(folder: Path, datalist: Path) -> None:
    datalist.write_text("/x/other.npz\n")
    with pytest.raises(EvaluationError, match=r"'/x/other\.npz' has none"):
        read_results(folder, datalist)


def test_read_results_refuses_a_datalist_of_fewer_inputs(
    folder: Path, datalist: Path, inputs: list[Path]
) -> None:
    datalist.write_text("".join(f"{path}\n" for path in inputs[1:]))
    with pytest.raises(EvaluationError, match=r"1 results are of inputs .* not name: .*n0/a\.npz"):
        read_results(folder, datalist)


def test_read_results_without_manifest_joins_by_number(
    card: Path, datalist: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = read_results(card, datalist)
    assert values(results) == EXPECTED
    assert results.emulated is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "output N is taken for line N of the datalist" in caplog.text


def test_read_results_without_manifest_takes_numbers_without_zeros(
    card: Path, datalist: Path
) -> None:
    for index in range(12):
        (card / f"output_{index:06d}.npz").rename(card / f"output_{index}.npz")
    assert values(read_results(card, datalist)) == EXPECTED


def test_read_results_without_manifest_needs_a_datalist(card: Path) -> None:
    with pytest.raises(EvaluationError, match=r"has no vackit_results\.json.*\n.*--datalist"):
        read_results(card)


def test_read_results_names_missing_outputs(card: Path, folder: Path, datalist: Path) -> None:
    (card / "output_000003.npz").unlink()
    with pytest.raises(
        EvaluationError, match=r"11 outputs for 12 inputs .* missing: output_000003\.npz"
    ):
        read_results(card, datalist)
    (folder / "output_000003.npz").unlink()
    with pytest.raises(EvaluationError, match=r"of the manifest; missing: output_000003\.npz"):
        read_results(folder)


def test_read_results_names_extra_outputs(card: Path, folder: Path, datalist: Path) -> None:
    for place in (card, folder):
        write_npz(place / "output_000077.npz", {"output_0": np.zeros((1, 5))})
    with pytest.raises(EvaluationError, match=r"13 outputs .* left over: output_000077\.npz"):
        read_results(card, datalist)
    with pytest.raises(EvaluationError, match=r"left over: output_000077\.npz"):
        read_results(folder)


def test_read_results_counts_what_it_does_not_name(card: Path, datalist: Path) -> None:
    for index in range(1, 12):
        (card / f"output_{index:06d}.npz").unlink()
    with pytest.raises(EvaluationError, match=r"output_000010\.npz and 1 more"):
        read_results(card, datalist)


def test_read_results_refuses_two_outputs_of_one_number(card: Path, datalist: Path) -> None:
    write_npz(card / "output_3.npz", {"output_0": np.zeros((1, 5))})
    with pytest.raises(DataError, match=r"output_000003\.npz and output_3\.npz are the same"):
        read_results(card, datalist)


def test_read_results_refuses_an_unfinished_run(folder: Path) -> None:
    (folder / "vackit_results.json").rename(folder / "vackit_results.partial.json")
    with pytest.raises(DataError, match=r"not finished: 12 outputs so far\n.*same vamp command"):
        read_results(folder)


def test_read_results_of_nothing_is_an_error(tmp_path: Path, datalist: Path) -> None:
    with pytest.raises(DataError, match="no such folder; expected the results of vamp"):
        read_results(tmp_path / "none")
    with pytest.raises(DataError, match="is not a folder; expected the results of vamp"):
        read_results(datalist)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no results \(output_NNNNNN\.npz\)"):
        read_results(tmp_path / "empty", datalist)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format version 2 is not known; this vackit reads version 1"),
        ({"entries": []}, "the manifest is damaged: it has no entries"),
        ({"entries": [{"index": 1}]}, "the manifest is damaged at entry 0"),
        ({"run": None}, "the manifest is damaged: it has no 'run'"),
    ],
    ids=["version", "none", "entry", "run"],
)
def test_read_results_checks_the_manifest(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    path = folder / "vackit_results.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        read_results(folder)


def test_read_results_refuses_a_manifest_that_names_an_input_twice(folder: Path) -> None:
    path = folder / "vackit_results.json"
    data = json.loads(path.read_text())
    data["entries"][1]["input"] = data["entries"][0]["input"]
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="the manifest names an input twice"):
        read_results(folder)


def test_read_results_of_a_cut_off_manifest_is_an_error(folder: Path) -> None:
    path = folder / "vackit_results.json"
    path.write_text(path.read_text()[:50])
    with pytest.raises(DataError, match="not JSON"):
        read_results(folder)
    path.write_text("{}")
    with pytest.raises(DataError, match="not a manifest of results: no format_version"):
        read_results(folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="cannot be read: is a directory"):
        read_results(folder)


def test_load_notices_an_output_of_another_input(folder: Path) -> None:
    (folder / "output_000001.npz").write_bytes((folder / "output_000002.npz").read_bytes())
    with pytest.raises(DataError, match=r"output_000001\.npz: belongs to '.*n2/a\.npz', not to"):
        read_results(folder).entries[1].load()


def test_load_refuses_nan(folder: Path, inputs: list[Path]) -> None:
    write_npz(
        folder / "output_000001.npz",
        {"output_0": np.array([[np.nan, 1]], np.float16), "input_name": np.array(str(inputs[1]))},
    )
    with pytest.raises(DataError, match=r"output_000001\.npz: array 'output_0' holds NaN"):
        read_results(folder).entries[1].load()


@pytest.mark.parametrize(
    ("run", "emulated"),
    [
        ({}, None),
        ({"emulated": False}, False),
        ({"device": {"device": "x:0", "emulated": True}}, True),
    ],
    ids=["unknown", "card", "nested"],
)
def test_results_know_whether_they_are_emulated(run: dict[str, Any], emulated: bool | None) -> None:
    assert Results(Path("x"), (), run).emulated is emulated
