# SPDX-License-Identifier: Apache-2.0
"""How the commands of evaluation print an accuracy."""

from typing import TYPE_CHECKING, Any

from vackit import console

if TYPE_CHECKING:
    from vamp_eval.evaluate import Evaluation


def print_evaluation(evaluation: "Evaluation", as_json: bool, **more: Any) -> None:
    """Print the accuracy on stdout, and on stderr what a reader of it should know."""
    accuracy = evaluation.accuracy
    if accuracy.top5_depth < 5:
        console.note(
            f"only {accuracy.top5_depth} ranked classes an image: top5 is top-{accuracy.top5_depth}"
        )
    if evaluation.emulated:
        console.note("these results are the emulator's, not a card's")
    if as_json:
        console.print_json({**evaluation.to_json(), **more})
        return
    print(accuracy.summary())
    print(accuracy.details())
