# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from vackit.data.npz import write_npz
from vackit.errors import DataError, EvaluationError
from vackit.results.text import Prediction, write_predictions
from vackit.results.writer import ResultsWriter
from vamp_eval.accuracy import Accuracy
from vamp_eval.evaluate import evaluate_results, evaluate_text


def make_results(root: Path, scores: dict[str, list[float]]) -> Path:
    """Write results whose inputs are ``root/NAME``, each with the given scores."""
    inputs = [root / name for name in scores]
    for path in inputs:
        write_npz(path, {"input_0": np.zeros((3, 2, 2), np.uint8)})
    writer = ResultsWriter(root / "output", inputs, {"emulated": True, "batch_size": 1})
    for index, values in zip(writer.pending, scores.values(), strict=True):
        writer.write(index, [np.array([values], np.float16)])
    writer.finish()
    return root / "output"


def test_evaluate_results_needs_nothing_but_the_folder(tmp_path: Path) -> None:
    scores = {
        "2/a.npz": [0, 1, 2, 0, 0, 0, 0.0],
        "2/b.npz": [0, 3, 2, 0, 0, 0, 0.0],
        "6/c.npz": [1, 1, 1, 1, 1, 0, 0.0],
    }
    evaluation = evaluate_results(make_results(tmp_path, scores))
    assert evaluation.accuracy == Accuracy(3, 1, 2)
    assert evaluation.to_json()["emulated"] is True
    assert evaluation.to_json()["run"]["batch_size"] == 1


def test_evaluate_results_ranks_equal_scores_by_index(tmp_path: Path) -> None:
    scores = {"0/a.npz": [1.0] * 8, "1/b.npz": [1.0] * 8, "5/c.npz": [1.0] * 8}
    assert evaluate_results(make_results(tmp_path, scores)).accuracy == Accuracy(3, 1, 2)


def test_evaluate_results_says_where_there_are_fewer_than_five_classes(tmp_path: Path) -> None:
    scores = {"0/a.npz": [0.0, 1.0], "1/b.npz": [0.0, 1.0]}
    assert evaluate_results(make_results(tmp_path, scores)).accuracy == Accuracy(2, 1, 2, 2)


def test_evaluate_results_takes_outputs_of_a_final_pooling(tmp_path: Path) -> None:
    datalist = tmp_path / "list.txt"
    datalist.write_text("/d/2/a.npz\n")
    write_npz(
        tmp_path / "card" / "output_000000.npz",
        {"output_0": np.arange(3, dtype=np.float16).reshape(1, 3, 1, 1)},
    )
    assert evaluate_results(tmp_path / "card", datalist).accuracy.top1_count == 1


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 3, 2), (3, 1)], ids=str)
def test_evaluate_results_refuses_other_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    datalist = tmp_path / "list.txt"
    datalist.write_text("/d/2/a.npz\n")
    write_npz(tmp_path / "card" / "output_000000.npz", {"output_0": np.zeros(shape, np.float16)})
    with pytest.raises(EvaluationError, match=r"000\.npz: 'output_0' has shape .*expected one sco"):
        evaluate_results(tmp_path / "card", datalist)


def test_evaluate_results_refuses_outputs_of_different_sizes(tmp_path: Path) -> None:
    datalist = tmp_path / "list.txt"
    datalist.write_text("/d/0/a.npz\n/d/1/b.npz\n")
    for index, size in enumerate((3, 4)):
        write_npz(
            tmp_path / "card" / f"output_{index:06d}.npz",
            {"output_0": np.zeros((1, size), np.float16)},
        )
    with pytest.raises(EvaluationError, match=r"001\.npz: 'output_0' holds 4 scores, the others "):
        evaluate_results(tmp_path / "card", datalist)


def test_evaluate_results_refuses_nan(tmp_path: Path) -> None:
    folder = make_results(tmp_path, {"0/a.npz": [np.nan, 1.0]})
    with pytest.raises(DataError, match=r"output_000000\.npz: array 'output_0' holds NaN"):
        evaluate_results(folder)


def test_evaluate_results_doubts_that_nothing_is_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = {f"9/{i}.npz": [1.0] * 9 + [0.0] for i in range(20)}
    assert evaluate_results(make_results(tmp_path, scores)).accuracy.top5_count == 0
    assert "not one of 20 images is told right" in caplog.text


def text(path: Path, *rows: tuple[str, list[int]]) -> Path:
    predictions = [
        Prediction(image, rank, index, 1.0 - rank, "crane")
        for image, indices in rows
        for rank, index in enumerate(indices)
    ]
    write_predictions(path, predictions, {"emulated": True, "device": "onnxrt:0"})
    return path


def test_evaluate_text_goes_by_index_not_by_name(tmp_path: Path) -> None:
    # both classes are called crane: one picture shows the bird, one the machine
    path = text(
        tmp_path / "r.txt",
        ("/d/n02012849/bird.JPEG", [517, 134]),
        ("/d/n03126707/machine.JPEG", [517, 134]),
    )
    evaluation = evaluate_text(path)
    assert evaluation.accuracy == Accuracy(2, 1, 2, 2)
    assert evaluation.emulated is True
    assert evaluation.run["device"] == "onnxrt:0"


def test_evaluate_text_takes_labels(tmp_path: Path) -> None:
    path = text(tmp_path / "r.txt", ("/d/a.JPEG", [3]), ("/d/b.JPEG", [4]))
    (tmp_path / "label.txt").write_text("a 3\nb 3\n")
    assert evaluate_text(path, tmp_path / "label.txt").accuracy == Accuracy(2, 1, 1, 1)


def test_evaluate_text_without_sidecar_does_not_know_its_device(tmp_path: Path) -> None:
    path = text(tmp_path / "r.txt", ("/d/3/a.JPEG", [3]))
    (tmp_path / "r.txt.json").unlink()
    assert evaluate_text(path).emulated is None
