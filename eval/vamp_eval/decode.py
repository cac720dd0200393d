# SPDX-License-Identifier: Apache-2.0
"""Turn a results folder into the text form. Reads npz results, writes text and sidecar."""

from dataclasses import dataclass
from pathlib import Path

from vackit.data.labels import read_class_list
from vackit.errors import DataError, EvaluationError
from vackit.results.reader import read_results
from vackit.results.text import (
    Prediction,
    predictions_text,
    sidecar_path,
    write_predictions,
)
from vamp_eval.evaluate import ranked_classes


@dataclass(frozen=True)
class Decoded:
    """What `decode` did: ``is_new`` is false where the same text stood there already."""

    num_images: int
    num_lines: int
    is_new: bool
    emulated: bool | None


def decode(
    datalist: Path, folder: Path, target: Path, label: Path, *, k: int = 5, force: bool = False
) -> Decoded:
    """Write the ``k`` best classes of each image as text, in the datalist's order.

    Each output is joined to its npz by the manifest, or by its number where there is none.

    Args:
        datalist: The inputs.
        folder: Their results.
        target: The text file; its sidecar carries the provenance.
        label: The class list, as many names as the outputs have scores.
        k: How many lines an image.
        force: Replace another text.

    Raises:
        DataError: A file is unreadable, or ``target`` holds something else.
        EvaluationError: Results, datalist and class list do not fit together.
    """
    names = read_class_list(label).names
    results = read_results(folder, datalist)
    predictions: list[Prediction] = []
    for entry, scores, indices in ranked_classes(results, k):
        if scores.size != len(names):
            raise EvaluationError(
                f"{label} has {len(names)} class names, 'output_0' {scores.size} scores",
                where=entry.path,
            )
        predictions += [
            Prediction(entry.input, rank, int(index), float(scores[index]), names[index])
            for rank, index in enumerate(indices)
        ]
    is_new = _is_new(target, predictions_text(predictions).encode(), force)
    if is_new or not sidecar_path(target).exists():
        run = {"emulated": results.emulated, "run": results.run}
        write_predictions(target, predictions, run)
    return Decoded(len(results.entries), len(predictions), is_new, results.emulated)


def _is_new(target: Path, text: bytes, force: bool) -> bool:
    if not target.exists():
        return True
    if not target.is_file():
        raise DataError("is a folder, expected a name for the text", where=target)
    if target.read_bytes() == text:
        return False
    if not force:
        raise DataError(
            "holds another text", where=target, hint="choose another name, or add --force"
        )
    return True
