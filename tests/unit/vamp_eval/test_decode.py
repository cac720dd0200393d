# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from vackit.data.npz import write_npz
from vackit.errors import DataError, EvaluationError
from vackit.results.text import read_predictions, read_sidecar
from vackit.results.writer import ResultsWriter
from vamp_eval.decode import decode


@pytest.fixture
def datalist(tmp_path: Path) -> Path:
    """Return the datalist of twelve inputs whose results stand in ``output``."""
    inputs = [tmp_path / "npz" / str(i % 3) / f"{i}.npz" for i in range(12)]
    for path in inputs:
        write_npz(path, {"input_0": np.zeros((3, 2, 2), np.uint8)})
    writer = ResultsWriter(tmp_path / "output", inputs, {"emulated": True})
    for index in writer.pending:
        writer.write(index, [np.roll(np.array([[3, 2, 1]], np.float16), index)])
    writer.finish()
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{entry}\n" for entry in inputs))
    return path


@pytest.fixture
def label(tmp_path: Path) -> Path:
    path = tmp_path / "classes.txt"
    path.write_text("cat\ndog\nfish\n")
    return path


def test_decode_writes_the_best_classes_of_each_image(
    tmp_path: Path, datalist: Path, label: Path
) -> None:
    decoded = decode(datalist, tmp_path / "output", tmp_path / "r.txt", label)
    assert (decoded.num_images, decoded.num_lines, decoded.is_new) == (12, 36, True)
    groups = read_predictions(tmp_path / "r.txt")
    assert list(groups) == datalist.read_text().splitlines()
    first = groups[datalist.read_text().splitlines()[1]]
    assert [(p.index, p.score, p.name) for p in first] == [
        (1, 3.0, "dog"),
        (2, 2.0, "fish"),
        (0, 1.0, "cat"),
    ]
    sidecar = read_sidecar(tmp_path / "r.txt")
    assert sidecar is not None
    assert (sidecar["emulated"], sidecar["run"]) == (True, {"emulated": True})


def test_decode_follows_the_datalist_by_name(tmp_path: Path, datalist: Path, label: Path) -> None:
    lines = datalist.read_text().splitlines()
    datalist.write_text("".join(f"{line}\n" for line in reversed(lines)))
    decode(datalist, tmp_path / "output", tmp_path / "r.txt", label, k=1)
    groups = read_predictions(tmp_path / "r.txt")
    assert {Path(image).stem: group[0].index for image, group in groups.items()} == {
        str(i): i % 3 for i in range(12)
    }


def test_decode_twice_changes_nothing(tmp_path: Path, datalist: Path, label: Path) -> None:
    decode(datalist, tmp_path / "output", tmp_path / "r.txt", label)
    before = (tmp_path / "r.txt").stat().st_mtime_ns
    assert not decode(datalist, tmp_path / "output", tmp_path / "r.txt", label).is_new
    assert (tmp_path / "r.txt").stat().st_mtime_ns == before


def test_decode_writes_a_lost_sidecar_again(tmp_path: Path, datalist: Path, label: Path) -> None:
    decode(datalist, tmp_path / "output", tmp_path / "r.txt", label)
    (tmp_path / "r.txt.json").unlink()
    decode(datalist, tmp_path / "output", tmp_path / "r.txt", label)
    assert read_sidecar(tmp_path / "r.txt") is not None


def test_decode_refuses_to_replace_another_text(
    tmp_path: Path, datalist: Path, label: Path
) -> None:
    (tmp_path / "r.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds another text\n.*--force"):
        decode(datalist, tmp_path / "output", tmp_path / "r.txt", label)
    assert (tmp_path / "r.txt").read_text() == "mine"
    assert decode(datalist, tmp_path / "output", tmp_path / "r.txt", label, force=True).is_new


def test_decode_needs_a_name_for_the_text(tmp_path: Path, datalist: Path, label: Path) -> None:
    with pytest.raises(DataError, match="is a folder, expected a name for the text"):
        decode(datalist, tmp_path / "output", tmp_path, label)


def test_decode_needs_a_name_for_every_class(tmp_path: Path, datalist: Path, label: Path) -> None:
    label.write_text("cat\ndog\n")
    with pytest.raises(EvaluationError, match="has 2 class names, 'output_0' 3 scores"):
        decode(datalist, tmp_path / "output", tmp_path / "r.txt", label)
