# SPDX-License-Identifier: Apache-2.0
"""The text form of results: one line a prediction, the best of each image first.

::

    PATH: Relay top-0 id: 281, prob: 0.30834961, class name: tabby, tabby cat

``prob`` is the model's output as it is. Text has no room for provenance, so a sidecar
``FILE.json`` carries it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vackit.data.datalist import read_lines
from vackit.errors import DataError
from vackit.results.text_result import TextResult
from vackit.results.text_result import read_sidecar as read_sidecar
from vackit.results.text_result import sidecar_path as sidecar_path

# The path may hold anything, colons too, so the line is taken apart from its right end
_LINE = re.compile(
    r"(?P<path>.+): (?:[^:/]* )?top-(?P<rank>[0-9]+) id: (?P<id>[0-9]+), "
    r"prob: (?P<prob>[^,:]+), class name: ?(?P<name>.*)\Z"
)


@dataclass(frozen=True)
class Prediction:
    """One line: ``rank`` 0 is the best; ``score`` is the model's output."""

    path: str
    rank: int
    index: int
    score: float
    name: str


def format_line(prediction: Prediction) -> str:
    """Return the line of one prediction, without line end."""
    return (
        f"{prediction.path}: Relay top-{prediction.rank} id: {prediction.index}, "
        f"prob: {prediction.score:.8f}, class name: {prediction.name}"
    )


def read_predictions(path: Path) -> dict[str, tuple[Prediction, ...]]:
    """Read a text of results.

    Returns:
        The predictions of each image by rank, the images in the file's order.

    Raises:
        DataError: The file cannot be read, is empty, or has a line of another form; a rank
            is missing or given twice, or images have different numbers of lines.
    """
    groups: dict[str, dict[int, Prediction]] = {}
    for number, line in enumerate(read_lines(path, "result file"), 1):
        if not line.strip():
            continue
        prediction = _parse(line, f"{path}:{number}")
        ranks = groups.setdefault(prediction.path, {})
        if prediction.rank in ranks:
            raise DataError(
                f"top-{prediction.rank} of '{prediction.path}' stands there twice",
                where=f"{path}:{number}",
            )
        ranks[prediction.rank] = prediction
    if not groups:
        raise DataError("holds no result: the file is empty", where=path)
    size = max(len(ranks) for ranks in groups.values())
    return {image: _in_order(image, ranks, size, path) for image, ranks in groups.items()}


def _parse(line: str, where: str) -> Prediction:
    found = _LINE.match(line.strip())
    if found is None:
        raise DataError(
            f"'{line.strip()[:120]}' is not 'PATH: ... top-K id: N, prob: P, class name: NAME'",
            where=where,
        )
    try:
        score = float(found["prob"])
    except ValueError as error:
        raise DataError(f"prob '{found['prob']}' is not a number", where=where) from error
    if score != score:
        raise DataError(f"prob of '{found['path']}' is NaN", where=where)
    return Prediction(found["path"], int(found["rank"]), int(found["id"]), score, found["name"])


def _in_order(
    image: str, ranks: dict[int, Prediction], size: int, path: Path
) -> tuple[Prediction, ...]:
    if sorted(ranks) != list(range(size)):
        present = ", ".join(f"top-{rank}" for rank in sorted(ranks))
        raise DataError(
            f"'{image}' has {present}; expected top-0 to top-{size - 1}, as others have",
            where=path,
        )
    ordered = tuple(ranks[rank] for rank in range(size))
    if len({prediction.index for prediction in ordered}) < size:
        raise DataError(f"'{image}' has one class at two ranks", where=path)
    return ordered


def write_predictions(path: Path, predictions: Sequence[Prediction], run: dict[str, Any]) -> None:
    """Write a text of results and its sidecar, each atomically.

    Args:
        path: The text file.
        predictions: In the order in which they are to stand.
        run: Provenance, JSON-ready; ``emulated`` says whether an emulator was at work.
    """
    TextResult(path, run).write(predictions_text(predictions))


def predictions_text(predictions: Sequence[Prediction]) -> str:
    """Return what `write_predictions` writes as text."""
    return "".join(f"{format_line(prediction)}\n" for prediction in predictions)
