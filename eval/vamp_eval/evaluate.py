# SPDX-License-Identifier: Apache-2.0
"""Score the results of a run. Reads a results folder or a text of predictions."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vackit.data.topk import topk
from vackit.errors import EvaluationError
from vackit.results.reader import ResultEntry, Results, read_results
from vackit.results.text import read_predictions, read_sidecar
from vamp_eval.accuracy import Accuracy, score
from vamp_eval.labels import true_classes

_log = logging.getLogger(__name__)

# So many images without one right answer are no accident, even among 1000 classes
_SUSPICIOUS = 20


@dataclass(frozen=True)
class Evaluation:
    """An accuracy and where its results come from.

    Attributes:
        accuracy: Top-1 and top-5 with their counts.
        emulated: Whether an emulator made the results; ``None`` where nothing says so.
        run: Provenance as the run recorded it; empty where nothing is recorded.
    """

    accuracy: Accuracy
    emulated: bool | None
    run: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return everything, JSON-ready."""
        return {**self.accuracy.to_json(), "emulated": self.emulated, "run": self.run}


def evaluate_results(
    folder: Path, datalist: Path | None = None, label: Path | None = None
) -> Evaluation:
    """Score a results folder; the scores of equal value rank by class index.

    Args:
        folder: What ``vamp --path_output`` wrote.
        datalist: The inputs; needed where the folder has no manifest.
        label: As `vamp_eval.labels.true_classes`.

    Raises:
        DataError: A file is missing, unreadable or holds NaN.
        EvaluationError: Results, inputs and labels do not fit together.
    """
    results = read_results(folder, datalist)
    ranked: list[list[int]] = []
    num_classes = 0
    for _, scores, indices in ranked_classes(results, 5):
        num_classes = scores.size
        ranked.append([int(index) for index in indices])
    truth = true_classes(
        [entry.input for entry in results.entries], num_classes, label, str(folder)
    )
    accuracy = score(ranked, truth)
    _doubt(accuracy, folder)
    return Evaluation(accuracy, results.emulated, results.run)


def evaluate_text(path: Path, label: Path | None = None) -> Evaluation:
    """Score a text of predictions (`vackit.results.text`) by class index, never by name.

    Raises:
        DataError: The text, its sidecar or the label file cannot be read.
        EvaluationError: An image has no label, or its folder is no class.
    """
    predictions = read_predictions(path)
    run = read_sidecar(path) or {}
    truth = true_classes(list(predictions), None, label, str(path))
    ranked = [[prediction.index for prediction in group] for group in predictions.values()]
    accuracy = score(ranked, truth)
    _doubt(accuracy, path)
    return Evaluation(accuracy, Results(path, (), run).emulated, run)


def ranked_classes(
    results: Results, k: int
) -> Iterator[tuple[ResultEntry, NDArray[Any], NDArray[Any]]]:
    """Yield each entry with its scores and the indices of its ``k`` best, best first.

    Scores are ``output_0``, shape (num_classes,); fewer classes than ``k`` give as many
    indices as there are classes.

    Raises:
        DataError: An output cannot be read or holds NaN.
        EvaluationError: An output is not one score a class, or has another number of them.
    """
    num_classes = 0
    for entry in results.entries:
        scores = _scores(entry)
        num_classes = num_classes or scores.size
        if scores.size != num_classes:
            raise EvaluationError(
                f"'output_0' holds {scores.size} scores, the others hold {num_classes}",
                where=entry.path,
            )
        yield entry, scores, topk(scores, min(k, num_classes))


def _scores(entry: ResultEntry) -> NDArray[Any]:
    output = entry.load()[0]
    # (1, num_classes), also with axes of 1 behind, as a final pooling leaves them
    if output.ndim < 2 or output.shape[0] != 1 or output.size != output.shape[1]:
        raise EvaluationError(
            f"'output_0' has shape {output.shape}, expected one score a class: (1, num_classes)",
            where=entry.path,
        )
    return output.reshape(-1)


def _doubt(accuracy: Accuracy, where: Path) -> None:
    if accuracy.top5_count == 0 and accuracy.n >= _SUSPICIOUS:
        _log.warning(
            "%s: not one of %d images is told right; are these labels the model's classes?",
            *(where, accuracy.n),
        )
